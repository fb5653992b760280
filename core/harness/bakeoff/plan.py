"""What is asked of a bakeoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.stages import CLOUD, PRIMARY

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.patchloop.edits import EditFormat

DEFAULT_SUITE = "reflex_patchloop_v1"
_MOST_TRIALS = 100
_MOST_ATTEMPTS = 20
_MOST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """A bakeoff as the user wants it; None takes the suite's or the configuration's own.

    ``arms`` are the one on trial and the one it is held against; with ``aa`` it is the cloud
    against itself. ``tasks`` is a glob on task ids, ``shard`` (I, N) one part of N. ``suite`` is a
    built-in name or a path. ``executor`` says whose processes make the trials, such as
    ``dask://HOST:PORT``, and ``concurrency`` then counts for each worker; None: this one. ``out``
    is where reports and journals go, by default ``.speckit/eval``. ``reuse_cloud`` is a report
    whose second arm's trials are taken over.
    """

    suite: str = DEFAULT_SUITE
    arms: tuple[str, ...] = (PRIMARY, CLOUD)
    trials: int = 1
    tasks: str = "*"
    attempts: int | None = None
    candidates: int | None = None
    edit_format: EditFormat | None = None
    concurrency: int = 1
    executor: str | None = None
    seed: int | None = None
    shard: tuple[int, int] | None = None
    reuse_cloud: Path | None = None
    out: Path | None = None
    allow_unsandboxed: bool = False
    aa: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        _within("trials", self.trials, _MOST_TRIALS)
        _within("concurrency", self.concurrency, _MOST_AT_ONCE)
        if self.attempts is not None:
            _within("attempts", self.attempts, _MOST_ATTEMPTS)
        if self.candidates is not None:
            _within("candidates", self.candidates, _MOST_AT_ONCE)
        if self.shard and not 1 <= self.shard[0] <= self.shard[1]:
            raise ConfigError(f"there is no shard {self.shard[0]} of {self.shard[1]}")
        if self.aa and self.reuse_cloud:
            raise ConfigError("an A/A run asks the cloud twice: it cannot reuse a report")


def _within(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise ConfigError(f"{name} must be from 1 to {most}, not {value}")
