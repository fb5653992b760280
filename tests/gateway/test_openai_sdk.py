"""The openai SDK against the gateway, in both modes: as agents use it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from core.standin.answers import SENTENCE
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import QUESTION, TOOL, configured, gateway, saying
from tests.support.router.world import promote, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.settings import Settings
    from tests.support.router.world import World

MODES = [(True, "reflex", "healthy_and_thresholds_met"), (False, "cloud", "thresholds_not_met")]
CALL = {"name": "edit", "arguments": '{"path": "a.py", "n": 3}'}


def openai() -> Any:
    """The SDK, which takes seconds to load, by the first test that uses it."""
    return pytest.importorskip("openai")


class Fix(BaseModel):
    """What the structured calls ask for."""

    model_config = ConfigDict(extra="forbid")
    path: Literal["a.py"]
    n: int


@asynccontextmanager
async def sdk_for(settings: Settings) -> AsyncIterator[Any]:
    """An asynchronous client of a gateway, that tries again as it does by default."""
    async with (
        gateway(settings) as url,
        openai().AsyncOpenAI(base_url=url, api_key="any") as sdk,
    ):
        yield sdk


@asynccontextmanager
async def sdk_over(project: Path, *, promoted: bool) -> AsyncIterator[tuple[Any, World]]:
    """A client of a gateway over two stand-ins."""
    async with world(project, promoted=promoted) as w, sdk_for(w.settings) as sdk:
        yield sdk, w


@pytest.mark.parametrize(("promoted", "mode", "reason"), MODES)
async def test_a_whole_answer(project: Path, mode: str, reason: str, *, promoted: bool) -> None:
    """Text, counts, the model that spoke, and who answered why; the call is in the capsule."""
    async with sdk_over(project, promoted=promoted) as (sdk, w):
        raw = await sdk.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=QUESTION, max_completion_tokens=100, temperature=0.2
        )
    answer = raw.parse()
    assert answer.choices[0].message.content == SENTENCE
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model == {"reflex": "local", "cloud": w.cloud.script.model}[mode]
    assert (raw.headers["x-reflex-mode"], raw.headers["x-reflex-reason"]) == (mode, reason)
    (call,) = w.events("LLMCall")
    assert raw.headers["x-reflex-call-id"] == call["call_id"]
    assert answer.id == f"chatcmpl-{call['call_id']}"
    assert call["request"] | {"messages": None} == {
        "messages": None,
        "max_tokens": 100,
        "temperature": 0.2,
    }


@pytest.mark.parametrize(("promoted", "mode", "reason"), MODES)
async def test_a_streamed_answer(project: Path, mode: str, reason: str, *, promoted: bool) -> None:
    """The pieces make up the answer, the role comes once, and the counts at the end."""
    async with sdk_over(project, promoted=promoted) as (sdk, _):
        raw = await sdk.chat.completions.with_raw_response.create(
            model="x", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in raw.parse()]
    assert (raw.headers["x-reflex-mode"], raw.headers["x-reflex-reason"]) == (mode, reason)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == SENTENCE
    assert [choice.delta.role for choice in choices if choice.delta.role] == ["assistant"]
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


@pytest.mark.parametrize(("promoted", "mode"), [case[:2] for case in MODES])
async def test_structured_output(project: Path, mode: str, *, promoted: bool) -> None:
    """``parse`` gives the object, streamed or not; the schema reached the server that answered."""
    async with sdk_over(project, promoted=promoted) as (sdk, w):
        parsed = await sdk.chat.completions.parse(model="x", messages=QUESTION, response_format=Fix)
        async with sdk.chat.completions.stream(
            model="x", messages=QUESTION, response_format=Fix
        ) as stream:
            final = await stream.get_final_completion()
    assert parsed.choices[0].message.parsed.path == "a.py"
    assert final.choices[0].message.parsed == parsed.choices[0].message.parsed
    assert {call["json_compliant"] for call in w.events("LLMCall")} == {True}
    assert {call["mode"] for call in w.events("LLMCall")} == {mode}


async def test_tools_in_cloud_mode(project: Path) -> None:
    """Tool calls come back, streamed in fragments and whole; the tools reached the cloud."""
    first = {"index": 0, "id": "c1", "type": "function", "function": CALL | {"arguments": ""}}
    rest = [
        {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
        for part in ('{"path": "a.', 'py", "n": 3}')
    ]
    handler = saying({"tool_calls": [first]}, *rest, finish="tool_calls")
    async with (
        FaultServer(handler) as cloud,
        sdk_for(configured(project, cloud.endpoint)) as sdk,
    ):
        asked = {"model": "x", "messages": QUESTION, "tools": [TOOL], "tool_choice": "required"}
        whole = await sdk.chat.completions.create(**asked)
        async with sdk.chat.completions.stream(**asked) as stream:
            streamed = await stream.get_final_completion()
    for answer in (whole, streamed):
        assert answer.choices[0].finish_reason == "tool_calls"
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name == "edit"
        assert json.loads(call.function.arguments) == {"path": "a.py", "n": 3}
    assert cloud.chats[0].json["tools"] == [TOOL]
    assert cloud.chats[0].json["tool_choice"] == "required"


async def test_tools_in_reflex_mode(project: Path) -> None:
    """A local server's tool call is streamed too, once it is whole."""
    call = {"index": 0, "id": "c1", "type": "function", "function": CALL}
    async with FaultServer(saying({"tool_calls": [call]}, finish="tool_calls")) as reflex:
        settings = configured(project, "http://127.0.0.1:9/v1", reflex=reflex.endpoint)
        await promote(settings)
        asked = {"model": "x", "messages": QUESTION, "tools": [TOOL]}
        async with sdk_for(settings) as sdk, sdk.chat.completions.stream(**asked) as stream:
            answer = await stream.get_final_completion()
    (got,) = answer.choices[0].message.tool_calls
    assert (got.function.name, got.function.arguments) == (CALL["name"], CALL["arguments"])


async def test_a_caller_s_loose_schema_reaches_the_cloud_as_it_is(project: Path) -> None:
    """``strict = false`` is not turned into a strict schema that the cloud would refuse."""
    loose = {"type": "object", "properties": {"note": {"type": "string", "minLength": 1}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "strict": False, "schema": loose}}
    async with (
        FaultServer(saying({"content": '{"note": "x"}'})) as cloud,
        sdk_for(configured(project, cloud.endpoint)) as sdk,
    ):
        await sdk.chat.completions.create(model="x", messages=QUESTION, response_format=form)
    assert cloud.chats[0].json["response_format"] == form


async def test_the_synchronous_client(project: Path) -> None:
    """Whole and streamed, from a thread of its own; the models are listed."""

    def ask(url: str) -> tuple[str, str, list[str]]:
        with openai().OpenAI(base_url=url, api_key="any") as sdk:
            whole = sdk.chat.completions.create(model="x", messages=QUESTION)
            with sdk.chat.completions.create(model="x", messages=QUESTION, stream=True) as stream:
                pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
            models = [model.id for model in sdk.models.list()]
            assert sdk.models.retrieve("reflex").id == "reflex"
        return whole.choices[0].message.content, "".join(pieces), models

    async with world(project) as w, gateway(w.settings) as url:
        whole, streamed, models = await asyncio.to_thread(ask, url)
    assert whole == streamed == SENTENCE
    assert models == ["reflex", "local", w.cloud.script.model]


async def test_an_error_is_the_sdk_s_own(project: Path) -> None:
    """What the cloud refuses raises BadRequestError with its words, and is not tried again."""
    async with sdk_over(project, promoted=False) as (sdk, w):
        w.cloud.script = w.cloud.script.changed({"faults": "status:422"})
        with pytest.raises(openai().UnprocessableEntityError) as caught:
            await sdk.chat.completions.create(model="x", messages=QUESTION)
        assert w.cloud.requests == 1
    assert caught.value.code == "bad_request"
    assert "answered 422" in str(caught.value)
    assert caught.value.response.headers["x-reflex-mode"] == "cloud"
