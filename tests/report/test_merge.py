"""Shards make the report of the whole, or an error that says why they are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ReportError
from core.harness.gate.criteria import Verdict
from core.harness.report.document import SandboxRecord
from core.harness.report.merge import merge
from core.harness.report.storage import rederive, summaries
from tests.support.report.synthetic import (
    ENDED,
    LIMITS,
    arm,
    environment,
    made,
    planted,
    run_settings,
    suite,
    task_ids,
)

if TYPE_CHECKING:
    from core.harness.report.document import Report
    from core.patchloop.trial import Trial


def _shards(trials: list[Trial], parts: int, **values: Any) -> list[Report]:
    """The trials dealt out by task, as a run with ``--shard`` does."""
    tasks = sorted({one.task for one in trials})
    most = 1 + max(one.trial for one in trials)
    return [
        made(
            [one for one in trials if one.task in tasks[part::parts]],
            suite=suite(tasks).model_copy(update={"selected": tuple(tasks[part::parts])}),
            settings=run_settings(shard=f"{part + 1}/{parts}", trials=most),
            latency_calls=(),
            run_id=f"run-{part}",
            created_at=ENDED - timedelta(minutes=part + 2),
            finished_at=ENDED - timedelta(minutes=part),
            **values,
        )
        for part in range(parts)
    ]


@pytest.mark.slow
@given(st.data())
def test_the_merged_report_says_what_an_unsharded_run_would(data: st.DataObject) -> None:
    """The same gate, the same figures, the same tasks, whatever order the shards come in."""

    def draw(least: int, most: int) -> int:
        return data.draw(st.integers(least, most))

    trials = draw(1, 2)
    everything = planted(draw(6, 64), lost=draw(0, 6), slow=draw(0, 3), trials=trials)
    whole = made(everything, settings=run_settings(trials=trials), latency_calls=())
    merged = merge(data.draw(st.permutations(_shards(everything, draw(1, 5)))))
    assert merged.gate == whole.gate
    assert summaries(merged) == summaries(whole)
    assert merged.suite == whole.suite
    assert merged.settings == whole.settings
    assert not merged.partial
    assert merged.stamps == ()


def test_a_missing_shard_makes_it_partial() -> None:
    """As does a shard that is partial itself."""
    shards = _shards(planted(), 4)
    merged = merge(shards[:3])
    assert merged.stamps == ("partial",)
    assert not merged.subset
    stopped = made(shards[0].trials, **_parts(shards[0]), stamps=["partial"])
    assert merge([stopped, *shards[1:]]).partial


def _parts(report: Report) -> dict[str, Any]:
    return {"suite": report.suite, "settings": report.settings}


def test_it_spans_all_shards_and_has_an_id_of_its_own() -> None:
    """From the first beginning to the last end; the same shards give the same id."""
    shards = _shards(planted(), 3)
    merged = merge(shards)
    assert (merged.created_at, merged.finished_at) == (ENDED - timedelta(minutes=4), ENDED)
    assert merged.run_id == merge(shards[::-1]).run_id
    assert merged.run_id != shards[0].run_id
    assert merged.capsule_head == shards[0].capsule_head


def test_latency_is_not_merged_across_hardware() -> None:
    """Then the latency criterion is inconclusive and says why, and so it stays when re-derived."""
    shards = _shards(planted(), 2)
    other = shards[1].model_copy(update={"environment": environment(cpus=2), "capsule_head": "x"})
    merged = merge([shards[0], other])
    gate = rederive(merged)
    assert merged.stamps == ("mixed_hardware",)
    assert merged.gate == gate.as_json()
    assert gate.verdict is Verdict.INCONCLUSIVE
    assert gate.criteria[0].value is None
    assert "different hardware" in gate.criteria[0].note
    assert gate.criteria[1].state is Verdict.PASS
    assert merged.capsule_head == ""


def test_a_miss_fails_also_across_hardware() -> None:
    """What can be judged still is."""
    shards = _shards(planted(lost=30), 2)
    other = shards[1].model_copy(update={"environment": environment(cpu="Another CPU")})
    assert rederive(merge([shards[0], other])).misses == ("success_parity",)


def test_another_host_of_the_same_kind_is_the_same_hardware() -> None:
    """Runners of one pool differ in name and a few MiB."""
    shards = _shards(planted(), 2)
    twin = environment(hostname_hash="sha256:other", memory_mb=32_010)
    assert merge([shards[0], shards[1].model_copy(update={"environment": twin})]).stamps == ()


def test_stamps_and_the_weakest_sandbox_carry_over() -> None:
    """A whole is as safe as its least safe part."""
    first, second = _shards(planted(), 2, stamps=["scripted"])
    for tier in ("none", "a tier nobody knows"):
        weak = second.model_copy(update={"sandbox": SandboxRecord(tier=tier, escapes_held=0)})
        merged = merge([first, weak])
        assert merged.sandbox.tier == tier
        assert merged.stamps == ("scripted",)


DIFFERENT: dict[str, dict[str, Any]] = {
    "suite": {"suite": suite(task_ids(32), hash="sha256:other")},
    "prompt": {"prompt_hash": "sha256:other"},
    "reply schema": {"schema_hash": "sha256:other"},
    "choice of tasks": {"suite": suite(task_ids(32), glob="t*", tasks=64)},
    "choice of arms": {"arms": {"reflex": arm("reflex", model="other"), "cloud": arm("cloud")}},
    "settings": {"settings": run_settings(shard="2/2", seed=8)},
    "thresholds": {"thresholds": replace(LIMITS, confidence=0.9)},
    "reused cloud report": {"reused_from": "sha256:other"},
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_shards_of_different_runs_are_refused_and_the_difference_named(what: str) -> None:
    """One run means one of everything that the verdict depends on."""
    first, second = _shards(planted(), 2)
    with pytest.raises(ReportError, match=f"another {what} than shard 1/2"):
        merge([first, second.model_copy(update=DIFFERENT[what])])


def test_what_is_there_twice_or_is_no_shard_is_refused() -> None:
    """The same shard, a task in two, a whole run, one beyond the last, nothing at all."""
    first, second = _shards(planted(), 2)
    beyond = first.model_copy(update={"settings": run_settings(shard="3/2")})
    both = second.model_copy(update={"suite": first.suite, "trials": first.trials})
    for reports, said in (
        ([first, first], "there twice"),
        ([first, both], "in two shards"),
        ([first, made()], "is no shard"),
        ([beyond], "is no shard"),
        ([], "nothing to merge"),
    ):
        with pytest.raises(ReportError, match=said):
            merge(reports)
