"""What is saved: within its interval where calls were held out, and honest where none were."""

from __future__ import annotations

import csv
import json
import random
import time
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.monitor.facts import CallFacts, day_of, facts_of, week_of
from core.monitor.savings import grouped, savings_of
from core.stages import Mode, Reason
from reflex_tui.cli.main import run
from reflex_tui.model.savings import unknown
from tests.support.capsule.filling import Ticking, call
from tests.support.capsule.making import QuickDisk, decision
from tests.support.router.world import QUESTION, world
from tests.support.tui.making import settings

if TYPE_CHECKING:
    from pathlib import Path

TIME = "2026-01-12T10:00:00.000Z"


def price(prompt: int, completion: int) -> float | None:
    """A dollar a million tokens."""
    return (prompt + completion) / 1e6


def one_call(rng: random.Random, *, held_out: bool) -> CallFacts:
    """The cloud takes 1,000 tokens and 4 s on average; reflex half a second, and 1 of 10 fails."""
    if held_out:
        reason, took = Reason.HOLDOUT, rng.expovariate(1 / 4000)
        tokens, answered, solved = round(rng.expovariate(1 / 1000)), Mode.CLOUD, 0.9
    else:
        reason, took = Reason.HEALTHY_AND_THRESHOLDS_MET, rng.expovariate(1 / 500)
        tokens, answered, solved = 0, Mode.REFLEX, 0.81
        if rng.random() < 0.1:
            tokens, answered = round(rng.expovariate(1 / 1000)), Mode.CLOUD
            took += rng.expovariate(1 / 4000)
    return CallFacts(
        TIME, reason, None, None, answered, took, cloud_prompt=tokens, ok=rng.random() < solved
    )


def test_the_intervals_hold_what_is_so() -> None:
    """Of 95 % intervals by simulation: a call saves 900 tokens' price, 3.1 s, at 90 % parity."""
    rng, hits, runs = random.Random(5), [0, 0, 0], 120
    for _ in range(runs):
        ours = [one_call(rng, held_out=False) for _ in range(400)]
        found = savings_of("x", ours + [one_call(rng, held_out=True) for _ in range(60)], price)
        truths = (400 * 900 / 1e6, 400 * 3.1, 0.9)
        for place, (truth, one) in enumerate(
            zip(truths, (found.usd, found.seconds, found.parity), strict=True)
        ):
            assert one is not None
            assert one.low is not None
            assert one.high is not None
            hits[place] += one.low <= truth <= one.high
    assert found.usd_by == "holdout"
    assert all(0.88 <= each / runs <= 1 for each in hits), hits


def test_a_task_counts_once() -> None:
    """With all that it took, whoever ended it; its outcome is that of the model it was given to."""

    def task(name: str, reason: Reason, *calls: tuple[float, int, bool | None]) -> list[CallFacts]:
        reasons = [reason] * (len(calls) - 1) + [Reason.MAX_FAILURES_REACHED]
        reasons = reasons if reason is Reason.HEALTHY_AND_THRESHOLDS_MET else [reason] * len(calls)
        return [
            CallFacts(TIME, why, None, None, Mode.CLOUD if tokens else Mode.REFLEX, took,
                      cloud_prompt=tokens, ok=ok, task=name)
            for why, (took, tokens, ok) in zip(reasons, calls, strict=True)
        ]  # fmt: skip

    # Reflex fails twice in a second each, and the cloud ends it; a held-out task takes the cloud
    # two calls.
    ours = [task(f"r{n}", Reason.HEALTHY_AND_THRESHOLDS_MET, (1000, 0, None), (1000, 0, False),
                 (4000, 700 + n, True)) for n in range(12)]  # fmt: skip
    theirs = [task(f"c{n}", Reason.HOLDOUT, (4000, 700, None), (4000, 900 + n, True))
              for n in range(12)]  # fmt: skip
    calls = [call for one in (*ours, *theirs) for call in one]
    found = savings_of("all", calls, price)
    assert (found.calls, found.local, found.compared, found.held_out) == (60, 24, 12, 12)
    assert found.seconds is not None
    assert found.seconds.value == pytest.approx(12 * 2)
    assert found.usd is not None
    assert found.usd.value == pytest.approx(12 * 900 / 1e6)
    assert (found.known, found.parity) == ((12, 12), None)  # reflex solved none of them
    late = [replace(call, time="2026-01-13T10:00:00.000Z") for call in ours[0][1:]]
    by_day = grouped([ours[0][0], *late, *theirs[0]], lambda one: one.time[:10])
    assert {day: len(group) for day, group in by_day.items()} == {"2026-01-12": 5}


def test_without_a_hold_out_less_is_claimed() -> None:
    """Tokens are counted and priced; time and success are not known."""
    calls = [
        CallFacts(
            TIME, Reason.HEALTHY_AND_THRESHOLDS_MET, None, "s", Mode.REFLEX, 500.0,
            local_prompt=900, local_completion=100, counted=number > 0, ok=True,
        )
        for number in range(20)
    ]  # fmt: skip
    found = savings_of("all", calls, price)
    assert (found.tokens_local, found.uncounted, found.usd_by) == (20_000, 1, "tokens")
    assert found.usd is not None
    assert (round(found.usd.value, 9), found.usd.low) == (0.02, None)
    assert (found.seconds, found.parity, found.known) == (None, None, (20, 0))
    *_, missing = unknown(found, settings())
    assert "known of 20 calls of reflex and 0 of the cloud, 10 of each are needed" in missing
    *_, missing = unknown(savings_of("none", [], lambda *_: None), settings())
    assert missing == "Success: report outcomes of calls: code reflex outcome CALL_ID ok|failed."
    assert savings_of("none", [], lambda *_: None).usd is None
    assert {name: len(group) for name, group in grouped(calls, lambda c: day_of(c.time)).items()}
    assert week_of(TIME) == "2026-W03"
    assert (day_of("soon"), week_of("soon")) == ("", "")


async def test_the_command_tells_them(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real calls, half of them held out: text, JSON and CSV say the same."""
    text = (
        "price_input_per_million = 1.0\nprice_output_per_million = 1.0\n"
        "[reflex.monitor]\nholdout = 0.5\n"
    )
    async with world(project, text) as scene, scene.implementer() as implementer:
        for _ in range(70):
            await implementer.complete(QUESTION)
        answer = await implementer.complete(QUESTION)
        await implementer.outcome(answer.call_id, ok=True)
    monkeypatch.chdir(project)
    assert run(["savings", "--by", "day"], "code reflex") == 0
    shown = capsys.readouterr().out
    assert "calls     71 of Implement" in shown
    assert "Intervals hold with 95 % confidence" in shown
    assert run(["savings", "--by", "week", "--json"], "code reflex") == 0
    document = json.loads(capsys.readouterr().out)
    total = document["all"]
    assert total["compared"] + total["held_out"] == total["calls"] == 71
    assert total["usd_by"] == "holdout"
    assert total["usd"]["value"] > 0  # the stand-in writes as many tokens each time
    assert total["seconds"]["low"] < total["seconds"]["value"] < total["seconds"]["high"]
    assert sum(total["known"]) == 1
    assert [part["calls"] for part in document["parts"]] == [71]
    assert run(["savings", "--csv"], "code reflex") == 0
    (row,) = csv.DictReader(StringIO(capsys.readouterr().out))
    assert (row["name"], row["calls"]) == ("all", "71")
    assert float(row["usd_low"]) == total["usd"]["low"]
    assert run(["savings", "--csv", "--json"], "code reflex") == 2


def test_a_long_log_is_read_in_one_go(tmp_path: Path, *, torture: bool) -> None:
    """100,000 events of a day; planted outcomes and odd fields among them are passed over."""
    count = 100_000 if torture else 400
    with EventLog(tmp_path / "capsule", clock=Ticking(), disk=QuickDisk()) as log:
        for number in range(count // 2):
            log.append(decision(f"c{number}", mode=Mode.REFLEX))
            log.append(
                call(f"c{number}", Mode.REFLEX, prompt_tokens=-1 if number else 7,
                     completion_tokens=3)
            )  # fmt: skip
        began = time.perf_counter()
        found = facts_of(log.path, tmp_path, key=b"k" * 32)
        took_s = time.perf_counter() - began
    print(f"{count:,} events in {took_s:.2f} s")  # noqa: T201
    assert len(found) == count // 2
    assert savings_of("all", found, price).tokens_local == 7 + 3 * (count // 2)
