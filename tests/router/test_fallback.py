"""What happens when reflex fails: counted, tried again, handed on, and all of it on record."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from core.capsule import EventLog
from core.client.chat import ChatClient
from core.client.portable import portable
from core.errors import AttemptTimeout, MalformedRequest, NoBackend, ServerError
from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Mode
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from tests.support.router.later import pass_time
from tests.support.router.world import QUESTION, SCHEMA, promote, world

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = {
    "status:500": "server_error",
    "status:408": "server_error",
    "reset": "connect_failed",
    "cut": "incomplete",
    "error:500": "server_error",
    "html": "protocol",
    "badchunk": "protocol",
    "offschema": "not_compliant",
    "length": "cut",
}
_SHORT = {"status:500", "reset", "cut", "offschema"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (fault, code) if fault in _SHORT else pytest.param(fault, code, marks=pytest.mark.slow)
        for fault, code in FAULTS.items()
    ],
)
async def test_three_requests_then_the_cloud_for_all_calls(
    project: Path, fault: str, code: str, *, torture: bool
) -> None:
    """max_failures = 3: exactly three requests reach the sick server, every call is answered."""
    calls = 100 if torture or fault == "status:500" else 8
    async with world(project) as w:
        w.faults(fault)
        async with w.implementer() as implementer:
            answers = [await implementer.complete(QUESTION, schema=SCHEMA) for _ in range(calls)]
        assert w.reflex.requests == 3
        assert w.cloud.requests == calls
    assert {answer.mode for answer in answers} == {Mode.CLOUD}
    assert {answer.reason for answer in answers} == {"max_failures_reached"}
    assert [answer.attempts for answer in answers] == [4] + [1] * (calls - 1)
    decisions, made = w.events("RoutingDecision"), w.events("LLMCall")
    assert [d["is_fallback"] for d in decisions[:3]] == [False, True, False]
    assert decisions[1]["detail"] == code
    assert [c["error"] for c in made[:4]] == [code] * 3 + [None]
    assert [c["fallback_reason"] for c in made[:4]] == [None, code, code, code]
    assert [c["attempt"] for c in made[:4]] == [1, 2, 3, 4]
    (change,) = w.events("BreakerStateChanged")
    assert (change["before"], change["after"], change["cause"]) == ("closed", "open", code)


@pytest.mark.parametrize(
    ("schema", "extra"),
    [
        ({"type": "no such"}, {}),
        ({"$ref": "#/$defs/none"}, {}),
        (None, {"metadata": {"half": "\ud800"}}),
        (None, {"metadata": float("nan")}),
    ],
)
async def test_nobody_else_is_asked_what_cannot_be_sent(
    project: Path, schema: Any, extra: dict[str, Any]
) -> None:
    """The caller hears of its own mistake at once, and one decision is on record."""
    async with world(project) as w:
        async with w.implementer() as implementer:
            with pytest.raises(MalformedRequest):
                await implementer.complete(QUESTION, schema=schema, extra=extra)
        assert w.cloud.requests == 0
        modes = [one["mode"] for one in w.events("RoutingDecision")]
        errors = [one["error"] for one in w.events("LLMCall")]
    assert (modes, errors) == (["reflex"], ["malformed_request"])


async def test_a_cloud_over_tls_is_made_ready_before_it_is_needed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its certificates are read beside the run's first call; a fallback finds them read."""
    read: list[object] = []
    create = httpx.create_ssl_context

    def recorded() -> object:
        read.append(context := create())
        return context

    monkeypatch.setattr(httpx, "create_ssl_context", recorded)
    async with world(project) as w:
        path = w.settings.source.path
        assert path
        path.write_text(path.read_text().replace(w.cloud.endpoint, "https://127.0.0.1:9/v1"))
        settings = load_settings(path)
        await promote(settings)
        async with Implementer.from_settings(settings) as implementer:
            assert (await implementer.complete(QUESTION)).mode is Mode.REFLEX
        assert len(read) == 1


async def test_a_hang_costs_its_deadline_and_no_more(project: Path) -> None:
    """Each attempt ends with timeout_ms; the record says timeout."""
    async with world(project) as w:
        path = w.settings.source.path
        assert path
        path.write_text(path.read_text().replace("[reflex]", "[reflex]\ntimeout_ms = 80"))
        w.faults("hang")
        settings = load_settings(path)
        await promote(settings)
        async with Implementer.from_settings(settings) as implementer:
            answer = await implementer.complete(QUESTION)
    assert (answer.mode, answer.attempts) == (Mode.CLOUD, 4)
    failed = w.events("LLMCall")[:3]
    assert {call["error"] for call in failed} == {"timeout"}
    assert all(call["latency_ms"] >= 79 for call in failed)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_configuration_opens_at_once(project: Path, status: int) -> None:
    """Trying again would not fix a key or a name."""
    async with world(project) as w:
        w.faults(f"status:{status}")
        async with w.implementer() as implementer:
            answer = await implementer.complete(QUESTION)
            await implementer.complete(QUESTION)
        assert w.reflex.requests == 1
    assert (answer.reason, answer.detail) == ("max_failures_reached", "misconfigured")


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_bad_request_goes_straight_on_and_is_not_counted(
    project: Path, status: int
) -> None:
    """The server is healthy; this request is not for it."""
    async with world(project) as w:
        w.faults(f"status:{status}")
        async with w.implementer() as implementer:
            for _ in range(5):
                answer = await implementer.complete(QUESTION)
        assert w.reflex.requests == 5
    assert (answer.reason, answer.detail) == ("backend_failed", "bad_request")
    assert {d["failure_count"] for d in w.events("RoutingDecision")} == {0}


async def test_a_prompt_over_the_context_is_not_sent(project: Path) -> None:
    """The server would refuse it, or cut it; the cloud answers, and nothing has failed."""
    long: list[Any] = [{"role": "user", "content": "word " * 2_000}]
    async with world(project) as w:
        w.reflex.script = replace(w.reflex.script, context=1_000)
        async with w.implementer() as implementer:
            answers = [await implementer.complete(asked) for asked in (QUESTION, long, QUESTION)]
        assert (w.reflex.requests, w.cloud.requests) == (2, 1)
    assert [answer.mode for answer in answers] == [Mode.REFLEX, Mode.CLOUD, Mode.REFLEX]
    assert answers[1].reason == "prompt_exceeds_context"
    assert answers[1].detail is not None
    assert answers[1].detail.endswith("_of_1000_tokens")
    assert not answers[1].is_fallback


async def test_success_sets_the_count_back(project: Path) -> None:
    """Consecutive failures count, not their sum."""
    async with world(project) as w, w.implementer() as implementer:
        for _ in range(4):
            w.faults("status:500@0.5")  # which strikes is the seed's to say; two in a row at most
            await implementer.complete(QUESTION)
            w.faults("")
            assert (await implementer.complete(QUESTION)).mode is Mode.REFLEX
    assert not w.events("BreakerStateChanged")


async def test_a_probe_closes_the_breaker_when_it_is_answered(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open, then half-open after recovery_s, then closed by a real answer; each on record."""
    text = "[reflex.fallback]\nmax_failures = 1\nrecovery_s = 30\n"
    async with world(project, text) as w, w.implementer() as implementer:
        w.faults("status:500")
        assert (await implementer.complete(QUESTION)).mode is Mode.CLOUD
        w.faults("")
        assert (await implementer.complete(QUESTION)).reason == "max_failures_reached"
        pass_time(monkeypatch, 100)
        assert (await implementer.complete(QUESTION)).mode is Mode.REFLEX
    changes = [(e["before"], e["after"]) for e in w.events("BreakerStateChanged")]
    assert changes == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


async def test_a_green_probe_of_health_does_not_close_it(project: Path) -> None:
    """Only a real answer proves that the server can answer."""
    async with world(project) as w:
        w.faults("status:500")
        async with w.implementer() as implementer:
            await implementer.complete(QUESTION)
            w.faults("")
        async with w.implementer() as implementer:
            assert (await implementer.decide()).reason == "max_failures_reached"


async def test_the_order_is_honoured_with_its_decisions(project: Path) -> None:
    """["vllm", "cloud"]: the second local server answers when the first has failed."""
    at_once = Script(ttft_ms=0, tokens_per_s=0, model="second", owned_by="vllm")
    async with ScriptedServer(at_once) as vllm:
        text = (
            '[reflex.fallback]\norder = ["vllm", "cloud"]\n'
            f'[reflex.backends.vllm]\nendpoint = "{vllm.endpoint}"\nmodel = "second"\n'
        )
        async with world(project, text) as w:
            w.faults("status:500")
            async with w.implementer() as implementer:
                first = await implementer.complete(QUESTION)
                w.reflex.script = w.reflex.script.changed({"down": True})
                second = await implementer.complete(QUESTION)
                vllm.script = vllm.script.changed({"faults": "status:500"})
                third = await implementer.complete(QUESTION)
    assert [a.backend for a in (first, second, third)] == ["vllm", "vllm", "cloud"]
    assert [a.mode for a in (first, third)] == [Mode.REFLEX, Mode.CLOUD]
    assert first.is_fallback
    decisions = [(d["backend"], d["is_fallback"]) for d in w.events("RoutingDecision")]
    assert decisions[:2] == [("reflex", False), ("vllm", True)]
    assert decisions[-2:] == [("vllm", True), ("cloud", True)]


async def test_a_local_fallback_is_no_way_round_the_gate(project: Path) -> None:
    """A server that stands in for an unpromoted one would serve what nobody has earned."""
    async with ScriptedServer(Script(ttft_ms=0, tokens_per_s=0, model="second")) as vllm:
        text = (
            '[reflex.fallback]\norder = ["vllm", "cloud"]\n'
            f'[reflex.backends.vllm]\nendpoint = "{vllm.endpoint}"\nmodel = "second"\n'
        )
        async with world(project, text, promoted=False) as w:
            w.reflex.script = w.reflex.script.changed({"down": True})
            async with w.implementer() as implementer:
                answer = await implementer.complete(QUESTION)
        assert (answer.backend, vllm.requests) == ("cloud", 0)


async def test_without_the_cloud_the_typed_error_is_raised(project: Path) -> None:
    """to_cloud = false and nothing else in order: first the server's error, then the breaker's."""
    async with world(project, "[reflex.fallback]\nto_cloud = false\n") as w:
        w.faults("status:500")
        async with w.implementer() as implementer:
            with pytest.raises(ServerError):
                await implementer.complete(QUESTION)
            with pytest.raises(NoBackend, match="max_failures_reached"):
                await implementer.complete(QUESTION)
        assert w.cloud.requests == 0


async def test_a_clouds_hang_is_its_own_timeout(project: Path) -> None:
    """The cloud has a deadline too."""
    async with world(project, "timeout_ms = 60\n", promoted=False) as w:
        w.cloud.script = w.cloud.script.changed({"faults": "hang"})
        async with w.implementer() as implementer:
            with pytest.raises(AttemptTimeout):
                await implementer.complete(QUESTION)


@pytest.mark.slow
async def test_one_probe_goes_of_many_at_half_open(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 concurrent calls when the probe is due: one request, 200 answers."""
    text = "[reflex.fallback]\nmax_failures = 1\nrecovery_s = 30\n"
    async with world(project, text) as w:
        w.faults("status:500")
        async with w.implementer() as implementer:
            await implementer.complete(QUESTION)
            pass_time(monkeypatch, 100)
            answers = await asyncio.gather(*[implementer.complete(QUESTION) for _ in range(200)])
        assert w.reflex.requests == 2
    assert len({answer.call_id for answer in answers}) == 200


@pytest.mark.slow
async def test_a_flapping_server_answers_every_call_once(project: Path, *, torture: bool) -> None:
    """Faults at random: every call has one answer, and no more requests than the limit allows."""
    calls = 10_000 if torture else 100
    text = "[reflex.fallback]\nrecovery_s = 0.05\n"
    async with world(project, text) as w, w.implementer() as implementer:
        w.faults("status:500@0.2,reset@0.1,cut@0.1,offschema@0.1")
        gate = asyncio.Semaphore(16)

        async def one() -> str:
            async with gate:
                return (await implementer.complete(QUESTION, schema=SCHEMA)).call_id

        answered = await asyncio.gather(*[one() for _ in range(calls)])
    assert len(set(answered)) == calls
    events = w.events("LLMCall")
    requests = Counter(e["call_id"] for e in events)
    assert set(requests) == set(answered)
    assert max(requests.values()) <= 4
    assert Counter(e["call_id"] for e in events if e["success"]) == Counter(answered)
    with EventLog(project / ".speckit" / "capsule") as log:
        assert log.verify().ok


_ONE_CALL = """
import asyncio, sys
from pathlib import Path
from core import Implementer, load_settings

async def main():
    async with Implementer.from_settings(load_settings(Path(sys.argv[1]))) as implementer:
        answer = await implementer.complete([{"role": "user", "content": "?"}])
        print(answer.backend)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_the_count_is_shared_by_processes(project: Path, *, torture: bool) -> None:
    """One call each in many processes: three requests in all, every call answered by the cloud."""
    processes = 100 if torture else 4
    async with world(project, "[reflex.fallback]\nrecovery_s = 300\n") as w:
        w.faults("status:500")
        for _ in range(processes):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", _ONE_CALL, str(w.settings.source.path)],
                env=os.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stdout == "cloud\n", done.stderr
        assert w.reflex.requests == 3
        assert w.cloud.requests == processes


async def test_a_fallback_is_recorded_in_the_order_it_happened(project: Path) -> None:
    """Failed call, breaker, the new decision: in this order, and durable before the cloud hears."""
    seen: list[list[str]] = []
    send = ChatClient.complete

    async def looking(client: ChatClient, *given: Any, **named: Any) -> Any:
        seen.append([record.event_type for record in log.read()][-4:])
        return await send(client, *given, **named)

    async with world(project, "[reflex.fallback]\nmax_failures = 1\n") as w:
        w.faults("status:500")
        async with w.implementer() as implementer:
            with (
                EventLog(project / ".speckit" / "capsule") as log,
                pytest.MonkeyPatch.context() as m,
            ):
                m.setattr(ChatClient, "complete", looking)
                answer = await implementer.complete(QUESTION)
                last = log.tail(1)[0]
    assert answer.mode is Mode.CLOUD
    happened = ["RoutingDecision", "LLMCall", "BreakerStateChanged", "RoutingDecision"]
    assert [types[-1] for types in seen] == ["RoutingDecision", "RoutingDecision"]
    assert seen[1] == happened
    assert (last.event_type, last.body["fallback_reason"]) == ("LLMCall", "server_error")


async def test_each_local_server_is_sent_of_a_schema_what_its_grammar_takes(project: Path) -> None:
    """A successor is asked who it is before its first call; what was sent instead is on record."""
    name = {"type": "string", "minLength": 1, "maxLength": 9}
    schema = SCHEMA | {"properties": {"path": name, "n": {"type": "integer"}}}
    script = Script(ttft_ms=0, tokens_per_s=0, model="local", owned_by="vllm")
    async with ScriptedServer(script) as beside:
        text = (
            '[reflex.fallback]\norder = ["second", "cloud"]\n[reflex.backends.second]\n'
            f'endpoint = "{beside.endpoint}"\nmodel = "local"\n'
        )
        async with world(project, text) as w:
            w.faults("status:500")
            async with w.implementer() as implementer:
                answer = await implementer.complete(QUESTION, schema=schema)
            calls = w.events("LLMCall")
    assert answer.backend == "second"
    less = json.dumps(portable(schema), sort_keys=True, separators=(",", ":"))
    assert less != json.dumps(schema, sort_keys=True, separators=(",", ":"))
    hashed = f"sha256:{hashlib.sha256(less.encode()).hexdigest()}"
    sent = [(one["backend"], one["schema_sent"]) for one in calls]
    assert sent == [("reflex", hashed)] * 3 + [("second", None)]
    assert all(one["request"]["schema"] == schema for one in calls)
