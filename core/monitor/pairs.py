"""Tasks with a check that two models worked on: who solved which. The only paired outcomes live."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class PairedTasks:
    """Tasks by who solved them."""

    both: int = 0
    reflex_only: int = 0
    cloud_only: int = 0
    neither: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.both + self.reflex_only + self.cloud_only + self.neither

    @property
    def reflex(self) -> int:
        """Those that reflex solved."""
        return self.both + self.reflex_only

    @property
    def cloud(self) -> int:
        """Those that the cloud solved."""
        return self.both + self.cloud_only


NO_PAIRS = PairedTasks()


def solved_by(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether reflex and the cloud solved the task of a ShadowChecked, whose seal was checked."""
    return body.get("solved") is True, body.get("cloud_solved") is True


def by_solver(pairs: Iterable[tuple[bool, bool]]) -> PairedTasks:
    """The tasks whether reflex and the cloud solved them, counted."""
    counts = Counter(pairs)
    return PairedTasks(
        both=counts[True, True],
        reflex_only=counts[True, False],
        cloud_only=counts[False, True],
        neither=counts[False, False],
    )
