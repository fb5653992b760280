"""The dialects: agents' own requests read, answers written as the SDKs' types have them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client.backend import Backend, Reply
from core.gateway.dialects.blocks import portions
from core.gateway.dialects.refusals import ErrorReply
from core.router.fitting import fitted, text_of
from core.stages import Mode
from tests.support.gateway import events
from tests.support.gateway.agents import DIALECTS, AgentRequest, latest, recorded

if TYPE_CHECKING:
    from core.gateway.dialects.agent_call import AnswerWriter

LOCAL = Backend("reflex", Mode.REFLEX, "http://127.0.0.1:1/v1", "m", 1000)
CLOUD = Backend("cloud", Mode.CLOUD, "http://127.0.0.1:1/v1", "m", 1000)
VALID = {"responses": events.valid_responses, "messages": events.valid_messages}
WHOLE = {"responses": events.valid_response, "messages": events.valid_message}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 4},
}


def call(nth: int, name: str = "", arguments: str = "", identity: str = "") -> dict[str, Any]:
    """A part of a tool call as a delta has it."""
    inner = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": nth, "id": identity, "type": "function", "function": inner}]}


def reply(
    text: str = "", finish: str = "stop", calls: tuple[dict[str, Any], ...] = (), **more: Any
) -> Reply:
    """A reply with these tool calls, each a part as ``call`` makes it."""
    whole = tuple(one["tool_calls"][0] for one in calls)
    counts: dict[str, Any] = {
        "prompt_tokens": 100,
        "completion_tokens": 9,
        "cached_tokens": 60,
        "usage": USAGE,
    }
    return Reply(text, finish, 1.0, 1.0, 1.0, tool_calls=whole, **(counts | more))


def written(writer: AnswerWriter, deltas: list[dict[str, Any]], end: Reply) -> list[dict[str, Any]]:
    """The events of a streamed answer."""
    writer.model = "test-model"
    pieces = [portion for delta in deltas for portion in portions(delta)]
    stream = [writer.beginning(), *map(writer.piece, pieces), writer.ending(end)]
    return events.events_of(b"".join(stream))


def writer_for(dialect: str, body: dict[str, Any] | None = None) -> AnswerWriter:
    """A writer for the answer to this request, or to the smallest there is."""
    smallest = {"input": "hi", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    spoken = DIALECTS[dialect]
    return spoken.writer(spoken.read(body or smallest), "c" * 32, 7)


@pytest.mark.parametrize("asked", recorded(), ids=str)
def test_every_recorded_request_becomes_a_chat_request(asked: AgentRequest) -> None:
    """All of it valid; local servers may answer, and see one system message, the first."""
    read = DIALECTS[asked.dialect].read(asked.body)
    request = read.request
    assert (read.needs_cloud, read.native_only) == (None, None)
    assert read.stream is asked.body["stream"]
    body = {"model": "m", "messages": list(request.messages), **request.extra}
    events.valid_chat_request(body | {"stream": True, "max_tokens": request.max_tokens or 1})
    local = fitted(request, LOCAL, json_schema=True)
    roles = [message.get("role") for message in local.messages]
    assert roles[0] == "system"
    assert set(roles[1:]) <= {"user", "assistant", "tool"}
    assert "x-anthropic-billing-header" not in json.dumps(list(local.messages))
    before = [message for message in request.messages if message.get("role") == "system"]
    texts = "\n".join(text_of(message.get("content")) for message in local.messages)
    assert before
    assert all(text_of(message["content"])[:60] in texts for message in before)


@pytest.mark.parametrize("dialect", ["responses", "messages"])
@pytest.mark.parametrize(
    ("deltas", "end"),
    [
        ([{"content": "yes"}], reply("yes")),
        ([{"content": "a" * 900}], reply("a" * 900)),
        ([{"reasoning_content": "hm"}, {"content": "yes"}], reply("yes")),
        ([{"content": "I run it."}, call(0, "run", '{"a": 1}', "x")], reply("", "tool_calls")),
        ([call(0, "run", "", "x"), call(0, "", '{"a"'), call(0, "", ": 1}")], reply()),
        ([call(0, "run", '{"a":'), call(1, "see", "{}"), call(0, "", " 1}")], reply()),
        ([call(0, "run", "{}"), call(1, "see", "{}"), call(2, "run", "")], reply()),
        ([{"refusal": "no"}], reply()),
        ([], reply()),
    ],
    ids=["text", "long", "reasoning", "call", "in parts", "mixed", "parallel", "refusal", "empty"],
)
def test_a_streamed_answer_is_as_the_sdks_have_it(
    dialect: str, deltas: list[dict[str, Any]], end: Reply
) -> None:
    """Each event valid, none missing, blocks one after the other."""
    found = written(writer_for(dialect), deltas, end)
    VALID[dialect](found)
    last = {"responses": "response.completed", "messages": "message_stop"}
    assert found[-1]["type"] == last[dialect]


@pytest.mark.parametrize("dialect", ["responses", "messages"])
def test_the_document_holds_what_the_stream_does(dialect: str) -> None:
    """Reasoning, text and two calls, in their order."""
    calls = (call(0, "run", '{"a": 1}', "x"), call(1, "see", "{}", "y"))
    end = reply("I look.", "tool_calls", calls, fields={"reasoning_content": "hm"})
    document = writer_for(dialect).whole(end)
    WHOLE[dialect](document | {"model": "m"})
    deltas = [{"reasoning_content": "hm"}, {"content": "I look."}, *calls]
    found = written(writer_for(dialect), deltas, end)
    if dialect == "responses":
        assert found[-1]["response"]["output"] == document["output"]
        done = [one["item"] for one in found if one["type"] == "response.output_item.done"]
        assert done == document["output"]
        kinds = [item["type"] for item in done]
        assert kinds == ["reasoning", "message", "function_call", "function_call"]
    else:
        kinds = [block["type"] for block in document["content"]]
        assert kinds == ["thinking", "text", "tool_use", "tool_use"]
        started = [one["content_block"] for one in found if one["type"] == "content_block_start"]
        assert [block["type"] for block in started] == kinds
        assert document["content"][2]["input"] == {"a": 1}


def test_a_codex_turn_there_and_back() -> None:
    """Freeform input and a namespace's tool come back under the agent's own names."""
    asked = latest("codex-0.171.0-gpt")
    names = [tool["function"]["name"] for tool in read_tools(asked)]
    assert "apply_patch" in names
    patch = call(0, "apply_patch", json.dumps({"input": "*** Begin Patch\n"}), "p")
    found = written(writer_for("responses", asked.body), [patch], reply("", "tool_calls", (patch,)))
    events.valid_responses(found)
    item = found[-1]["response"]["output"][0]
    assert (item["type"], item["input"]) == ("custom_tool_call", "*** Begin Patch\n")
    spaced = latest("codex-0.171.0")
    flat = next(
        name for name in (t["function"]["name"] for t in read_tools(spaced)) if "__" in name
    )
    made = call(0, flat, "{}", "p")
    item = written(writer_for("responses", spaced.body), [made], reply())[-1]["response"]["output"][
        0
    ]
    assert (item["namespace"], item["type"]) == ("multi_agent_v1", "function_call")
    assert f"{item['namespace']}__{item['name']}" == flat


def read_tools(asked: AgentRequest) -> list[dict[str, Any]]:
    """The tools that a chat model is offered."""
    found: list[dict[str, Any]] = DIALECTS[asked.dialect].read(asked.body).request.extra["tools"]
    return found


@pytest.mark.parametrize(
    ("dialect", "body", "param"),
    [
        ("chat", {"messages": [{"role": "user", "content": "x"}], "top_p": "x"}, "top_p"),
        (
            "chat",
            {
                "messages": [{"role": "user", "content": "x"}],
                "tools": [{"type": "function", "function": {"parameters": {}}}],
            },
            "tools[0].function",
        ),
        ("responses", [], None),
        ("responses", {"input": []}, "input"),
        ("responses", {"input": [3]}, "input[0]"),
        ("responses", {"input": [{"role": "judge", "content": "x"}]}, "input"),
        ("responses", {"input": "x", "text": {"format": {"type": "xml"}}}, "text.format"),
        ("responses", {"input": "x", "background": True}, "background"),
        ("responses", {"input": [{"type": "function_call", "name": "a"}]}, "input"),
        ("messages", {"messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
        ("messages", {"max_tokens": 5, "messages": []}, "messages"),
        ("messages", {"max_tokens": 5, "messages": [{"role": "tool"}]}, "messages"),
        ("messages", {"max_tokens": 5, "messages": ["x"]}, "messages"),
        (
            "messages",
            {"max_tokens": 5, "system": "s", "messages": [{"role": "user", "content": ""}]},
            "messages",
        ),
        ("messages", {"max_tokens": 5, "messages": [{"role": "user", "content": []}]}, "messages"),
        ("messages", {"max_tokens": 5, "messages": [{"role": "user"}], "tools": [1]}, "tools"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(dialect: str, body: Any, param: str | None) -> None:
    """A 400 in the dialect's own words."""
    with pytest.raises(ErrorReply) as refused:
        DIALECTS[dialect].read(body)
    assert (refused.value.status, refused.value.param) == (400, param)
    document = DIALECTS[dialect].error(refused.value)
    assert document["error"]["message"] == refused.value.message
    assert (document.get("type") == "error") is (dialect == "messages")


OVERFLOWS = [
    (
        (
            "cloud at 127.0.0.1:30999 answered 400: This model's maximum context length is 8192"
            " tokens. However, your messages resulted in 8239 tokens."
        ),
        "8239 tokens > 8192 maximum",
    ),
    (
        (
            "reflex at h:8000 answered 400: This model's maximum context length is 4096 tokens."
            " However, you requested 5000 tokens (4500 in the messages, 500 in the completion)."
        ),
        "5000 tokens > 4096 maximum",
    ),
    (
        (
            "reflex at h:30000 answered 400: the request exceeds the available context size (4,096"
            " tokens): 12,345 tokens"
        ),
        "12345 tokens > 4096 maximum",
    ),
    ("cloud at h:443 answered 400: the context window is full", ""),
]


@pytest.mark.parametrize(("words", "figures"), OVERFLOWS)
def test_an_overflow_is_said_so_that_agents_compact(words: str, figures: str) -> None:
    """Claude Code goes by Anthropic's own sentence, Codex by the code."""
    refusal = ErrorReply(400, words, code="bad_request")
    message = DIALECTS["messages"].error(refusal)["error"]["message"]
    assert message.startswith(
        f"prompt is too long: {figures}" if figures else "prompt is too long."
    )
    [*_, failed] = events.events_of(writer_for("responses").failure(refusal))
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"]["code"] == "context_length_exceeded"


def test_tools_that_stand_in_the_input_are_offered() -> None:
    """Newer models of Codex have them there, in a namespace, and none in ``tools``."""
    given = {
        "model": "gpt-6.2-sol",
        "input": [
            {
                "type": "additional_tools",
                "role": "developer",
                "tools": [
                    {
                        "type": "namespace",
                        "name": "functions",
                        "tools": [
                            {"type": "custom", "name": "exec", "description": "Run a script"}
                        ],
                    },
                    {"type": "web_search"},
                ],
            },
            {"type": "message", "role": "user", "content": "Fix it."},
        ],
        "tool_choice": "auto",
        "stream": True,
    }
    asked = DIALECTS["responses"].read(given)
    [offered] = asked.request.extra["tools"]
    assert asked.needs_cloud is None
    assert asked.request.dropped == ("tools.web_search",)
    writer = DIALECTS["responses"].writer(asked, "call-1", 0)
    made = call(0, offered["function"]["name"], '{"input": "ls"}', "call_1")
    stream = written(writer, [made], reply(finish="tool_calls", calls=(made,)))
    [item] = [one["item"] for one in stream if one["type"] == "response.output_item.done"]
    assert (item["type"], item["name"], item["namespace"]) == (
        "custom_tool_call",
        "exec",
        "functions",
    )
    assert item["input"] == "ls"
