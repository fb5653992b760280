"""Several replies by one request: each put together, told of and judged for itself."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client import body
from core.client.backend import ChatRequest, Message, Reply
from core.client.chat import ChatClient
from core.client.server import Engine, EngineIdentity, most_replies
from core.client.setup import ServerSetup
from core.client.several import Choices
from core.errors import (
    AttemptTimeout,
    BackendError,
    CutReply,
    IncompleteReply,
    LimitExceeded,
    NotCompliant,
    ProtocolError,
)
from tests.support.behaviours import (
    DATA,
    DONE,
    EVENTS,
    MODEL,
    SCHEMA,
    completion,
    event,
    framed,
    raw,
    streams,
    whole,
)
from tests.support.faultserver import FaultServer

if TYPE_CHECKING:
    from tests.support.behaviours import Handler, Seen

HELLO: list[Message] = [{"role": "user", "content": "hello"}]
GOOD = json.dumps(DATA)


def openai(param: str | None, message: str) -> dict[str, Any]:
    """An error in OpenAI's form."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param}}


def piece(index: object, text: str = "", finish: str | None = None) -> bytes:
    """A chunk of one choice."""
    said = {"content": text} if text else {}
    choice = {"index": index, "delta": said, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "model": MODEL, "choices": [choice]})


def counts(tokens: int) -> bytes:
    """A chunk without choices, with how many tokens were written."""
    return event({"choices": [], "usage": {"prompt_tokens": 40, "completion_tokens": tokens}})


class Heard:
    """A listener that keeps what it was told, and may close at the first."""

    def __init__(self, *, enough: int = 99) -> None:
        self.told: list[tuple[int, str]] = []
        self._enough = enough
        self.choices = Choices(self._on_reply)

    def _on_reply(self, index: int, reply: Reply) -> None:
        self.told.append((index, reply.text))
        if len(self.told) >= self._enough:
            self.choices.close()

    def request(self, n: int = 2, **fields: Any) -> ChatRequest:
        """Asks for ``n`` replies."""
        return ChatRequest(HELLO, n=n, choices=self.choices, **fields)


async def asked(handler: Handler, request: ChatRequest, **options: Any) -> Reply:
    """The reply to ``request`` of a server that behaves so."""
    async with FaultServer(handler) as server, ChatClient(server.backend()) as client:
        return await client.complete(request, **options)


async def test_interleaved_choices_are_put_together_by_their_index() -> None:
    """As llama.cpp sends them: the counts of each follow its end."""
    heard = Heard()
    reply = await asked(
        streams(
            *(piece(1, "b"), piece(0, "a"), piece(1, "bb", "stop"), counts(3)),
            *(piece(1, "too late"), piece(0, "aa"), piece(0, "", "stop"), counts(5), DONE),
        ),
        heard.request(),
    )
    assert heard.told == [(1, "bbb"), (0, "aaa")]
    first, second = reply.choices
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert (first.text, first.completion_tokens, first.prompt_tokens) == ("aaa", 5, 40)
    assert (second.text, second.completion_tokens) == ("bbb", 3)
    assert reply.text == "bbb", "the first that was whole"
    assert (reply.prompt_tokens, reply.completion_tokens) == (40, 8)
    assert first.choices == ()


async def test_counts_of_all_together_are_not_taken_apart() -> None:
    """As vLLM and SGLang send them, once at the end."""
    said = (piece(0, "a", "stop"), piece(1, "b", "stop"), counts(9), DONE)
    reply = await asked(streams(*said), Heard().request())
    assert reply.completion_tokens == 9
    assert [one.completion_tokens for one in reply.choices if isinstance(one, Reply)] == [None] * 2


async def test_each_is_told_of_while_others_still_come_and_enough_ends_the_call() -> None:
    """The server sees the connection go; nothing more is waited for."""

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + framed(piece(0, "a") + piece(1, "b", "stop") + counts(3)))
        while True:
            await asyncio.sleep(0.01)
            writer.write(framed(piece(0, "a")))

    heard = Heard(enough=1)
    async with FaultServer(handler) as server, ChatClient(server.backend()) as client:
        reply = await client.complete(heard.request())
        await asyncio.wait_for(server.hung_up.wait(), 30)
    assert (reply.text, reply.choices[0], reply.completion_tokens) == ("b", None, 3)


async def test_what_is_wrong_with_one_is_no_fault_of_the_call() -> None:
    """Each is held to the schema; a cut one and one that never ended are told apart."""
    reply = await asked(
        streams(
            *(piece(0, "no JSON", "stop"), piece(1, GOOD, "stop"), piece(2, GOOD[:4], "length")),
            *(piece(3, GOOD[:4]), DONE),
        ),
        Heard().request(5, schema=SCHEMA),
    )
    assert reply.data == DATA
    kinds = [type(one) for one in reply.choices]
    assert kinds == [NotCompliant, Reply, CutReply, IncompleteReply, type(None)]


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ((piece(0, "no JSON", "stop"), piece(1, "nor this", "stop"), DONE), NotCompliant),
        ((piece(0, GOOD[:4]), piece(1, GOOD[:4]), DONE), IncompleteReply),
        ((DONE,), IncompleteReply),
        ((event({"error": {"message": "out of memory", "code": 500}}), DONE), BackendError),
    ],
)
async def test_a_call_without_any_whole_reply_has_failed(
    pieces: tuple[bytes, ...], kind: type[BackendError]
) -> None:
    """Nobody was told of a reply, so that asking again is no contradiction."""
    heard = Heard()
    with pytest.raises(kind) as failed:
        await asked(streams(*pieces), heard.request(schema=SCHEMA))
    assert heard.told == []
    assert len(failed.value.choices) == 2


@pytest.mark.parametrize("broken", ["cut", "late"])
async def test_a_call_that_breaks_off_keeps_what_had_ended(broken: str) -> None:
    """One whole reply is an answer, whatever became of the others."""
    handler = raw(
        EVENTS,
        framed(piece(1, "b", "stop") + piece(0, "a")),
        then="hang" if broken == "late" else "reset",
    )
    heard = Heard()
    reply = await asked(handler, heard.request(), timeout_ms=400 if broken == "late" else 30_000)
    assert heard.told == [(1, "b")]
    assert reply.text == "b"
    assert isinstance(reply.choices[0], AttemptTimeout if broken == "late" else BackendError)


@pytest.mark.parametrize("index", [-1, 2, 1 << 70, True, "0", 1.0, None, [0]])
async def test_an_index_that_was_not_asked_for_is_malformed(index: object) -> None:
    """Neither memory nor another reply's place is to be had with it."""
    with pytest.raises(ProtocolError, match="index"):
        await asked(streams(piece(index, "a", "stop"), DONE), Heard().request())


async def test_memory_is_bounded_over_all_replies_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit of a body is one for all."""
    monkeypatch.setattr(body, "MAX_BODY", 4000)
    pieces = [piece(nth % 4, "x" * 100) for nth in range(40)]
    with pytest.raises(LimitExceeded):
        await asked(streams(*pieces, DONE), Heard().request(4))


async def test_an_answer_that_is_no_stream_holds_all_of_them() -> None:
    """What llama.cpp counts there is its first reply alone, so the count is not believed."""
    given = completion("a")
    given["choices"].append({**given["choices"][0], "index": 1})
    reply = await asked(whole(given), Heard().request())
    assert [one.text for one in reply.choices if isinstance(one, Reply)] == ["a", "a"]
    assert reply.completion_tokens is None


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (openai(None, "Field 'n': Value must be between 1 <= value <= 4, but got 5"), 400),
        (
            openai(None, "n_cmpl cannot be greater than the number of slots, please increase -np"),
            400,
        ),
        (openai(None, "Only one completion choice is allowed"), 500),
        (openai("n", "Invalid value"), 400),
        ({"detail": [{"loc": ["body", "n"], "msg": "must be 1"}]}, 422),
    ],
)
async def test_a_server_that_refuses_is_asked_for_one_and_never_again_for_more(
    refusal: object, status: int
) -> None:
    """Two requests for the first call, one for the next."""

    async def handler(seen: Seen, writer: asyncio.StreamWriter) -> None:
        several = "n" in seen.json
        answer = whole(refusal, status) if several else streams(piece(0, "yes", "stop"), DONE)
        await answer(seen, writer)

    async with FaultServer(handler) as server, ChatClient(server.backend()) as client:
        assert client.takes_several
        for _ in range(2):
            reply = await client.complete(Heard().request())
            assert (reply.text, reply.choices) == ("yes", ())
        assert not client.takes_several
        assert [seen.json.get("n") for seen in server.chats] == [2, None, None]


async def test_a_call_that_is_called_off_leaves_nothing_behind() -> None:
    """Neither the reading nor the judging goes on."""
    handler = raw(EVENTS, framed(piece(0, "a")), then="hang")
    before = asyncio.all_tasks()
    async with FaultServer(handler) as server, ChatClient(server.backend()) as client:
        call = asyncio.create_task(client.complete(Heard().request()))
        while not server.chats:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    for _ in range(50):
        await asyncio.sleep(0.01)
        if asyncio.all_tasks() <= before:
            break
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize(
    ("engine", "slots", "most"),
    [
        (Engine.LLAMACPP, 4, 3),
        (Engine.LLAMACPP, 1, 1),
        (Engine.LLAMACPP, None, 1),
        (Engine.LLAMACPP, 1000, 64),
        (Engine.VLLM, None, 64),
        (Engine.SGLANG, 2, 64),
        (Engine.OLLAMA, None, 1),
        (Engine.LM_STUDIO, None, 1),
        (Engine.UNKNOWN, 8, 1),
        (None, None, 1),
    ],
)
def test_how_many_an_engine_may_be_asked_for(
    engine: Engine | None, slots: int | None, most: int
) -> None:
    """Where nothing is known of it, one; a slot of llama.cpp's stays with the first candidate."""
    who = EngineIdentity(engine, None, "", ServerSetup(running=slots)) if engine else None
    assert most_replies(who) == most
