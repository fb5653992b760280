"""What a command printed, made fit for a model: nothing of this machine, the same every time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.patchloop.prompt import MOST_FEEDBACK

if TYPE_CHECKING:
    from collections.abc import Mapping


_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\n])", re.MULTILINE)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SPAN = r"\d+(?:\.\d+\s?s(?:ec(?:onds?)?)?|(?:\.\d+)?\s?ms)"
# Only where runners tell how long they took: a number in an assertion's message stays. Blanks are
# read from their first on alone: from each of a million on, they would take hours.
_TIMING = re.compile(rf"(?<!\s)\s+in {_SPAN}\b|(?<!\s)\s*\({_SPAN}\)")
_GAP = "\n…\n"
_ERRORS = (re.compile(r"\b\w*(?:Error|Exception)\b: "), re.compile(r"\bassert "))
# A line's end, also where lines have been joined, and the rules that runners draw.
_NEXT = re.compile(r"\n|  |\s(?:={5}|-{5}|_{5})")
_MOST_SAID = 160


def neutral(output: str, replaced: Mapping[str, str], limit: int = MOST_FEEDBACK) -> str:
    """``output`` without colours, addresses and timings, at most ``limit`` characters.

    Each key of ``replaced``, a directory, becomes its value, the longest first. Of a long output
    the beginning and, larger, the end are kept: runners put their summary there.
    """
    text = _OVERWRITTEN.sub("", _ESCAPES.sub("", output).replace("\r\n", "\n"))
    for directory in sorted(replaced, key=len, reverse=True):
        short = replaced[directory]
        text = text.replace(f"{directory}/", f"{short}/" if short else "")
        text = text.replace(directory, short or ".")
    text = _TIMING.sub("", _ADDRESS.sub("", text)).strip()
    if len(text) <= limit:
        return text
    head = limit // 3
    return text[:head] + _GAP + text[len(text) - (limit - head - len(_GAP)) :]


def gist(output: str) -> str:
    """The words most worth a line of progress: the last error named, else how it ends."""
    for error in _ERRORS:
        found = [match.start() for match in error.finditer(output)]
        if found:
            return _NEXT.split(output[found[-1] :], maxsplit=1)[0]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][-_MOST_SAID:] if lines else ""
