"""Checks product codes typed by hand or read from a scanner."""

import re

CODE = re.compile(r"[A-Z]{3}-[0-9]{4}")


def is_code(text):
    """Whether the whole text is one product code."""
    return CODE.match(text) is not None


def rejected(texts):
    """Those of ``texts`` that are no codes, in their order."""
    return [text for text in texts if not is_code(text)]
