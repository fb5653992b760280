"""The ways in which the stand-in can be made ill on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault; its argument, where it takes one, lies from ``least`` to ``most``."""

    does: str
    argument: str = ""
    default: float = 0
    least: float = 0
    most: float = 0


KINDS = {
    "status": FaultKind("answers with this HTTP error", "CODE", 500, 400, 599),
    "hang": FaultKind("takes the request and never answers"),
    "reset": FaultKind("closes the connection before any answer"),
    "cut": FaultKind("breaks the answer off half-way, without an ending"),
    "error": FaultKind("sends an error with this code inside a 200 answer", "CODE", 503, 400, 599),
    "html": FaultKind("answers 200 with a web page"),
    "badchunk": FaultKind("sends a piece that is not JSON"),
    "badjson": FaultKind("wraps the reply's JSON in words and Markdown"),
    "offschema": FaultKind("replies with JSON that misses the schema"),
    "length": FaultKind("stops half-way with finish_reason length"),
    "slow": FaultKind("is this many times slower", "FACTOR", 10, 1, 1000),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that befalls a request with probability ``rate``."""

    kind: str
    argument: float
    rate: float

    def __str__(self) -> str:
        argument = f":{self.argument:g}" if KINDS[self.kind].argument else ""
        rate = f"@{self.rate:g}" if self.rate < 1 else ""
        return f"{self.kind}{argument}{rate}"


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read ``KIND[:ARGUMENT][@RATE],…``, e.g. ``status:503@0.1,hang@0.05``; empty for none.

    Raises:
        ValueError: Says which part is wrong, and what is allowed.
    """
    return tuple(_parse_fault(part.strip()) for part in text.split(",") if part.strip())


def choose_fault(faults: tuple[Fault, ...], random: Random) -> Fault | None:
    """The first of ``faults`` that strikes this time, each asked in turn."""
    return next((fault for fault in faults if random.random() < fault.rate), None)


def describe_kinds() -> str:
    """A line for each kind, for a command's help."""
    forms = {name + (f":{k.argument}" if k.argument else ""): k.does for name, k in KINDS.items()}
    return "\n".join(f"  {form:<13} {does}" for form, does in forms.items())


def _parse_fault(part: str) -> Fault:
    named, _, rate = part.partition("@")
    kind, _, argument = named.partition(":")
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; known are {', '.join(KINDS)}")
    known = KINDS[kind]
    if argument and not known.argument:
        raise ValueError(f"the fault {kind!r} takes no argument")
    return Fault(
        kind=kind,
        argument=_number(argument, known.default, known.least, known.most, part),
        rate=_number(rate, 1.0, 0.0, 1.0, part),
    )


def _number(text: str, default: float, least: float, most: float, part: str) -> float:
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise ValueError(f"in the fault {part!r}, {text!r} is not within {least:g} to {most:g}")
    return number
