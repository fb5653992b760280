"""Odd but legal requests and replies: nothing is lost, and no API is sent what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client import messages_api, responses_api
from core.client.backend import Backend, ChatRequest, Reply
from core.client.chat import Options
from core.client.faults import error_in, fault_error, quoting
from core.errors import Busy, StatusError, TooLong
from core.gateway.dialects.refusals import ErrorReply, error_reply
from core.router.fitting import fitted
from core.stages import Mode
from tests.support.behaviours import Seen, event, streams, whole
from tests.support.faultserver import FaultServer
from tests.support.gateway import events
from tests.support.gateway.agents import DIALECTS
from tests.support.gateway.serving import CHAT, configured, fronted, on_post

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from tests.support.behaviours import Handler

Json = dict[str, Any]
HI: list[Any] = [{"role": "user", "content": "hi"}]
RUN = {"type": "function", "name": "run", "parameters": {"type": "object"}}
SEARCH = {"type": "web_search"}
OBJECT = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}
ASKS: dict[str, Json] = {
    CHAT: {"messages": HI},
    "responses": {"input": HI},
    "messages": {"messages": HI, "max_tokens": 9},
}


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


FORMS: list[tuple[Json, Json, Json | None]] = [
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
]


@pytest.mark.parametrize(("form", "of_responses", "of_messages"), FORMS)
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


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "context_length_exceeded", "message": "Your input exceeds it."}, TooLong),
        ({"type": "overloaded_error", "message": "Overloaded"}, Busy),
        ({"code": "server_is_overloaded", "message": "busy"}, Busy),
    ],
)
def test_an_error_inside_a_stream_keeps_what_agents_act_on(
    error: Json, kind: type[StatusError]
) -> None:
    """A context that is full makes agents compact; a busy server makes them wait."""
    fault = error_in({"error": error})
    assert fault is not None
    raised = fault_error(backend(), fault, quoting(None))
    assert type(raised) is kind
    refusal = error_reply(raised)
    assert refusal.over_context is (kind is TooLong)
    [failed] = [
        one["response"]["error"]
        for one in events.events_of(_writer("responses").failure(refusal))
        if one["type"] == "response.failed"
    ]
    told = events.events_of(_writer("messages").failure(refusal))[0]["error"]
    if kind is TooLong:
        assert failed["code"] == "context_length_exceeded"
        assert told["message"].startswith("prompt is too long")
    else:
        assert (failed["code"], told["type"]) == ("server_error", "overloaded_error")


def _writer(dialect: str) -> Any:
    return DIALECTS[dialect].writer(messages(), "c" * 32, 7)


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("status", [429, 503, 529])
async def test_a_busy_clouds_status_and_wait_reach_the_agent(
    project: Path, path: str, status: int
) -> None:
    """Streamed or not: agents wait as long as they are told, and know what it was."""
    said_busy = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
    handler = _refusing(status, said_busy, "retry-after: 7\r\n")
    async with (
        FaultServer(on_post(handler)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        for more in ({}, {"stream": True}):
            answer = await http.post(path, json=ASKS[path] | more)
            assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    if path == "messages":
        kind = "rate_limit_error" if status == 429 else "overloaded_error"
        assert answer.json()["error"]["type"] == kind


def _refusing(status: int, document: Json, headers: str = "") -> Handler:
    body = json.dumps(document)

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n{headers}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    return handler


@pytest.mark.parametrize("path", ASKS)
async def test_a_refused_effort_is_left_out_by_whichever_cloud(project: Path, path: str) -> None:
    """One failed request, then an answer without it."""
    api = "messages" if path == "responses" else "responses"
    said_no = {"error": {"message": "Unsupported parameter: effort", "param": "reasoning.effort"}}
    kind = "message" if api == "messages" else "response"
    content = [{"type": "text", "text": "yes"}]
    document: Json = {"model": "c", "type": kind}
    document |= (
        {"content": content, "stop_reason": "end_turn"}
        if api == "messages"
        else {"output": [{"type": "message", "content": content}]}
    )

    async def choosy(seen: Seen, writer: asyncio.StreamWriter) -> None:
        handler = whole(said_no, 400) if "effort" in seen.body.decode() else whole(document)
        await handler(seen, writer)

    effort: dict[str, Json] = {
        CHAT: {"reasoning_effort": "high"},
        "responses": {"reasoning": {"effort": "high"}},
        "messages": {"output_config": {"effort": "high"}},
    }
    asked = ASKS[path] | effort[path]
    async with (
        FaultServer(on_post(choosy)) as cloud,
        fronted(configured(project, cloud.endpoint, f'api = "{api}"\n')) as http,
    ):
        answer = await http.post(path, json=asked)
    assert (answer.status_code, "yes" in answer.text) == (200, True), answer.text


async def test_a_form_that_a_cloud_refuses_is_asked_for_in_words(project: Path) -> None:
    """Its answer is checked all the same."""
    refusal = whole({"error": {"message": "output_config.format.schema: not supported"}}, 400)
    content = [{"type": "text", "text": '{"a": "x"}'}]
    answered = whole({"model": "c", "content": content, "stop_reason": "end_turn"})

    async def choosy(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (refusal if "output_config" in seen.json else answered)(seen, writer)

    async with (
        FaultServer(on_post(choosy)) as cloud,
        fronted(configured(project, cloud.endpoint, 'api = "messages"\n')) as http,
    ):
        form = FORMS[0][0]
        answer = await http.post(CHAT, json={"messages": HI, "response_format": form})
    assert answer.json()["choices"][0]["message"]["content"] == '{"a": "x"}'
    assert "JSON schema" in cloud.chats[-1].json["system"]


async def test_an_item_that_another_server_made_is_refused(project: Path) -> None:
    """Where the cloud does not speak the dialect, the conversation would go on without it."""
    async with (
        FaultServer(on_post(streams(event({})))) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        sealed = {"type": "compaction", "encrypted_content": "E"}
        answer = await http.post("responses", json={"input": [*HI, sealed]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "compaction")
    assert not cloud.chats


async def test_a_model_nobody_knows_is_refused_in_the_clients_words(project: Path) -> None:
    """Anthropic's clients read another shape of error."""
    async with fronted(configured(project, "http://127.0.0.1:9/v1")) as http:
        plain = (await http.get("models/none")).json()
        theirs = (await http.get("models/none", headers={"anthropic-version": "1"})).json()
    assert plain["error"]["code"] == "model_not_found"
    assert (theirs["type"], theirs["error"]["type"]) == ("error", "not_found_error")


def test_a_prompt_that_is_too_long_is_one_code_for_all() -> None:
    """However the server words it."""
    words = "cloud at h:1 answered 400: Input is too long for requested model."
    error = TooLong(words, status=400, server_code="ValidationException")
    refusal = error_reply(error)
    assert (refusal.code, refusal.over_context) == ("context_length_exceeded", True)
    assert not ErrorReply(400, "bad").over_context
