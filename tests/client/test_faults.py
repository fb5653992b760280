"""Every way a server can fail, over a real socket: each ends in its own typed error, in time."""

from __future__ import annotations

import asyncio
import os
import re
import traceback
import tracemalloc
from datetime import UTC, datetime

import pytest

from core.client.backend import ChatRequest, Reply
from core.client.chat import ChatClient
from core.client.faults import retry_after
from core.errors import (
    AttemptTimeout,
    BackendError,
    BadRequest,
    Busy,
    ConnectFailed,
    CutReply,
    IncompleteReply,
    LimitExceeded,
    Misconfigured,
    NotCompliant,
    ProtocolError,
    RateLimited,
    ServerError,
    StatusError,
)
from core.stages import Mode
from tests.support.behaviours import BEHAVIOURS, DATA, EVENTS, GOOD, SCHEMA, framed, raw, said
from tests.support.faultserver import FaultServer
from tests.support.patience import PATIENCE_S

ASK = ChatRequest([{"role": "user", "content": "hi"}], schema=SCHEMA)
RIGHT = Reply
GROWTH = 24 << 20
TORTURE = bool(os.environ.get("REFLEX_TORTURE"))

EXPECTED: dict[type, str] = {
    RIGHT: """good good:whole no_done finished_then_closes finished_then_resets odd_but_right
        no_content_type gzip gzip:whole hangs_after_done stale""",
    ConnectFailed: "refused unresolvable tls_on_plain closes resets",
    AttemptTimeout: """hangs hangs_in_head hangs_after_head hangs_midway slow_head trickle
        trickle:whole endless_pings""",
    IncompleteReply: """no_finish_reason no_finish_reason:whole null_content null_content:whole
        resets_midway closes_midway ends_midway chunk_cut short_body short_body:whole empty_body
        empty_body:whole done_only role_only empty_choices empty_choices:whole
        status_200_then_nothing""",
    CutReply: """finish_length finish_length:whole finish_abort finish_abort:whole refusal
        refusal:whole""",
    NotCompliant: """text_fenced text_preamble text_trailing text_cut text_deep text_nan
        text_duplicate_key text_violates text_escaped_surrogate text_fenced:whole
        text_preamble:whole text_trailing:whole text_cut:whole text_deep:whole text_nan:whole
        text_duplicate_key:whole text_violates:whole text_escaped_surrogate:whole""",
    ProtocolError: """text_surrogate text_surrogate:whole gzip_broken brotli chunk_garbled bad_utf8
        bad_utf8:whole not_json not_json:whole json_cut json_cut:whole json_deep json_deep:whole
        json_list json_list:whole json_other:whole choices_wrong content_wrong html html_unnamed
        words not_http redirect switches_protocol long_head""",
    LimitExceeded: "endless_events endless:whole long_line gzip_bomb",
    BadRequest: """error_event_sglang_nested error_body_sglang_nested error_event_vllm
        error_body_vllm error_field status_400 status_409 status_413 status_422 status_418_words
        hostile_words""",
    Misconfigured: """error_event_words error_body_words status_401 status_403 status_404
        echoes_key""",
    RateLimited: """error_event_openai error_body_openai status_429 retry_seconds
        retry_date retry_garbled""",
    ServerError: """error_event_llamacpp error_body_llamacpp error_event_detail error_body_detail
        error_event_named error_event_bare status_408 status_500 status_502 status_504
        status_502_html status_599""",
    Busy: """error_event_sglang error_body_sglang status_503 status_503_brotli hangs_in_error
        retry_too_long""",
}
CASES = [(name, kind) for kind, names in EXPECTED.items() for name in names.split()]


async def outcome(server: FaultServer, *, calls: int = 1, **changes: object) -> object:
    """What the last of some calls gives: a Reply, or the BackendError it ended in."""
    async with ChatClient(server.backend(**changes)) as client:
        for _ in range(calls - 1):
            await client.complete(ASK)
        try:
            return await client.complete(ASK)
        except BackendError as error:
            return error


def test_every_behaviour_is_expected() -> None:
    """The table of expectations and the table of behaviours name the same faults."""
    assert sorted(name for name, _ in CASES) == sorted(BEHAVIOURS)


@pytest.mark.parametrize(("name", "kind"), CASES)
async def test_fault(name: str, kind: type) -> None:
    """A faulty server ends in the error of its fault, a sound one in the right reply."""
    late_ms, slack_s = (1000, 0.1) if TORTURE else (150, PATIENCE_S)
    timeout_ms = late_ms if kind is AttemptTimeout else 10_000
    async with FaultServer(name) as server:
        async with asyncio.timeout(timeout_ms / 1000 + slack_s):
            ended = await outcome(server, timeout_ms=timeout_ms)
        assert type(ended) is kind, repr(ended)
        if isinstance(ended, Reply):
            assert ended.data in (DATA, {"path": "é€😀", "n": 3})
        else:
            assert isinstance(ended, BackendError)
            assert ended.message == ended.message.strip()
            assert 0 < len(ended.message) < 500
            assert ended.message.isprintable()
        # One that refuses the schema is asked once more, for its structure alone.
        assert len(server.chats) <= (2 if kind is BadRequest else 1)


@pytest.mark.parametrize("name", ["gzip_bomb", "long_line", "endless_events", "endless:whole"])
async def test_memory_is_bounded(name: str) -> None:
    """A server that sends without end, or little that expands to much, costs little memory."""
    async with FaultServer(name) as server:
        tracemalloc.start()
        try:
            ended = await outcome(server, timeout_ms=20_000)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert isinstance(ended, LimitExceeded)
    assert peak < GROWTH


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("refused", "refused"),
        ("unresolvable", "dns"),
        ("tls_on_plain", "tls"),
        ("closes", "reset"),
        ("resets", "reset"),
    ],
)
async def test_connect_failed_says_how(name: str, kind: str) -> None:
    """Each way of getting no answer at all has its kind and a remedy."""
    async with FaultServer(name) as server:
        ended = await outcome(server)
    assert isinstance(ended, ConnectFailed)
    assert ended.kind == kind
    assert ended.remedy


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("retry_seconds", 7.0),
        ("retry_too_long", 300.0),
        ("retry_date", 300.0),
        ("retry_garbled", None),
    ],
)
async def test_retry_after(name: str, seconds: float | None) -> None:
    """Retry-After is read as seconds or as a date, and never asks for more than 300 s."""
    async with FaultServer(name) as server:
        ended = await outcome(server)
    assert isinstance(ended, StatusError)
    assert ended.retry_after_s == seconds


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("status_404", 404, "no"),
        ("error_event_sglang", 503, "queue full"),
        ("error_body_sglang_nested", 400, "bad grammar"),
        ("error_event_vllm", 400, "bad schema"),
        ("error_field", 400, "too long"),
        ("error_event_named", 502, "boom"),
        ("error_event_bare", 500, "boom"),
        ("error_body_words", 401, "Unauthorized"),
        ("status_418_words", 418, "short and stout"),
        ("hangs_in_error", 503, "bu"),
    ],
)
async def test_server_is_quoted(name: str, status: int, words: str) -> None:
    """An error carries the server's own code and words, wherever it put them."""
    async with FaultServer(name) as server:
        ended = await outcome(server)
    assert isinstance(ended, StatusError)
    assert ended.status == status
    assert ended.message.endswith(f": {words}")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("1e9", 300.0),
        ("inf", 300.0),
        ("nan", None),
        ("Mon, 12 Jan 2026 10:31:00 GMT", 60.0),
        ("Mon, 12 Jan 2026 09:00:00 GMT", 0.0),
        ("Mon, 12 Jan 2026 10:31:00 -0000", 60.0),
        ("Mon, 99 Jan 2026 10:31:00 GMT", None),
    ],
)
def test_retry_after_forms(value: str | None, seconds: float | None) -> None:
    """Seconds, dates and nonsense."""
    assert retry_after(value, datetime(2026, 1, 12, 10, 30, tzinfo=UTC)) == seconds


async def test_ttft_of_a_failure() -> None:
    """An attempt that fails after content had begun says when it had; one before that does not."""
    for timeout_ms in (100, 1000, 10_000):  # on a busy machine content comes later
        async with FaultServer("hangs_midway") as server:
            late = await outcome(server, timeout_ms=timeout_ms)
        if isinstance(late, AttemptTimeout) and late.ttft_ms is not None:
            break
    async with FaultServer("hangs_after_head") as server:
        later = await outcome(server, timeout_ms=100)
    assert isinstance(late, AttemptTimeout)
    assert late.ttft_ms is not None
    assert isinstance(later, AttemptTimeout)
    assert later.ttft_ms is None


async def test_stale_connection_is_replayed_once() -> None:
    """A kept connection that the server closed costs nothing but a second sending."""
    async with FaultServer("stale") as server:
        ended = await outcome(server, calls=3)
        assert isinstance(ended, Reply)
        assert [seen.nth for seen in server.chats] == [1, 2, 1, 2, 1]


async def test_no_replay_on_a_new_connection() -> None:
    """A new connection that breaks is the server's failure, and nothing is sent twice."""
    async with FaultServer("closes") as server:
        assert isinstance(await outcome(server), ConnectFailed)
        assert len(server.chats) == 1


async def test_no_replay_once_a_reply_has_begun() -> None:
    """A kept connection that breaks after a byte of a reply is not tried again."""
    async with FaultServer("good", raw(b"HTTP/1.1 2", pause=0.02)) as server:
        assert isinstance(await outcome(server, calls=2), ConnectFailed)
        assert [seen.nth for seen in server.chats] == [1, 2]


async def test_connection_is_kept_and_shared() -> None:
    """Calls one after the other use one connection; calls at once use one each."""
    async with FaultServer("good") as server, ChatClient(server.backend()) as client:
        for _ in range(3):
            await client.complete(ASK)
        await asyncio.gather(*(client.complete(ASK) for _ in range(4)))
        assert [seen.nth for seen in server.chats][:3] == [1, 2, 3]
        assert sorted(seen.nth for seen in server.chats)[:4] == [1, 1, 1, 1]


async def test_redirect_is_not_followed() -> None:
    """Nothing is sent to where a server redirects."""
    async with FaultServer("good") as other:
        location = f"{other.endpoint}/chat/completions"
        redirect = raw(f"HTTP/1.1 308 Gone\r\nlocation: {location}\r\n\r\n".encode())
        async with FaultServer(redirect) as server:
            ended = await outcome(server)
        assert isinstance(ended, ProtocolError)
        assert location in ended.message
        assert other.requests == []


async def test_cancellation_passes_and_hangs_up() -> None:
    """The caller's cancellation is not turned into anything, and the server is left at once."""
    async with FaultServer("hangs_midway") as server, ChatClient(server.backend()) as client:
        call = asyncio.ensure_future(client.complete(ASK, timeout_ms=60_000))
        await server.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(server.hung_up.wait(), PATIENCE_S)


async def test_deadline_hangs_up() -> None:
    """A server that is too late is hung up on, so that it stops generating."""
    async with FaultServer("endless_pings") as server:
        assert isinstance(await outcome(server, timeout_ms=50), AttemptTimeout)
        await asyncio.wait_for(server.hung_up.wait(), PATIENCE_S)


async def test_callers_own_timeout_is_its_own() -> None:
    """A timeout around the call stays the caller's TimeoutError."""
    async with FaultServer("hangs") as server, ChatClient(server.backend()) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.complete(ASK)


async def test_proxy_is_ignored_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY sees nothing of a call to this machine."""
    async with FaultServer("status_500") as proxy, FaultServer("good") as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.endpoint.removesuffix("/v1"))
        assert isinstance(await outcome(server), Reply)
        assert proxy.requests == []


async def test_proxy_is_used_for_a_remote_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint elsewhere is reached through the proxy that the environment names."""
    async with FaultServer("good") as proxy:
        for name in set(os.environ) & {"no_proxy", "NO_PROXY"}:
            monkeypatch.delenv(name)
        monkeypatch.setenv("http_proxy", proxy.endpoint.removesuffix("/v1"))
        ended = await outcome(proxy, endpoint="http://models.example/v1", api_key="sk-1")
        assert isinstance(ended, Reply)
        assert proxy.chats[0].path == "http://models.example/v1/chat/completions"


async def test_key_appears_nowhere() -> None:
    """A server that echoes the key, and a key that no header can hold, leave no trace of it."""
    for name, key in (
        ("echoes_key", "sk-canary"),
        ("good", "sk-canary\nX: y"),
        ("good", "sk-canaré"),
    ):
        async with FaultServer(name) as server:
            ended = await outcome(server, api_key=key, mode=Mode.CLOUD)
        assert isinstance(ended, Misconfigured)
        shown = "".join(traceback.format_exception(ended)) + repr(ended) + repr(ended.args)
        assert "canar" not in shown


async def test_key_is_sent_to_the_cloud_alone() -> None:
    """A key goes out as a bearer token to a cloud backend that has one, and to no other."""
    async with FaultServer("good") as server:
        await outcome(server, mode=Mode.CLOUD)
        await outcome(server, api_key="sk-1")
        await outcome(server, api_key="sk-1", mode=Mode.CLOUD)
        sent = [seen.headers.get("authorization") for seen in server.chats]
        assert sent == [None, None, "Bearer sk-1"]


async def test_hostile_words_are_plain() -> None:
    """Escape sequences and bidi marks of a server's message do not survive into ours."""
    async with FaultServer("hostile_words") as server:
        ended = await outcome(server)
    assert isinstance(ended, BadRequest)
    assert re.search(r"[\x00-\x1f\u202e]", ended.message) is None


async def test_closing_waits_for_nobody() -> None:
    """Closing the client lets a call under way finish, and its connection is closed after it."""
    events = EVENTS + b"".join(map(framed, (*said(GOOD), b"")))
    cut = len(events) // 2
    slow = raw(events[:cut], events[cut:], pause=0.05, then="keep")
    async with FaultServer(slow) as server:
        client = ChatClient(server.backend())
        call = asyncio.ensure_future(client.complete(ASK))
        await server.asked.wait()
        await client.aclose()
        assert (await call).data == DATA
        await asyncio.wait_for(server.hung_up.wait(), PATIENCE_S)


async def test_deadline_covers_the_whole_exchange() -> None:
    """A server that sends a byte now and then, without end, is cut off at the deadline."""
    async with asyncio.timeout(PATIENCE_S), FaultServer("trickle") as server:
        assert isinstance(await outcome(server, timeout_ms=100), AttemptTimeout)
