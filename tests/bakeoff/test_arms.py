"""Which arms may run, and what is said of one that cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError, ReflexError, UntrustedEndpoint
from core.harness import run_bakeoff
from core.harness.bakeoff.arms import choose_arms
from core.harness.bakeoff.progress import Started
from tests.support.bakeoff.arena import LITTLE, arena

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_sandbox")


@pytest.mark.slow
async def test_unknown_and_equal_arms_are_refused(project: Path) -> None:
    """The error lists what there is."""
    async with arena(project, tasks=1) as a:
        with pytest.raises(ConfigError, match="no backend 'vllm'") as unknown:
            await a.run(arms=("vllm", "cloud"))
        assert "reflex, cloud" in unknown.value.remedy
        for arms in (("reflex",), ("cloud", "cloud"), ("a", "b", "c")):
            with pytest.raises(ConfigError, match="two different arms"):
                await a.run(arms=arms)


async def test_a_cloud_without_a_key_is_refused_before_anything(project: Path) -> None:
    """It says which variable to set; on this machine no key is needed."""
    async with arena(project, tasks=1) as a:
        (project / "stage0.toml").write_text(
            f'[reflex]\nendpoint = "{a.reflex.endpoint}"\nmodel = "local"\n', encoding="utf-8"
        )
        with pytest.raises(ConfigError, match="OPENAI_API_KEY") as refused:
            await a.run()
        assert refused.value.exit_code == 2
        assert "export OPENAI_API_KEY" in refused.value.remedy
        assert not a.eval.exists()


async def test_an_untrusted_arm_is_not_contacted(project: Path) -> None:
    """A project's file does not choose where a bakeoff's prompts go."""
    async with arena(project, tasks=1) as a:
        a.configure('[reflex.backends.far]\nendpoint = "http://192.0.2.1/v1"\nmodel = "m"\n')
        with pytest.raises(UntrustedEndpoint):
            await a.run()


@pytest.mark.parametrize("arm", ["reflex", "cloud"])
async def test_an_ill_arm_is_told_by_name(project: Path, arm: str) -> None:
    """Before the first call, with the remedy that health gives."""
    async with arena(project, tasks=1) as a:
        server = getattr(a, arm)
        server.script = replace(server.script, down=True)
        with pytest.raises(ReflexError, match=f"the {arm} arm is unhealthy") as unhealthy:
            await a.run()
        assert unhealthy.value.remedy
        assert not a.eval.exists()


async def test_further_local_servers_can_be_arms(project: Path) -> None:
    """``[reflex.backends]`` by name; held against reflex it promotes nobody."""
    async with arena(project, tasks=1) as a:
        other = f'[reflex.backends.other]\nendpoint = "{a.cloud.endpoint}"\nmodel = "distant"\n'
        a.configure(LITTLE + other)
        finished, _ = await a.run(arms=("reflex", "other"))
    assert list(finished.report.arms) == ["reflex", "other"]
    assert finished.report.arms["other"].timeout_ms == 1500
    assert all(one.solved for one in finished.report.trials)


async def test_a_run_of_the_cloud_against_itself_shows_false_alarms(project: Path) -> None:
    """Both arms are one backend under two names; how often the gate would err is told."""
    async with arena(project, tasks=4) as a:
        finished, _ = await a.run(aa=True, trials=2)
        backends = {one["backend"] for one in a.capsule("LLMCall")}
    assert list(finished.report.arms) == ["cloud", "cloud-b"]
    assert "aa" in finished.report.stamps
    assert backends == {"cloud"}
    assert finished.false_alarms is not None
    assert finished.false_alarms.tasks == 4
    assert finished.false_alarms.failed == 0


async def test_the_cloud_is_asked_as_clouds_want_it(project: Path) -> None:
    """No temperature, seed or limit, and one reply; a local arm gets all of them."""
    async with arena(project, tasks=1) as a:
        finished, _ = await a.run(candidates=3)
        calls = a.capsule("LLMCall")
    cloud = [one["request"] for one in calls if one["mode"] == "cloud"]
    local = [one["request"] for one in calls if one["mode"] == "reflex"]
    assert [one.keys() & {"temperature", "seed", "max_tokens"} for one in cloud] == [set()]
    assert sorted(one["temperature"] for one in local) == [0.0, 0.8, 0.8]
    assert all(one["seed"] is not None and one["max_tokens"] for one in local)
    own = next(one for one in finished.report.trials if one.arm == "reflex")
    assert len(own.attempts[0].candidates) == 3
    assert finished.report.settings.candidates == 3


async def test_requests_run_twice_as_long_as_the_threshold(project: Path) -> None:
    """So that a slow reply is measured rather than cut off at the limit."""
    async with arena(project, tasks=1) as a:
        a.configure("[reflex.thresholds]\np95_latency_ms = 900\n", reflex="timeout_ms = 500")
        arms = choose_arms(a.settings, ("reflex", "cloud"))
    assert arms["reflex"].request_timeout_ms == 1800
    assert arms["cloud"].request_timeout_ms == 60_000


async def test_an_unusable_suite_is_told(project: Path) -> None:
    """Also one whose tests pass before anything is changed."""
    async with arena(project, tasks=1) as a:
        good = (a.suite / "t01/solution/answer.py").read_text(encoding="utf-8")
        (a.suite / "t01/workspace/answer.py").write_text(good, encoding="utf-8")
        with pytest.raises(ReflexError, match="t01: its tests pass before"):
            async for _ in run_bakeoff(a.settings, a.plan()):
                pass
        with pytest.raises(ReflexError, match="no suite or path"):
            await a.run(suite="nonesuch")


async def test_tasks_over_the_context_are_told_before_the_first_trial(project: Path) -> None:
    """A server of 4 tokens can answer none of them; which, the first event says."""
    async with arena(project, tasks=2) as a:
        a.reflex_is(context=4)
        _, events = await a.run()
    started = events[0]
    assert isinstance(started, Started)
    (notice,) = started.notices
    assert notice.startswith("the reflex arm: 2 of 2 tasks are longer than its context")
    assert all(task in notice for task in started.tasks)
