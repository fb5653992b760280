"""Fills mail templates."""

import re

PLACEHOLDER = re.compile(r"\{\{\s*(\w*)\s*\}\}")


def fill(template, values):
    """``template`` with each ``{{ name }}`` replaced by ``values[name]``."""

    def value(match):
        name = match.group(1).strip()
        return str(values[name]) if name in values else match.group(0)

    return PLACEHOLDER.sub(value, template)
