"""What the bakeoff pane says while there is no report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.figures import duration, percent
from reflex_tui.model.gate import MAKE_FIRST

if TYPE_CHECKING:
    from core.settings.model import Thresholds


def no_bakeoff(thresholds: Thresholds, key: str) -> tuple[str, str, tuple[str, ...]]:
    """What a bakeoff is, what it has to show, and how to make the first; ``key`` begins it."""
    sure = f", {percent(100 * thresholds.confidence)} sure" if thresholds.confidence else ""
    latency = duration(thresholds.p95_latency_ms)
    parity = percent(thresholds.success_parity_percent)
    compliance = percent(thresholds.json_schema_compliance_percent)
    what = (
        "A bakeoff gives the same repair tasks to reflex and to the cloud. Until reflex passes "
        "one, every Implement call goes to the cloud. Reflex passes when"
    )
    return (
        "No bakeoff yet",
        "muted",
        (
            what,
            "",
            f"  P95 latency       is under {latency}{sure}",
            f"  success parity    is at least {parity} of the cloud's{sure}",
            f"  JSON compliance   is at least {compliance}",
            "",
            f"Press {key} to start one: you see calls and cost first.",
            "Or run it in a shell; the report appears here too:",
            "",
            f"$ {MAKE_FIRST}",
        ),
    )
