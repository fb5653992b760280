"""Whether a prompt fits: by its bytes, by the server's tokenizer, and by what replies taught."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from core.client.backend import ChatRequest
from core.client.server import Engine, EngineIdentity
from core.client.setup import ServerSetup
from core.client.tokens import ContextFit, Overflow
from tests.support.health.servers import Reply, local, serving
from tests.support.recorded import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.health.servers import FakeServer

CONTEXT = 1000


def asked(text: str, **more: object) -> ChatRequest:
    """A request with this prompt."""
    return ChatRequest([{"role": "user", "content": text}], **more)  # type: ignore[arg-type]


def engine(kind: Engine, context: int | None = CONTEXT) -> EngineIdentity:
    """An engine that tells this context."""
    return EngineIdentity(kind, None, "", ServerSetup(context_tokens=context))


@asynccontextmanager
async def fit(answer: object, status: int = 200) -> AsyncIterator[tuple[ContextFit, FakeServer]]:
    """A fit whose server's tokenizer answers so."""
    async with serving({"/tokenize": Reply.of(answer, status)}) as server:
        made = ContextFit(local(server.endpoint))
        yield made, server
        await made.aclose()


@pytest.mark.parametrize("kind", Engine)
async def test_a_short_prompt_fits_without_a_question(kind: Engine) -> None:
    """No more tokens than bytes: most calls cost nothing."""
    async with fit({"count": 9_999}) as (made, server):
        assert await made.overflow(asked("x" * 100), engine(kind)) is None
        assert server.paths == []


async def test_a_prompt_of_many_more_bytes_needs_no_question() -> None:
    """Nobody's tokens are that long on the whole."""
    async with fit({"count": 1}) as (made, server):
        found = await made.overflow(asked("word " * 4_000), engine(Engine.UNKNOWN))
        assert found == Overflow(2_500, CONTEXT)
        assert found.detail == "2500_of_1000_tokens"
        assert server.paths == []


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Engine.VLLM, {"count": 1_200, "tokens": [1, 2]}),
        (Engine.SGLANG, {"count": 1_200}),
        (Engine.LLAMACPP, {"tokens": [7] * 1_200}),
    ],
)
async def test_between_the_tokenizer_decides(kind: Engine, answer: object) -> None:
    """4 to 8 bytes a token is what prompts have; the server counts."""
    async with fit(answer) as (made, server):
        found = await made.overflow(asked("word " * 1_000), engine(kind))
        assert found == Overflow(1_200, CONTEXT)
        assert server.paths == ["/tokenize"]


async def test_a_prompt_that_the_tokenizer_finds_short_is_sent() -> None:
    """Long words, few tokens."""
    async with fit({"count": 900}) as (made, _):
        assert await made.overflow(asked("word " * 1_000), engine(Engine.VLLM)) is None


@pytest.mark.parametrize(
    ("kind", "over"), [(Engine.VLLM, True), (Engine.SGLANG, True), (Engine.LLAMACPP, False)]
)
async def test_the_reply_s_limit_counts_where_the_engine_counts_it(
    kind: Engine, *, over: bool
) -> None:
    """SGLang and vLLM refuse a prompt beside which the reply's limit does not fit."""
    async with fit({"count": 900}) as (made, _):
        found = await made.overflow(asked("word " * 1_000, max_tokens=200), engine(kind))
        assert (found is not None) is over


@pytest.mark.parametrize("status", [404, 401, 500])
async def test_without_a_tokenizer_it_is_sent(status: int) -> None:
    """What is not sure goes to reflex, and a missing tokenizer is not asked for again."""
    async with fit({"error": "no"}, status) as (made, server):
        for _ in range(2):
            assert await made.overflow(asked("word " * 1_000), engine(Engine.VLLM)) is None
        assert len(server.paths) == (2 if status == 500 else 1)


@pytest.mark.parametrize("answer", [{}, [], "x", {"count": -1}, {"count": "9"}, {"tokens": {}}])
async def test_hostile_counts(answer: object) -> None:
    """A count that is none counts for nothing."""
    async with fit(answer) as (made, _):
        assert await made.overflow(asked("word " * 1_000), engine(Engine.VLLM)) is None


async def test_replies_teach_how_dense_prompts_are() -> None:
    """Where a server fits twenty bytes into a token, its prompts may be longer."""
    async with fit({}) as (made, _):
        long = asked("word " * 4_000)
        assert await made.overflow(long, engine(Engine.UNKNOWN)) is not None
        made.learn(asked("word " * 100), 25)
        assert await made.overflow(long, engine(Engine.UNKNOWN)) is None


async def test_a_server_that_tells_no_context_is_sent_everything() -> None:
    """Nothing is sure then."""
    async with fit({"count": 10**9}) as (made, server):
        for identity in (None, engine(Engine.VLLM, None)):
            assert await made.overflow(asked("word " * 10**5), identity) is None
        assert server.paths == []


@pytest.mark.parametrize("name", ["sglang-0.5.23/tokenize", "vllm-0.32.0/tokenize"])
async def test_tokenizers_as_recorded(name: str) -> None:
    """Both engines' answers are understood: two tokens where the context holds one."""
    kind = Engine.SGLANG if name.startswith("sglang") else Engine.VLLM
    async with serving({"/tokenize": Reply(body=load(name).body)}) as server:
        made = ContextFit(local(server.endpoint))
        assert await made.overflow(asked("hi"), engine(kind, 2)) == Overflow(2, 2)
        assert await made.overflow(asked("hi"), engine(kind, 3)) is None
        await made.aclose()
