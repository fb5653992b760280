"""How the stand-in behaves: its pace, the faults to provoke, and what chance makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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


DEFAULT_MODEL = "scripted-cloud"


@dataclass(frozen=True, slots=True)
class Script:
    """The stand-in's behaviour.

    ``ttft_ms`` is request to first content; ``tokens_per_s`` the pace after it, a token being four
    characters and 0 meaning at once; ``jitter`` the sigma of a log-normal factor on both.
    With ``down`` it drops every connection. ``seed`` and the request's number decide all chance.
    """

    model: str = DEFAULT_MODEL
    owned_by: str = "scripted"
    context: int | None = None
    ttft_ms: float = 350.0
    tokens_per_s: float = 80.0
    jitter: float = 0.0
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    down: bool = False

    def __post_init__(self) -> None:
        for name in ("ttft_ms", "tokens_per_s", "jitter"):
            if not (math.isfinite(value := getattr(self, name)) and value >= 0):
                raise ValueError(f"{name} must be a number from 0, not {value!r}")

    def changed(self, changes: Mapping[str, Any]) -> Script:
        """This script with ``changes`` as JSON gives them; ``faults`` is text.

        Raises:
            ValueError: Names the key that is unknown or has the wrong type or value.
        """
        for key, value in changes.items():
            if key not in _CHANGEABLE:
                raise ValueError(f"unknown key {key!r}; known are {', '.join(_CHANGEABLE)}")
            if isinstance(value, bool) is not (key == "down") or not isinstance(
                value, _CHANGEABLE[key]
            ):
                raise ValueError(f"{key} cannot be {value!r}")
        faults = changes.get("faults")
        return replace(
            self, **changes if faults is None else {**changes, "faults": parse_faults(faults)}
        )

    def as_json(self) -> dict[str, Any]:
        """The present values, as ``changed`` takes them."""
        now = {key: getattr(self, key) for key in _CHANGEABLE}
        return {**now, "faults": ",".join(map(str, self.faults))}


_CHANGEABLE: dict[str, type | tuple[type, ...]] = {
    "faults": str,
    "down": bool,
    "ttft_ms": (int, float),
    "tokens_per_s": (int, float),
    "jitter": (int, float),
    "seed": int,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """What chance decided for one request: its fault, and its pace in seconds."""

    fault: Fault | None
    ttft_s: float
    token_s: float

    def has(self, kind: str) -> bool:
        """Whether its fault is of ``kind``."""
        return self.fault is not None and self.fault.kind == kind


def turn(script: Script, number: int) -> Turn:
    """The turn of request ``number``, counted from 0; the same for the same script."""
    random = Random(f"{script.seed}:{number}")  # noqa: S311  chance, not a secret
    fault = choose_fault(script.faults, random)
    slower = fault.argument if fault is not None and fault.kind == "slow" else 1.0
    return Turn(
        fault=fault,
        ttft_s=script.ttft_ms / 1000 * slower * random.lognormvariate(0, script.jitter),
        token_s=(1 / script.tokens_per_s if script.tokens_per_s else 0.0)
        * slower
        * random.lognormvariate(0, script.jitter),
    )
