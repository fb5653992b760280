"""Trials made on different machines: their latencies are not pooled."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from core.errors import ReflexError, WorkerError
from core.harness import run_bakeoff
from core.harness.bakeoff import executors, in_process
from core.harness.bakeoff.conclusion import environment
from core.harness.bakeoff.orders import Order, WorkerAnswer, WorkerSettings
from core.harness.bakeoff.plan import Slot
from core.harness.bakeoff.progress import TrialEnded
from core.settings import Cloud, Reflex
from tests.support.bakeoff.arena import arena

if TYPE_CHECKING:
    from pathlib import Path

    from core.patchloop.trial import Attempt

HERE = environment()
ELSEWHERE = HERE.model_copy(update={"cpu": "another", "cpus": HERE.cpus + 1})


@pytest.mark.parametrize("second", [HERE, ELSEWHERE], ids=["same", "other"])
@pytest.mark.usefixtures("no_sandbox")
async def test_resumed_on_another_machine(
    project: Path, monkeypatch: pytest.MonkeyPatch, second: object
) -> None:
    """The journal says where each trial was made; the report is stamped, latency not judged."""
    async with arena(project) as a:
        stop = asyncio.Event()
        async with aclosing(run_bakeoff(a.settings, a.plan(concurrency=1), stop=stop)) as telling:
            async for event in telling:
                if isinstance(event, TrialEnded):
                    stop.set()
        monkeypatch.setattr(in_process, "environment", lambda: second)
        finished, _ = await a.run(concurrency=1, resume=True)
    report = finished.report
    assert ("mixed_hardware" in report.stamps) is (second is ELSEWHERE)
    assert report.environment == HERE
    latency = next(one for one in report.gate["criteria"] if one["name"] == "p95_latency")
    assert latency["state"] == ("inconclusive" if second is ELSEWHERE else "pass")


TERMS = WorkerSettings(
    version="1", run_id="r", policy_hash="p", plan={}, asked=(), reflex=Reflex(), cloud=Cloud(),
    named=(), about={}, pauses_s=(),
)  # fmt: skip
SLOT = Slot("t01", "reflex", 0, 7)
TRIAL = {"task": "t01", "arm": "reflex", "trial": 0, "attempts": [], "solved": False, "diff": ""}
EVENT = {"event_type": "BakeoffFinished", "run_id": "r", "policy_hash": "p"}


class Pool:
    """Stands for workers that give this answer, whatever they are asked."""

    workers = ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")

    def __init__(self, **said: object) -> None:
        self._said = said

    async def ask(self, order: Order) -> WorkerAnswer:
        """As a ``Pool`` does."""
        return WorkerAnswer.model_validate({"host": "w\x1b[31m", "machine": HERE, **self._said})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"trial": {**TRIAL, "task": "t02"}}, "another trial"),
        ({"trial": TRIAL, "events": [EVENT]}, "evidence that is not of this run"),
        ({"trial": TRIAL, "events": [{"event_type": "LLMCall"}]}, "evidence that is not of"),
        ({"trial": {"nonsense": 1}}, "malformed"),
        ({}, "malformed"),
    ],
)
async def test_what_comes_back_is_not_believed(said: dict[str, object], why: str) -> None:
    """It is a failed trial, without the evidence that came along; hosts are shown as text."""
    remote = executors.RemoteTrials(Pool(**said), TERMS, 3)  # type: ignore[arg-type]
    assert remote.at_once == 6
    told: list[Attempt] = []
    made = await remote.make(SLOT, told.append)
    assert (made.trial.task, made.trial.arm, made.trial.solved) == ("t01", "reflex", False)
    assert list(made.trial.attempts) == told
    assert why in told[0].detail
    assert "\x1b" not in told[0].detail
    assert made.events == ()


@pytest.mark.parametrize(
    "url",
    [
        "dask://",
        "dask://host",
        "dask://host:port",
        "dask://u:p@host:1",
        "tcp://h:1",
        "dask://h:1/x",
    ],
)
def test_an_address_is_a_host_and_a_port(url: str) -> None:
    """Anything else is refused before anything is contacted."""
    assert executors.address_of("dask://gpu-1.lan:8786") == "tcp://gpu-1.lan:8786"
    assert executors.address_of("dask://[::1]:8786") == "tcp://[::1]:8786"
    with pytest.raises(ReflexError, match="no executor that is known"):
        executors.address_of(url)


def test_a_worker_says_no_in_words() -> None:
    """An order that it cannot carry out is answered, not raised across the network."""
    from core.harness.bakeoff.worker import answer

    said = WorkerAnswer.model_validate_json(answer(Order(terms=TERMS, slot=SLOT).model_dump_json()))
    assert said.refusal
    assert said.refusal.usage
    assert "of this package, not 1" in said.refusal.message
    assert WorkerError.exit_code == 2
