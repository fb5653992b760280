"""A project's thresholds cannot make a pass of nothing; accepted ones leave their mark on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.settings.consent import store
from tests.support.bakeoff.arena import arena

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = (
    "[reflex.thresholds]\nconfidence = 0\nsuccess_parity_percent = 0\n"
    "json_schema_compliance_percent = 0\np95_latency_ms = 600000\n"
)


@pytest.mark.usefixtures("no_sandbox")
async def test_a_projects_file_makes_no_pass_of_nothing(project: Path) -> None:
    """A model that solves none of three fails by the defaults, in report and capsule."""
    async with arena(project, tasks=3) as a:
        a.solve(0, 3)
        a.configure(NOTHING)
        store().unlink()  # what ``configure`` accepted
        finished, _ = await a.run(allow_unsandboxed=True)
        [decision] = a.capsule("GateDecision")
    assert finished.report.gate["verdict"] == decision["verdict"] == "fail"
    assert finished.report.thresholds.confidence == 0.95
    assert decision["thresholds"]["success_parity_percent"] == 85
    assert "loosened" not in (*finished.report.stamps, *decision["stamps"])


@pytest.mark.usefixtures("no_sandbox")
async def test_what_the_user_accepted_is_marked(project: Path) -> None:
    """On the report's page, on the report, and on the decision that the router believes."""
    async with arena(project, tasks=3) as a:
        a.solve(0, 3)
        a.configure(NOTHING)
        assert a.settings.refused is None
        finished, _ = await a.run(allow_unsandboxed=True)
        [decision] = a.capsule("GateDecision")
        page = finished.md_path.read_text(encoding="utf-8")
        assert decision["verdict"] == "pass"
        assert "loosened" in finished.report.stamps
        assert "loosened" in decision["stamps"]
        assert "thresholds looser than the defaults" in page
        store().write_text("")
        assert a.settings.reflex.thresholds.confidence == 0.95
