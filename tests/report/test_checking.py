"""A report against the configuration of now: the pure part of ``check``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.harness.gate.criteria import Verdict
from core.harness.report.compare import compare
from core.harness.report.still_counts import CheckedReport, check, present
from core.settings import load_settings
from tests.support.report.synthetic import LIMITS, arm, made, planted, run_settings, suite, task_ids
from tests.support.report.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.report.document import Report


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project whose report still holds."""
    return Workspace.begin(tmp_path)


def _checked(workspace: Workspace, report: Report | None = None, **values: Any) -> CheckedReport:
    own = workspace.made(**values) if report is None else report
    now = present(own, workspace.root, datetime.now(UTC))
    return check(own, load_settings(workspace.root / "stage0.toml"), now)


def test_a_pass_that_still_holds_is_zero(workspace: Workspace) -> None:
    """Nothing lapsed, nothing to note."""
    found = _checked(workspace)
    assert (found.exit_status, found.lapses, found.notes) == (0, (), ())
    assert found.headline == "pass: every criterion clears"


@pytest.mark.parametrize(
    ("trials", "verdict", "status"),
    [
        (planted(lost=20), Verdict.FAIL, 1),
        (planted(20), Verdict.INCONCLUSIVE, 3),
    ],
)
def test_a_fail_is_one_and_no_verdict_three(
    workspace: Workspace, trials: list[Any], verdict: Verdict, status: int
) -> None:
    """As the trials say."""
    found = _checked(workspace, trials=trials)
    assert (found.gate.verdict, found.exit_status) == (verdict, status)
    assert found.headline.startswith(verdict)


def test_a_flipped_verdict_changes_nothing_and_is_told(workspace: Workspace) -> None:
    """The trials count, not what the report says of itself."""
    honest = workspace.made(planted(lost=20))
    forged = honest.model_copy(update={"gate": workspace.made().gate})
    found = _checked(workspace, forged)
    assert found.exit_status == 1
    assert found.stored == "pass"
    assert "says pass of itself, but its trials say fail" in found.notes[0]


LAPSES: list[tuple[str, dict[str, Any]]] = [
    ("model_changed", {"arms": {"reflex": arm("reflex", model="m2"), "cloud": arm("cloud")}}),
    (
        "server_changed",
        {
            "arms": {
                "reflex": arm("reflex", endpoint="http://127.0.0.1:1/v1"),
                "cloud": arm("cloud"),
            }
        },
    ),
    ("other_backend", {"arms": {"reflex": arm("reflex", backend="vllm"), "cloud": arm("cloud")}}),
    ("suite_changed", {"suite": suite(task_ids(64), root="./suite")}),
    ("prompt_changed", {"prompt_hash": "sha256:other"}),
    ("schema_changed", {"schema_hash": "sha256:other"}),
    ("schema_changed", {"settings": run_settings(json_schema=False)}),
    ("candidates_changed", {"settings": run_settings(candidates=4)}),
    ("stale", {"finished_at": datetime(2020, 1, 1, tzinfo=UTC)}),
    ("partial", {"stamps": ["partial"]}),
    ("server_changed", {"stamps": ["server_changed"]}),
    ("unsandboxed", {"stamps": ["unsandboxed"]}),
    ("scripted", {"stamps": ["scripted"]}),
    ("demo", {"stamps": ["demo"]}),
    ("aa", {"stamps": ["aa"]}),
    ("shard", {"settings": run_settings(shard="1/2")}),
]


@pytest.mark.parametrize(("code", "values"), LAPSES)
def test_what_lapsed_is_named_and_the_pass_is_no_pass(
    workspace: Workspace, code: str, values: dict[str, Any]
) -> None:
    """In the router's own words where it has one."""
    found = _checked(workspace, **values)
    assert found.gate.verdict is Verdict.PASS
    assert [one.code for one in found.lapses] == [code]
    assert found.exit_status == 1
    assert found.headline == f"passed, but does not count: {code}"


def test_the_suite_on_disk_counts(workspace: Workspace) -> None:
    """A changed file, a suite that is gone, and one of which only a part was run."""
    report = workspace.made()
    (workspace.root / "suite" / "suite.toml").write_text('name = "changed"\n')
    assert [one.code for one in _checked(workspace, report).lapses] == ["suite_changed"]
    (workspace.root / "suite" / "suite.toml").unlink()
    assert [one.code for one in _checked(workspace, report).lapses] == ["suite_changed"]
    some = workspace.made()
    part = some.model_copy(update={"suite": some.suite.model_copy(update={"tasks": 65})})
    (lapse,) = _checked(workspace, part).lapses
    assert lapse.code == "subset"
    assert "64 of the suite's 65 tasks" in lapse.message


@pytest.mark.parametrize(
    "root", ["../../../../..", "/", "/etc", "..", "a\0b", "\ud800", "x" * 4000, "x/" * 2000]
)
def test_a_strangers_path_is_not_looked_into(workspace: Workspace, root: str) -> None:
    """Only the workspace and suites of our own format are hashed, and no path that cannot be."""
    report = workspace.made(suite=suite(task_ids(64), root=root))
    assert _checked(workspace, report).lapses[0].code == "suite_changed"


def test_a_built_in_suite_is_found_by_its_name(workspace: Workspace) -> None:
    """It has a hash, and another one than the made-up report's."""
    report = made()
    now = present(report, workspace.root, datetime.now(UTC))
    assert now.suite_hash is not None
    assert now.suite_hash.startswith("sha256:")


def test_the_demos_own_workspace_takes_its_own_reports(workspace: Workspace) -> None:
    """As the router does there."""
    report = workspace.made(stamps=["demo", "scripted"])
    now = present(report, workspace.root, datetime.now(UTC), in_demo=True)
    assert check(report, load_settings(workspace.root / "stage0.toml"), now).exit_status == 0


def test_a_report_from_the_future_is_stale(workspace: Workspace) -> None:
    """A day of a clock's error is forgiven, no more."""
    soon, later = (datetime.now(UTC) + timedelta(hours=hours) for hours in (20, 30))
    assert _checked(workspace, finished_at=soon).lapses == ()
    assert _checked(workspace, finished_at=later).lapses[0].message == "it is from the future"


def test_todays_thresholds_judge(workspace: Workspace) -> None:
    """Stricter ones turn a pass into a fail; that they differ is said."""
    config = workspace.root / "stage0.toml"
    config.write_text("[reflex.thresholds]\np95_latency_ms = 50\n")
    found = _checked(workspace)
    assert found.exit_status == 1
    assert found.gate.misses == ("p95_latency",)
    assert "the thresholds have changed since" in found.notes[0]
    config.write_text("[reflex]\n")
    lax = workspace.made(thresholds=replace(LIMITS, confidence=0))
    assert _checked(workspace, lax).gate.criteria[0].bound is not None


def test_todays_deadline_judges(workspace: Workspace) -> None:
    """Replies that took longer would fail now."""
    (workspace.root / "stage0.toml").write_text("[reflex]\ntimeout_ms = 110\n")
    assert _checked(workspace).gate.misses == ("success_parity",)


def test_a_regression_is_a_failure_of_a_pass(workspace: Workspace) -> None:
    """A significant regression against the baseline, though every threshold is met."""
    report, baseline = workspace.made(planted(cloud_lost=5, lost=5)), workspace.made()
    now = present(report, workspace.root, datetime.now(UTC))
    settings = load_settings(workspace.root / "stage0.toml")
    found = check(report, settings, now, compare(report, baseline))
    assert found.gate.verdict is Verdict.PASS
    assert found.exit_status == 1
    assert found.headline == "passed, but with a significant regression against the baseline"
