"""A real bakeoff that was recorded, so that the demo has a report to look at from the start."""

from __future__ import annotations

from pathlib import Path

from core.harness.report.document import STAMPS, Report
from core.harness.report.storage import write

RECORDED = Path(__file__).with_name("recorded_bakeoff.json")


def recorded_bakeoff() -> Report:
    """The report as ``code reflex bakeoff`` wrote it, marked ``recorded``: it counts nowhere."""
    report = Report.model_validate_json(RECORDED.read_bytes())
    marks = {*report.stamps, "recorded"}
    return report.model_copy(update={"stamps": tuple(one for one in STAMPS if one in marks)})


def show_recorded(directory: Path) -> Path:
    """Write the recorded report into ``directory``; returns its path.

    Raises:
        ReportError: It cannot be written.
    """
    return write(recorded_bakeoff(), directory)[0]
