"""How the stand-in behaves, and what that means for one request."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from core.engine.faults import Fault, choose_fault, parse_faults

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        """What ``changed`` takes, as it stands now."""
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
