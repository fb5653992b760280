"""What one attempt's end means: an answer, a busy server, a failure that counts, or neither."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import core
from core.capsule import EventLog
from core.capsule.capture import Capture
from core.client.backend import ChatRequest
from core.errors import BadRequest, Misconfigured, RateLimited, ServerError
from core.router.fitting import fitted
from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Mode
from tests.support.behaviours import (
    DONE,
    MODEL,
    ROLE,
    SCHEMA,
    Handler,
    Seen,
    delta,
    event,
    said,
    streams,
    whole,
)
from tests.support.faultserver import FaultServer
from tests.support.router.later import pass_time
from tests.support.router.world import promote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.client.backend import Message
    from core.settings import Settings

QUESTION: list[Message] = [{"role": "user", "content": "Which line is wrong?"}]
AFTER_TOOL: list[Message] = [
    *QUESTION,
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "1", "content": "done"},
]
# SGLang answers a streamed request 200 before it finds that its queue is full.
FULL_IN_STREAM = event({"error": {"message": "The request queue is full.", "code": 503}})


@asynccontextmanager
async def between(
    project: Path, *reflex: str | Handler, cloud: str | Handler = "good", text: str = ""
) -> AsyncIterator[tuple[Implementer, FaultServer, FaultServer]]:
    """An Implementer over two servers that behave so, promoted."""
    async with FaultServer(*reflex) as local, FaultServer(cloud) as remote:
        path = project / "stage0.toml"
        path.write_text(
            f'[reflex]\nenabled = true\nendpoint = "{local.endpoint}"\nmodel = "{MODEL}"\n'
            f'[cloud]\nendpoint = "{remote.endpoint}"\nmodel = "{MODEL}"\n{text}'
        )
        settings = load_settings(path)
        await promote(settings)
        async with Implementer.from_settings(settings) as implementer:
            yield implementer, local, remote


def recorded(settings: Settings, *types: str) -> list[dict[str, Any]]:
    """The capsule's records of these types, oldest first."""
    with EventLog(settings.state_dir / "capsule") as log:
        return [dict(record.body) for record in log.read() if record.event_type in types]


@pytest.mark.parametrize(
    ("full", "code"),
    [
        (whole({"error": {"message": "queue full"}}, status=503), "busy"),
        (whole({"error": {"message": "slow down"}}, status=429), "rate_limited"),
        (streams(FULL_IN_STREAM, DONE), "busy"),
    ],
)
async def test_a_busy_server_is_not_asked_again_and_not_counted(
    project: Path, full: Handler, code: str
) -> None:
    """A full queue sends the call to the successor at once; the breaker learns nothing of it."""
    async with between(project, full) as (implementer, local, _):
        answers = [await implementer.complete(QUESTION) for _ in range(5)]
        settings = implementer.settings
    assert len(local.chats) == 5
    assert {(a.mode, a.attempts, a.reason, a.detail) for a in answers} == {
        (Mode.CLOUD, 2, "backend_failed", code)
    }
    assert not recorded(settings, "BreakerStateChanged")
    assert {d["failure_count"] for d in recorded(settings, "RoutingDecision")} == {0}


async def test_a_request_timeout_of_the_servers_counts(project: Path) -> None:
    """408 is no full queue: the server gave up."""
    async with between(project, whole({}, status=408)) as (implementer, local, _):
        answer = await implementer.complete(QUESTION)
    assert (len(local.chats), answer.attempts) == (3, 4)
    assert (answer.reason, answer.detail) == ("max_failures_reached", "server_error")


@pytest.mark.parametrize(
    ("extra", "max_tokens"), [({}, 4), ({"max_completion_tokens": 4}, None), ({"max_tokens": 4}, 0)]
)
async def test_a_reply_cut_by_the_callers_own_limit_is_an_answer(
    project: Path, extra: dict[str, Any], max_tokens: int | None
) -> None:
    """The caller asked for no more; nothing has failed."""
    cut = streams(ROLE, event(delta({"content": "The first"})), event(delta({}, "length")), DONE)
    async with between(project, cut) as (implementer, local, remote):
        answer = await implementer.complete(QUESTION, max_tokens=max_tokens or None, extra=extra)
        settings = implementer.settings
    assert (answer.text, answer.finish_reason, answer.mode) == ("The first", "length", Mode.REFLEX)
    assert (len(local.chats), len(remote.chats)) == (1, 0)
    (call,) = recorded(settings, "LLMCall")
    assert (call["success"], call["error"], call["finish_reason"]) == (True, None, "length")


@pytest.mark.parametrize(
    ("asked", "ended"),
    [
        ({}, "no limit was set"),
        ({"max_tokens": 5000}, "the server's own context cut it"),
    ],
)
async def test_any_other_cut_is_a_failure(project: Path, asked: dict[str, Any], ended: str) -> None:
    """Cut by the server, or cut and so not what was asked for."""
    cut = streams(*said("A longer reply", finish="length"))
    async with between(project, cut) as (implementer, local, _):
        answer = await implementer.complete(QUESTION, **asked)
    assert answer.mode is Mode.CLOUD, ended
    assert len(local.chats) == 3


@pytest.mark.parametrize("what", ["half a JSON object", "half a call"])
async def test_what_the_callers_limit_makes_useless_is_no_fault_of_the_server(
    project: Path, what: str
) -> None:
    """The cloud is asked at once; neither the breaker nor the monitor counts it."""
    function = {"name": "run", "arguments": '{"a": '}
    part = {"tool_calls": [{"index": 0, "id": "c", "function": function}]}
    said_first = {"content": '{"a": '} if what == "half a JSON object" else part
    tool = {"type": "function", "function": {"name": "run"}}
    asked: dict[str, Any] = (
        {"schema": SCHEMA} if what == "half a JSON object" else {"extra": {"tools": [tool]}}
    )
    cut = streams(ROLE, event(delta(said_first)), event(delta({}, "length")), DONE)
    async with between(project, cut) as (implementer, local, _):
        for _ in range(4):
            answer = await implementer.complete(QUESTION, max_tokens=4, **asked)
            assert (answer.mode, answer.reason) == (Mode.CLOUD, "backend_failed")
        settings = implementer.settings
    assert len(local.chats) == 4
    assert not recorded(settings, "BreakerStateChanged")
    ours = [one for one in recorded(settings, "LLMCall") if one["mode"] == "reflex"]
    assert {(one["error"], one["finish_reason"], one["watched"]) for one in ours} == {
        ("cut_by_caller", "length", 0)
    }


async def test_an_empty_turn_after_a_tools_result_is_an_answer(project: Path) -> None:
    """A model that has nothing to add says so; the same to a question is a fault."""
    empty = streams(ROLE, event(delta({}, "stop")), DONE)
    async with between(project, empty) as (implementer, local, _):
        answer = await implementer.complete(AFTER_TOOL)
        assert (answer.text, answer.mode, answer.finish_reason) == ("", Mode.REFLEX, "stop")
        assert len(local.chats) == 1
        assert (await implementer.complete(QUESTION)).mode is Mode.CLOUD


async def test_a_refused_request_proves_that_the_server_lives(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 at half-open closes the breaker, on record with the true reason."""
    refusal = whole({"error": {"message": "no such parameter"}}, status=400)
    text = "[reflex.fallback]\nmax_failures = 1\nrecovery_s = 30\n"
    async with between(project, "status_500", refusal, "good", text=text) as (implementer, *_):
        assert (await implementer.complete(QUESTION)).reason == "max_failures_reached"
        pass_time(monkeypatch, 100)
        refused = await implementer.complete(QUESTION)
        assert (refused.reason, refused.detail) == ("backend_failed", "bad_request")
        assert (await implementer.complete(QUESTION)).mode is Mode.REFLEX
        settings = implementer.settings
    changes = recorded(settings, "BreakerStateChanged")
    assert [(one["before"], one["after"], one["cause"]) for one in changes] == [
        ("closed", "open", "server_error"),
        ("open", "half_open", "recovery_due"),
        ("half_open", "closed", "bad_request"),
    ]


async def test_a_request_that_was_never_sent_proves_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the client itself refuses leaves the breaker as it is."""
    text = "[reflex.fallback]\nmax_failures = 1\nrecovery_s = 30\n"
    async with between(project, "status_500", text=text) as (implementer, local, _):
        await implementer.complete(QUESTION)
        pass_time(monkeypatch, 100)
        with pytest.raises(BadRequest):
            await implementer.complete(QUESTION, extra={"stop": object()})
        assert len(local.chats) == 1
        assert (await implementer.view()).breaker.state == "half_open"


async def test_a_busy_server_at_half_open_leaves_the_probe_to_the_next(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full queue is neither a failure nor a proof."""
    full = whole({"error": {"message": "queue full"}}, status=503)
    text = "[reflex.fallback]\nmax_failures = 1\nrecovery_s = 30\n"
    async with between(project, "status_500", full, "good", text=text) as (implementer, *_):
        await implementer.complete(QUESTION)
        pass_time(monkeypatch, 100)
        assert (await implementer.complete(QUESTION)).mode is Mode.CLOUD
        assert (await implementer.complete(QUESTION)).mode is Mode.REFLEX


def test_what_counts_is_written_in_the_errors() -> None:
    """Configuration opens, a full queue does not count, the rest of 5xx does."""
    kinds = {
        kind: kind("", status=0).counting for kind in (Misconfigured, RateLimited, ServerError)
    }
    assert list(kinds.values()) == ["opens", "not_counted", "counted"]


async def test_the_request_is_looked_through_while_the_server_thinks(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding secrets in a long prompt takes milliseconds, which no caller waits for."""
    looked = asyncio.Event()
    request = Capture.request

    def seen(self: Capture, obj: Any) -> Any:
        looked.set()
        return request(self, obj)

    monkeypatch.setattr(Capture, "request", seen)
    good = streams(*said("yes"))

    async def thinks(asked: Seen, writer: asyncio.StreamWriter) -> None:
        await looked.wait()
        await good(asked, writer)

    async with between(project, thinks) as (implementer, *_):
        answer = await implementer.complete(QUESTION)
    assert (answer.mode, answer.attempts) == (Mode.REFLEX, 1)


def test_attempts_are_made_in_one_place() -> None:
    """No other module of ours asks a model or records a decision by itself."""
    asks = re.compile(r"\.(?:record_decision|begin_call_record)\(")
    root = Path(core.__file__).parent
    found = {path.name for path in root.rglob("*.py") if asks.search(path.read_text("utf-8"))}
    assert found == {"attempts.py"}


def test_a_schema_in_words_is_stated_once() -> None:
    """A recorded request that was sent with the schema in words is not given it twice."""
    backend = FaultServer().backend()
    request = ChatRequest(QUESTION, schema=SCHEMA)
    once = fitted(request, backend, json_schema=False)
    assert not once.constrain
    assert [one["role"] for one in once.messages] == ["system", "user"]
    assert fitted(once, backend, json_schema=False) == once
    assert fitted(request, backend, json_schema=True) == request
