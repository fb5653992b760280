"""A server that refuses an option of ours is asked again without it, and never again with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.client.backend import ChatRequest, Message
from core.client.chat import ChatClient
from core.errors import BadRequest
from tests.support.behaviours import completion, said, streams, whole
from tests.support.faultserver import FaultServer

if TYPE_CHECKING:
    import asyncio

    from tests.support.behaviours import Handler, Seen

HELLO: list[Message] = [{"role": "user", "content": "hello"}]


def openai(param: str | None, message: str, code: str = "unsupported_value") -> dict[str, Any]:
    """An error in OpenAI's form."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return {"error": error}


def without(field: str, refusal: object, status: int = 400) -> Handler:
    """A server that refuses every request with ``field`` (and ``stream: true``)."""

    async def handler(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.json.get(field) is not None and seen.json[field] is not False:
            await whole(refusal, status)(seen, writer)
        elif seen.json.get("stream"):
            await streams(*said("yes"))(seen, writer)
        else:
            await whole(completion("yes"))(seen, writer)

    return handler


@pytest.mark.parametrize(
    ("field", "refusal", "status"),
    [
        ("stream", openai("stream", "Your organization must be verified to stream."), 400),
        ("stream", {"error": "streaming is not available here"}, 400),
        (
            "stream_options",
            {
                "detail": [
                    {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "no"}
                ]
            },
            422,
        ),
        (
            "stream_options",
            [{"error": {"code": 400, "message": 'Unknown name "stream_options"'}}],
            400,
        ),
        ("temperature", openai("temperature", "'temperature' does not support 0 here."), 400),
        ("seed", {"error": {"message": "unexpected keyword: seed"}}, 400),
        (
            "max_tokens",
            openai("max_tokens", "Use 'max_completion_tokens'.", "unsupported_parameter"),
            400,
        ),
    ],
)
async def test_asked_again_once_and_remembered(field: str, refusal: object, status: int) -> None:
    """Two requests for the first call, one for the next, which leaves out the field only."""
    request = ChatRequest(HELLO, temperature=0.0, seed=1, max_tokens=9, extra={"top_p": 0.5})
    async with (
        FaultServer(without(field, refusal, status)) as server,
        ChatClient(server.backend()) as client,
    ):
        for _ in range(2):
            assert (await client.complete(request)).text == "yes"
    first, *later = [seen.json for seen in server.chats]
    assert len(later) == 2
    assert first[field] is not None
    for sent in later:
        assert not sent.get(field)
        kept = {"top_p", "temperature", "seed", "model", "messages"} - {field}
        assert kept <= sent.keys()
        limit = "max_completion_tokens" if field == "max_tokens" else "max_tokens"
        assert sent[limit] == 9


async def test_options_of_the_caller_count_too() -> None:
    """Through the gateway the temperature is among the further fields."""
    refusal = openai("temperature", "temperature is not supported")
    request = ChatRequest(HELLO, extra={"temperature": 0.3})
    async with (
        FaultServer(without("temperature", refusal)) as server,
        ChatClient(server.backend()) as client,
    ):
        assert (await client.complete(request)).text == "yes"


async def test_several_refusals_in_turn() -> None:
    """One field after the other, each asked once."""
    turns = [
        whole(openai("stream_options", "unknown field"), 400),
        whole(openai("temperature", "unsupported"), 400),
        streams(*said("yes")),
    ]
    async with FaultServer(*turns) as server, ChatClient(server.backend()) as client:
        assert (await client.complete(ChatRequest(HELLO, temperature=1.0))).text == "yes"
        assert len(server.chats) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        openai(
            "messages", "This model's context length is 4096 tokens.", "context_length_exceeded"
        ),
        openai("temperature", "temperature must be between 0 and 2", "invalid_value"),
        openai("stop", "stop is not supported"),
        {"error": "the upstream server is not supported"},
        {"detail": "no"},
    ],
)
async def test_other_refusals_are_told_at_once(refusal: object) -> None:
    """What names no option, or only its value, is the caller's to hear; so is a lost stop."""
    request = ChatRequest(HELLO, temperature=9.0, extra={"stop": ["x"]})
    async with FaultServer(whole(refusal, 400)) as server, ChatClient(server.backend()) as client:
        with pytest.raises(BadRequest):
            await client.complete(request)
        assert len(server.chats) == 1
