"""Odd but legal requests and replies: nothing is lost, and no API is sent what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.client import messages_api, responses_api
from core.client.backend import Backend, ChatRequest, Reply
from core.client.options import Options
from core.errors import StatusError
from core.router.fitting import fitted
from core.stages import Mode
from tests.support.gateway import events
from tests.support.gateway.agents import DIALECTS

Json = dict[str, Any]
HI: list[Any] = [{"role": "user", "content": "hi"}]
RUN = {"type": "function", "name": "run", "parameters": {"type": "object"}}
SEARCH = {"type": "web_search"}
OBJECT = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}


def backend(api: str = "chat", mode: Mode = Mode.CLOUD) -> Backend:
    """A server of one API."""
    return Backend("cloud", mode, "http://127.0.0.1:1/v1", "m", 1000, api=api)


def responses(*items: Json, **more: Any) -> Any:
    """A request of the Responses API, read."""
    return DIALECTS["responses"].read({"input": list(items) or "hi", **more})


def messages(*blocks: Json, **more: Any) -> Any:
    """A request of the Messages API with one turn of these blocks, read."""
    turn = {"role": "user", "content": list(blocks) or "hi"}
    return DIALECTS["messages"].read({"max_tokens": 9, "messages": [turn], **more})


def result(content: Any) -> Json:
    """A tool's result as a block."""
    return {"type": "tool_result", "tool_use_id": "x", "content": content}


def fragment(nth: int, name: str, arguments: str) -> Json:
    """A delta with a part of a tool call."""
    inner = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": nth, "id": f"c{nth}", "function": inner}]}


ORDERS: list[tuple[str, list[Json]]] = [
    (
        "a text inside a call",
        [fragment(0, "run", '{"a"'), {"content": "so "}, fragment(0, "", ":1}")],
    ),
    (
        "a thought before any argument",
        [fragment(0, "run", ""), {"reasoning_content": "hm"}, fragment(0, "", '{"a":1}')],
    ),
    (
        "two calls and a text, mixed",
        [
            fragment(0, "run", "{"),
            fragment(1, "see", '{"b":'),
            {"content": "so "},
            fragment(1, "", "2}"),
            fragment(0, "", '"a":1}'),
            {"content": "it is"},
        ],
    ),
]


@pytest.mark.parametrize(("what", "deltas"), ORDERS, ids=[what for what, _ in ORDERS])
def test_no_argument_is_lost_between_other_deltas(what: str, deltas: list[Json]) -> None:
    """What comes while a call is not whole waits: each block is opened once, and holds all."""
    said = "".join(delta.get("content", "") for delta in deltas)
    ending = Reply(said, "stop", 1.0, 1.0, 1.0)
    found: dict[str, list[Json]] = {}
    for dialect, read in (("messages", messages()), ("responses", responses())):
        writer = DIALECTS[dialect].writer(read, "c" * 32, 7)
        pieces = [writer.beginning(), *map(writer.piece, deltas), writer.ending(ending)]
        found[dialect] = events.events_of(b"".join(pieces))
    events.valid_messages(found["messages"])
    events.valid_responses(found["responses"])
    output = found["responses"][-1]["response"]["output"]
    calls = {item["name"]: json.loads(item["arguments"]) for item in output if "name" in item}
    assert calls["run"] == {"a": 1}, what
    assert calls.get("see", {"b": 2}) == {"b": 2}
    parts: dict[int, str] = {}
    texts = ""
    for one in found["messages"]:
        if one["type"] == "content_block_delta":
            texts += one["delta"].get("text", "")
            more = one["delta"].get("partial_json", "")
            parts[one["index"]] = parts.get(one["index"], "") + more
    assert sorted(part for part in parts.values() if part) == sorted(map(_compact, calls.values()))
    assert texts == said


def _compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


def said(*parts: Json) -> Json:
    """A user's message as an item."""
    return {"role": "user", "content": list(parts)}


WEB = {"type": "web_search_20250305", "name": "web"}
ALLOWED = {"type": "allowed_tools", "mode": "required", "tools": [SEARCH]}
SOUND = {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}
FOR_THE_CLOUD: list[tuple[str, Any, str | None]] = [
    ("required", responses(tools=[SEARCH], tool_choice="required"), "server_tool"),
    ("named", responses(tools=[SEARCH], tool_choice=SEARCH), "server_tool"),
    ("offered", responses(tools=[SEARCH], tool_choice="auto"), None),
    ("allowed", responses(tools=[RUN, SEARCH], tool_choice=ALLOWED), "server_tool"),
    ("of the agent", responses(tools=[RUN, SEARCH], tool_choice="required"), None),
    ("any of a server", messages(tools=[WEB], tool_choice={"type": "any"}), "server_tool"),
    ("any", messages(tools=[WEB, {"name": "a"}], tool_choice={"type": "any"}), None),
    ("sound", responses(said(SOUND)), "audio_input"),
    ("reference", responses(*HI, {"type": "item_reference", "id": "msg_1"}), "item_reference"),
    ("sealed", responses(*HI, {"type": "compaction", "encrypted_content": "E"}), "compaction"),
    (
        "a part nobody knows",
        DIALECTS["chat"].read({"messages": [said({"type": "video_url", "video_url": {}})]}),
        "unknown_content",
    ),
    (
        "a refusal",
        DIALECTS["chat"].read(
            {
                "messages": [
                    *HI,
                    {"role": "assistant", "content": [{"type": "refusal", "refusal": "n"}]},
                ]
            }
        ),
        None,
    ),
]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [row[1:] for row in FOR_THE_CLOUD],
    ids=[what for what, _, _ in FOR_THE_CLOUD],
)
def test_only_what_a_chat_model_can_do_stays_local(asked: Any, reason: str | None) -> None:
    """A server's own tool that must be called, and what is no text, is for the cloud."""
    assert asked.needs_cloud == reason


def test_allowed_tools_of_a_server_leave_the_agents_out() -> None:
    """With ``auto`` no other tool may be called, so none is offered."""
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [SEARCH]}
    asked = responses(tools=[RUN, SEARCH], tool_choice=choice, parallel_tool_calls=True)
    assert (asked.needs_cloud, asked.request.extra) == (None, {})


@pytest.mark.parametrize("key", ["top_p", "temperature"])
def test_a_zero_is_a_value(key: str) -> None:
    """It is sent on like any other."""
    assert messages(**{key: 0}).request.extra[key] == 0


def test_what_a_tool_found_is_told_whatever_its_form() -> None:
    """Search results, documents of blocks, and an output that is an object."""
    found = {"type": "search_result", "title": "T", "source": "u", "content": [_text("body")]}
    paper = {
        "type": "document",
        "title": "P",
        "source": {"type": "content", "content": [_text("x")]},
    }
    asked = messages(result([found, paper]))
    told = str(asked.request.messages)
    assert asked.needs_cloud is None
    assert "T\\nu\\nbody" in told
    assert "P\\nx" in told
    call = {"type": "function_call", "call_id": "x", "name": "run", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "x", "output": {"rows": 3}}
    last = responses(*HI, call, output).request.messages[-1]
    assert last == {"role": "tool", "tool_call_id": "x", "content": '{"rows": 3}'}


def _text(words: str) -> Json:
    return {"type": "text", "text": words}


def test_what_is_to_be_kept_by_a_server_is_named_as_left_out() -> None:
    """``store`` is only heeded where the cloud speaks the dialect."""
    assert responses(store=True).request.dropped == ("store",)
    assert responses(store=False).request.dropped == ()


def test_a_turn_of_our_thoughts_alone_is_not_sent_empty() -> None:
    """Anthropic's servers refuse a turn without content."""
    own = {"role": "assistant", "content": [{"type": "thinking", "signature": "reflex:1"}]}
    sent = DIALECTS["messages"].native({"messages": [*HI, own, *HI]})
    assert sent == {"messages": [*HI, *HI]}


# What servers call their calls: vLLM over 40 characters, Kimi with dots and a colon.
LONG, DOTTED = "chatcmpl-tool-" + "0123456789abcdef" * 2, "functions.run:0"
TOOL = {"type": "function", "function": RUN}


@pytest.mark.parametrize(
    ("api", "replaced"), [("chat", {LONG}), ("responses", set()), ("messages", {DOTTED})]
)
def test_a_cloud_gets_ids_that_it_takes(api: str, replaced: set[str]) -> None:
    """A call's and its result's stay the same one; those that are legal stay as they are."""
    calls = [{"id": one, "type": "function", "function": {"name": "run"}} for one in (LONG, DOTTED)]
    results = [{"role": "tool", "tool_call_id": one, "content": "r"} for one in (LONG, DOTTED)]
    turn = {"role": "assistant", "content": None, "tool_calls": calls}
    conversation: list[Any] = [*HI, turn, *results]
    request = ChatRequest(conversation)
    sent: Any = fitted(request, backend(api), json_schema=True).messages
    ids = [call["id"] for call in sent[1]["tool_calls"]]
    assert ids == [one["tool_call_id"] for one in sent[2:]]
    assert {LONG, DOTTED} - set(ids) == replaced
    assert all(len(one) <= 40 or one == LONG for one in ids)
    assert len(set(ids)) == 2
    local = fitted(request, backend(mode=Mode.REFLEX), json_schema=True)
    assert local.messages == request.messages


@pytest.mark.parametrize("api", ["responses", "messages"])
def test_ids_that_come_again_are_told_apart(api: str) -> None:
    """Some servers call the first call of each turn the same, or both calls of one turn."""
    call = {"id": "call_0", "type": "function", "function": {"name": "run"}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call, call]}
    done = [{"role": "tool", "tool_call_id": "call_0", "content": str(nth)} for nth in range(2)]
    conversation: list[Any] = [*HI, turn, *done, turn, *done]
    sent: Any = fitted(ChatRequest(conversation), backend(api), json_schema=True).messages
    ids = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    assert len(set(ids)) == 4
    assert [one["tool_call_id"] for one in sent if one["role"] == "tool"] == ids
    chat = fitted(ChatRequest(conversation), backend(), json_schema=True)
    assert chat.messages is conversation


def test_a_messages_cloud_is_sent_nothing_that_it_refuses() -> None:
    """Blank texts, a temperature over 1, parameters without a type, a freeform tool."""
    freeform = {"type": "custom", "custom": {"name": "patch"}}
    made = {"id": "p", "type": "custom", "custom": {"name": "patch", "input": "X"}}
    turn: Any = {"role": "assistant", "content": "\n", "tool_calls": [made]}
    tools = [freeform, {"type": "function", "function": {"name": "run", "parameters": {}}}]
    request = ChatRequest(
        [{"role": "system", "content": [_text("s")]}, *HI, turn],
        extra={"temperature": 1.6, "tools": tools},
    )
    body = messages_api.encoded(request, "m")
    assert (body["temperature"], body["system"]) == (1, "s")
    assert body["tools"] == [{"name": "run", "input_schema": {"type": "object"}}]
    assert body["messages"][1]["content"] == [
        {"type": "tool_use", "id": "p", "name": "patch", "input": {"input": "X"}}
    ]


def test_a_responses_cloud_is_asked_as_its_api_has_it() -> None:
    """Freeform tools and calls, parameters that are missing, choices, a refusal said before."""
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}}
    tools = [
        {"type": "custom", "custom": {"name": "patch", "format": grammar}},
        {"type": "function", "function": {"name": "run"}},
    ]
    made = {"id": "p", "type": "custom", "custom": {"name": "patch", "input": "X"}}
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    turn: Any = {"role": "assistant", "content": None, "tool_calls": [made]}
    done: Any = {"role": "tool", "tool_call_id": "p", "content": "ok"}
    choice = {"type": "custom", "custom": {"name": "patch"}}
    request = ChatRequest(
        [*HI, refused, turn, done],  # type: ignore[list-item]
        extra={"tools": tools, "tool_choice": choice},
    )
    body = responses_api.encoded(request, "m")
    assert body["tools"][0]["format"] == {
        "type": "grammar",
        "syntax": "lark",
        "definition": "start: X",
    }
    assert body["tools"][1]["parameters"] == {"type": "object", "properties": {}}
    assert body["tool_choice"] == {"type": "custom", "name": "patch"}
    assert body["input"][1]["content"] == [{"type": "refusal", "refusal": "no"}]
    kinds = [item["type"] for item in body["input"][2:]]
    assert kinds == ["custom_tool_call", "custom_tool_call_output"]


@pytest.mark.parametrize(
    ("form", "of_responses", "of_messages"),
    [
        (
            {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": OBJECT}},
            {"type": "json_schema", "name": "n", "schema": OBJECT, "strict": True},
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": False,
            },
        ),
        ({"type": "json_object"}, {"type": "json_object"}, None),
    ],
)
def test_a_replys_form_is_asked_for_as_each_cloud_takes_it(
    form: Json, of_responses: Json, of_messages: Json | None
) -> None:
    """Anthropic's API wants closed objects; what it cannot be made to write is said in words."""
    asked = DIALECTS["chat"].read({"messages": HI, "response_format": form})
    request = fitted(asked.request, backend("responses"), json_schema=True)
    assert responses_api.encoded(request, "m")["text"] == {"format": of_responses}
    body = messages_api.encoded(request, "m")
    sent = body.get("output_config", {}).get("format", {}).get("schema")
    assert sent == of_messages
    assert ("JSON schema" in body.get("system", "")) is (of_messages is None)


REFUSED: list[tuple[str, Json, str, str | None]] = [
    (
        "reasoning_effort",
        {"reasoning": {"effort": "xhigh"}},
        "Unsupported value: 'xhigh' is not supported",
        "reasoning.effort",
    ),
    (
        "reasoning_effort",
        {"output_config": {"effort": "high"}},
        "This model does not support the effort parameter.",
        None,
    ),
    (
        "parallel_tool_calls",
        {"parallel_tool_calls": False},
        "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.",
        "parallel_tool_calls",
    ),
    ("top_p", {"top_p": 0.9}, "`top_p` is deprecated for this model.", None),
]


@pytest.mark.parametrize(("name", "sent", "words", "param"), REFUSED)
def test_an_option_that_a_cloud_refuses_is_left_out(
    name: str, sent: Json, words: str, param: str | None
) -> None:
    """Under whichever name the API has for it; what was not sent is not to blame."""
    options = Options(backend())
    error = StatusError(f"x: {words}", status=400, own_words="x", param=param)
    assert not options.learn(error, {"other": 1})
    assert options.learn(error, sent)
    assert name not in options.of(ChatRequest(HI, extra={name: "low"}))
    assert not options.learn(error, sent)


def test_an_allowed_choice_is_narrowed_for_who_does_not_know_it() -> None:
    """A local server and the other two APIs are offered just those; a chat cloud is asked as is."""
    named = {"type": "function", "function": {"name": "run"}}
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    tools = [TOOL, {"type": "function", "function": {"name": "see"}}]
    request = ChatRequest(HI, extra={"tools": tools, "tool_choice": choice})
    local = fitted(request, backend(mode=Mode.REFLEX), json_schema=True)
    assert local.extra == {"tools": [TOOL], "tool_choice": "required"}
    assert fitted(request, backend(), json_schema=True).extra == request.extra
