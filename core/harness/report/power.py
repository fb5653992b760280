"""What a model as good as the cloud would get: how much a verdict with this suite can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.figures import percent
from core.harness.gate.power import power_of_an_equal
from core.harness.gate.statistics import LEAST_CONFIDENCE
from core.harness.report.derived import solved

if TYPE_CHECKING:
    from core.harness.report.document import Report

# A cloud that solves fewer is no yardstick.
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class EqualPower:
    """Of 100 first runs of a model as good as the cloud, parity clears in about ``of_100``.

    That is with this many ``tasks``, of which the cloud solves ``cloud_percent``.
    """

    tasks: int
    cloud_percent: float
    of_100: int

    @property
    def words(self) -> str:
        """The same in a sentence."""
        return (
            f"With {self.tasks} tasks of which this cloud solves {percent(self.cloud_percent)}, a "
            f"model as good as the cloud clears success parity in about {self.of_100} of 100 first "
            "runs."
        )

    def as_json(self) -> dict[str, Any]:
        """In RFC JSON."""
        return {
            "tasks": self.tasks,
            "cloud_percent": self.cloud_percent,
            "equal_model_clears_percent": self.of_100,
        }


def power_of(report: Report) -> EqualPower | None:
    """The power of the report's suite and cloud; None where it cannot be said.

    That is where the cloud was not asked, or solves under half, or no bound is asked for.
    """
    _, baseline = report.pair
    own = [one for one in report.trials if one.arm == baseline]
    share = sum(solved(report, one) for one in own) / len(own) if own else 0.0
    tasks = len(report.suite.selected)
    if report.thresholds.confidence < LEAST_CONFIDENCE or share < _HALF or not tasks:
        return None
    power = power_of_an_equal(tasks, round(share, 2), report.thresholds)
    return EqualPower(tasks, round(100 * share, 4), round(100 * power))
