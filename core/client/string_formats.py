"""Which values of the keyword ``format`` are checked in a reply, and how.

They are those that engines constrain a reply to; any other is for people to read. The forms are
those of RFC 3339 (``date``, ``time``, ``date-time``), ISO 8601 (``duration``) and RFC 3986
(``uri``). Each check takes time linear in the text, so that a schema with formats stays ordinary.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema import FormatChecker

_BY_LIBRARY = ("date", "email", "ipv4", "ipv6", "uuid")
_TIME = re.compile(
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
    re.IGNORECASE,
)
_CLOCK = r"T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?"
_DURATION = re.compile(rf"P(?=[0-9T])(?:[0-9]+W|(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:{_CLOCK})?)")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f-\U0010ffff\"<>\\^`{|}]*")
_MOST_HOSTNAME = 253
_DATE = len("2026-01-12")


def format_checker() -> FormatChecker:
    """A checker for ``date time date-time duration email hostname ipv4 ipv6 uri uuid``."""
    from jsonschema import FormatChecker  # loads with the validator, when a schema is first used

    checker = FormatChecker(formats=_BY_LIBRARY)
    for name, whole in (("time", _TIME), ("duration", _DURATION), ("uri", _URI)):
        checker.checks(name)(_matching(whole))
    checker.checks("hostname")(_is_hostname)
    checker.checks("date-time", raises=ValueError)(_is_date_time)
    return checker


def _matching(whole: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or whole.fullmatch(value) is not None


def _is_hostname(value: object) -> bool:
    return not isinstance(value, str) or (
        len(value) <= _MOST_HOSTNAME and _HOSTNAME.fullmatch(value) is not None
    )


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    date.fromisoformat(value[:_DATE])
    by_month = value[4:5] == value[7:8] == "-"  # Python takes a week's day too: 2026-W03-1
    joined = by_month and value[_DATE : _DATE + 1] in {"T", "t", " "}
    return joined and bool(_TIME.fullmatch(value[_DATE + 1 :]))
