"""Cloud trials are taken over only where they are what a new run would have seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.errors import ReportError
from core.harness.report.merge import Reusable, reusable_cloud_trials
from tests.support.report.synthetic import ENDED, arm, made, planted, run_settings, task_ids, trial


def _reuse(**values: Any) -> Reusable:
    report = values.pop("report", None) or made(planted(4, trials=2), stamps=["scripted"])
    asked: dict[str, Any] = {
        "suite_hash": "sha256:5a17e",
        "tasks": tuple(task_ids(4)),
        "prompt_hash": "sha256:9f0a",
        "schema_hash": "sha256:5c4e",
        "endpoint": "https://api.openai.com/v1",
        "model": "gpt-5-mini",
        "timeout_ms": arm("cloud").timeout_ms,
        "settings": run_settings(trials=2),
        "now": ENDED + timedelta(days=1),
        "max_age_days": 30,
    }
    return reusable_cloud_trials(report, **asked | values)


def test_the_cloud_arms_trials_come_with_what_limits_them() -> None:
    """Who answered, and the mark of the stand-in."""
    reused = _reuse()
    assert len(reused.trials) == 8
    assert {one.arm for one in reused.trials} == {"cloud"}
    assert reused.arm == arm("cloud")
    assert reused.stamps == ("scripted",)


def test_only_what_is_asked_for_is_taken() -> None:
    """Fewer tasks, fewer trials."""
    reused = _reuse(tasks=("task-001",), settings=run_settings(trials=1))
    assert [(one.task, one.trial) for one in reused.trials] == [("task-001", 0)]


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("suite was sha256:5a17e and is other", {"suite_hash": "other"}),
        ("prompt was", {"prompt_hash": "other"}),
        ("reply schema was", {"schema_hash": "other"}),
        ("endpoint was https", {"endpoint": "other"}),
        ("model was gpt-5-mini and is other", {"model": "other"}),
        ("timeout_ms was", {"timeout_ms": 1.0}),
        ("is 31 days old, and max_age_days is 30", {"now": ENDED + timedelta(days=31)}),
        ("is -2 days old", {"now": ENDED - timedelta(days=2)}),
        ("attempts was 3 and is 2", {"settings": run_settings(attempts=2)}),
        ("edit format was auto", {"settings": run_settings(edit_format="whole_file")}),
        ("no trial of cloud", {"tasks": ("another",)}),
        (
            "no arm 'cloud'",
            {"report": made([trial("a", "reflex")], arms={"reflex": arm("reflex")})},
        ),
    ],
)
def test_other_circumstances_are_refused_and_named(said: str, values: dict[str, Any]) -> None:
    """Each of them would make the pairing a lie."""
    with pytest.raises(ReportError, match=said):
        _reuse(**values)
