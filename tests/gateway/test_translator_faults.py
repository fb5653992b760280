"""The faults that users of other translators reported, each shown not to be here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client.backend import Backend, ChatRequest, Reply
from core.client.options import Options
from core.client.toolcalls import is_unparsed_call, legal_id
from core.errors import StatusError
from core.gateway.dialects.messages import count_tokens
from core.router.fitting import fitted
from core.stages import Mode
from tests.support.gateway.agents import DIALECTS, latest
from tests.support.gateway.events import events_of

if TYPE_CHECKING:
    from collections.abc import Callable

LOCAL = Backend("reflex", Mode.REFLEX, "http://127.0.0.1:1/v1", "m", 1000)
CLOUD = Backend("cloud", Mode.CLOUD, "http://127.0.0.1:1/v1", "m", 1000)
RUN = {"type": "function", "name": "run", "parameters": {"type": "object"}}
ASKED = {"role": "user", "content": "a"}
Json = dict[str, Any]


def text(words: str) -> Json:
    """A block of text."""
    return {"type": "text", "text": words}


def responses(*items: Json, **more: Any) -> Any:
    """A request of the Responses API, read."""
    return DIALECTS["responses"].read({"input": list(items) or "hi", **more})


def messages(*turns: Json, **more: Any) -> Any:
    """A request of the Messages API, read."""
    asked = {"max_tokens": 9, "messages": list(turns) or [{"role": "user", "content": "hi"}]}
    return DIALECTS["messages"].read(asked | more)


def said(read: Any) -> list[Json]:
    """The chat messages of a request."""
    return [dict(message) for message in read.request.messages]


def user(*blocks: Json) -> Json:
    """A turn of the user."""
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    """A turn of the assistant."""
    return {"role": "assistant", "content": list(blocks)}


def use(identity: str, name: str = "run") -> Json:
    """A call of a tool."""
    return {"type": "tool_use", "id": identity, "name": name, "input": {"a": 1}}


def result(identity: str, content: Any = "ok", **more: Any) -> Json:
    """A tool's result."""
    return {"type": "tool_result", "tool_use_id": identity, "content": content, **more}


def fc(identity: str, name: str = "run", **more: Any) -> Json:
    """A call as an item."""
    return {"type": "function_call", "call_id": identity, "name": name, "arguments": "{}", **more}


def output(identity: str, value: Any = "ok") -> Json:
    """A call's output as an item."""
    return {"type": "function_call_output", "call_id": identity, "output": value}


def part(nth: int, name: str, arguments: str, identity: str = "x") -> Json:
    """A part of a tool call."""
    inner = {"name": name, "arguments": arguments}
    return {"index": nth, "id": identity, "type": "function", "function": inner}


def calls(one: Json) -> Json:
    """A delta with a part of a tool call."""
    return {"tool_calls": [one]}


def reply(text: str = "", finish: str = "stop", **more: Any) -> Reply:
    """A whole reply."""
    return Reply(text, finish, 1.0, 1.0, 1.0, **more)


def stream(dialect: str, *deltas: Json, end: Reply | None = None, read: Any = None) -> list[Json]:
    """The events of an answer that comes as these deltas."""
    read = read or (responses() if dialect == "responses" else messages())
    writer = DIALECTS[dialect].writer(read, "c" * 32, 7)
    pieces = [writer.beginning(), *map(writer.piece, deltas), writer.ending(end or reply())]
    return events_of(b"".join(pieces))


def kinds(events: list[Json]) -> list[str]:
    """The events' types."""
    return [event["type"] for event in events]


def arguments_dropped() -> None:
    """Arguments come as deltas and whole at the end, in both dialects."""
    call = calls(part(0, "run", '{"a": 1}'))
    mine = stream("responses", call)
    deltas = "".join(e["delta"] for e in mine if e["type"].endswith("arguments.delta"))
    [done] = [e["arguments"] for e in mine if e["type"].endswith("arguments.done")]
    theirs = stream("messages", call)
    parts = [e["delta"]["partial_json"] for e in theirs if e["type"] == "content_block_delta"]
    assert deltas == done == "".join(parts) == '{"a": 1}'


def empty_tool_calls() -> None:
    """A delta with ``tool_calls: []`` opens nothing, and no message is sent with it."""
    opened = stream("messages", {"content": "a", "tool_calls": []})
    read = said(messages(user(text("a")), assistant(text("b"))))
    assert kinds(opened).count("content_block_start") == 1
    assert "tool_calls" not in read[-1]


def stop_reason_with_tools() -> None:
    """Servers say ``stop`` or ``tool_calls`` after a call; agents are told ``tool_use``."""
    call = calls(part(0, "run", "{}"))
    ends = [stream("messages", call, end=reply("", finish)) for finish in ("stop", "tool_calls")]
    assert [end[-2]["delta"]["stop_reason"] for end in ends] == ["tool_use", "tool_use"]


def spurious_text_blocks() -> None:
    """Empty content opens no block, before a call or after it."""
    found = stream(
        "messages", {"content": ""}, {"tool_calls": [part(0, "run", "{}")], "content": ""}
    )
    started = [e["content_block"]["type"] for e in found if e["type"] == "content_block_start"]
    assert started == ["tool_use"]


def parallel_calls_streamed() -> None:
    """Calls whose parts are mixed come one after the other, each whole."""
    mixed = [
        part(0, "run", '{"a":'),
        part(1, "see", '{"b"', "y"),
        part(0, "", "1}"),
        part(1, "", ":2}", "y"),
    ]
    found = stream("messages", *({"tool_calls": [one]} for one in mixed))
    texts: dict[int, str] = {}
    for event in found:
        if event["type"] == "content_block_delta":
            at = event["index"]
            texts[at] = texts.get(at, "") + event["delta"]["partial_json"]
    assert texts == {0: '{"a":1}', 1: '{"b":2}'}


def missing_block_start() -> None:
    """Each block is opened before its first delta."""
    found = stream("messages", {"reasoning_content": "h"}, {"content": "a"})
    assert kinds(found)[1:3] == ["content_block_start", "content_block_delta"]
    assert kinds(found).count("content_block_start") == kinds(found).count("content_block_stop")


def cached_tokens() -> None:
    """Tokens from the server's cache are told in both."""
    end = reply("a", prompt_tokens=10, completion_tokens=2, cached_tokens=6)
    mine = stream("responses", {"content": "a"}, end=end)[-1]["response"]["usage"]
    theirs = stream("messages", {"content": "a"}, end=end)[-2]["usage"]
    told = (theirs["input_tokens"], theirs["cache_read_input_tokens"])
    assert mine["input_tokens_details"]["cached_tokens"] == 6
    assert told == (4, 6)


def count_tokens_too_low() -> None:
    """The estimate counts system, tools and results, and is above four characters a token."""
    body = latest("claude-code").body
    assert count_tokens(body) > len(json.dumps(body["tools"])) / 4 + 100


def system_in_the_middle() -> None:
    """A local server sees one system message; the later one stays where it was."""
    asked = messages(user(text("a")), {"role": "system", "content": "later"}, system="first")
    local = fitted(asked.request, LOCAL, json_schema=True).messages
    roles = [message.get("role") for message in local]
    assert roles == ["system", "user"]
    assert "later" in str(local[1].get("content"))


def billing_block() -> None:
    """Claude Code's header, which changes each turn, reaches no chat server."""
    asked = DIALECTS["messages"].read(latest("claude-code").body)
    assert "billing" in str(latest("claude-code").body["system"])
    assert "billing-header" not in str(said(asked)[0])


def thinking_sent_on() -> None:
    """``thinking`` is Anthropic's; it is named as left out."""
    asked = messages(thinking={"type": "enabled", "budget_tokens": 9000})
    assert "thinking" not in asked.request.extra
    assert "thinking" in asked.request.dropped


def reasoning_kept() -> None:
    """A local server gets what was thought back as such, and agents get it as their own kind."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    asked = messages(user(text("a")), assistant(thought, use("x")), user(result("x")))
    local = fitted(asked.request, LOCAL, json_schema=True).messages[1]
    cloud = fitted(asked.request, CLOUD, json_schema=True).messages[1]
    item = stream("responses", {"reasoning_content": "hm"})[-1]["response"]["output"][0]
    is_kept = local.get("reasoning_content") == "hm" and item["type"] == "reasoning"
    assert is_kept
    assert "reasoning_content" not in cloud
    assert not local.get("content")


def illegal_tool_ids() -> None:
    """An id that an API would refuse is replaced, always by the same."""
    found = stream("messages", calls(part(0, "run", "{}", "functions.run:0")))
    made = found[1]["content_block"]["id"]
    none = stream("messages", calls(part(0, "run", "{}", "")))[1]["content_block"]["id"]
    legal = made == legal_id("functions.run:0", "") and made.replace("_", "").isalnum()
    assert legal
    assert none.startswith("toolu_")


def stop_sequence() -> None:
    """Where the server tells which text ended the reply, so is the agent."""
    end = stream("messages", {"content": "a"}, end=reply("a", stop_sequence="END"))[-2]["delta"]
    assert end == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def images_in_results() -> None:
    """They go to the cloud, as the user's, since a tool's message is text."""
    source = {"type": "base64", "media_type": "image/png", "data": "QQ=="}
    seen = result("x", [text("t"), {"type": "image", "source": source}])
    asked = messages(user(text("a")), assistant(use("x")), user(seen))
    tool, after = said(asked)[-2:]
    is_image = after["content"][0]["image_url"]["url"] == "data:image/png;base64,QQ=="
    assert asked.needs_cloud == "image_input"
    assert tool["content"].startswith("t\n")
    assert is_image


def output_item_events() -> None:
    """Each item is added, and done with all that it holds."""
    found = stream("responses", {"content": "a"}, calls(part(0, "run", "{}")))
    done = [e["item"]["type"] for e in found if e["type"] == "response.output_item.done"]
    assert done == ["message", "function_call"]
    assert kinds(found).count("response.output_item.added") == 2


def completed_with_output() -> None:
    """The last event holds the whole output."""
    last = stream("responses", {"content": "a"})[-1]
    text = last["response"]["output"][0]["content"][0]["text"]
    assert last["type"] == "response.completed"
    assert text == "a"


def type_in_data() -> None:
    """Each event's name stands in its data, which ``events_of`` insists on."""
    found = [*stream("responses", {"content": "a"}), *stream("messages", {"content": "a"})]
    assert all(event["type"] for event in found)


def namespaces_and_tool_search() -> None:
    """A namespace's tools are offered and restored; a search of tools is the cloud's."""
    space = {"type": "namespace", "name": "mcp__db__", "tools": [RUN]}
    search = {"type": "tool_search", "execution": "client"}
    asked = responses(tools=[space, search, RUN])
    names = [tool["function"]["name"] for tool in asked.request.extra["tools"]]
    made = stream("responses", calls(part(0, names[0], "{}")), read=asked)
    item = made[-1]["response"]["output"][0]
    restored = (item["namespace"], item["name"]) == ("mcp__db__", "run")
    left = asked.needs_cloud is None and asked.request.dropped == ("tools.tool_search",)
    searched = responses(ASKED, {"type": "tool_search_call", "call_id": "x"})
    assert names == ["mcp__db__run", "run"]
    assert restored
    assert left
    assert searched.needs_cloud == "server_tool"


def custom_tools() -> None:
    """A freeform tool takes one string, and comes back with it."""
    tool = {
        "type": "custom",
        "name": "patch",
        "format": {"syntax": "lark", "definition": "start: X"},
    }
    asked = responses(tools=[tool])
    offered = asked.request.extra["tools"][0]["function"]
    made = stream("responses", calls(part(0, "patch", '{"input": "X"}')), read=asked)
    item = made[-1]["response"]["output"][0]
    again = responses(ASKED, item | {"call_id": "x"}, tools=[tool])
    sent = said(again)[1]["tool_calls"][0]["function"]["arguments"]
    fits = (
        list(offered["parameters"]["properties"]) == ["input"]
        and "start: X" in offered["description"]
    )
    assert fits
    assert (item["type"], item["input"]) == ("custom_tool_call", "X")
    assert sent == '{"input": "X"}'


def listed_output() -> None:
    """A tool's output as a list of texts is a text."""
    texts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    mine = said(responses(ASKED, fc("x"), output("x", texts)))[-1]
    theirs = said(
        messages(
            user(text("q")),
            assistant(use("x")),
            user(result("x", [text("a")], is_error=True)),
        )
    )[-1]
    assert mine["content"] == "a\n\nb"
    assert theirs["content"] == "[the tool failed]\na"


def result_without_call() -> None:
    """A result whose call was compacted away is told as the user's words."""
    mine = said(responses(output("gone", "42")))
    assert [one["role"] for one in mine] == ["user"]
    assert "42" in mine[0]["content"]


def results_follow_their_calls() -> None:
    """In the order of the calls, directly after them, and one for each."""
    turns = (user(text("q")), assistant(use("x"), use("y"), use("z")))
    late = user(text("note"), result("y", "Y"), result("x", "X"))
    found = said(messages(*turns, late))
    told = [(one["role"], one.get("tool_call_id")) for one in found]
    expected = [
        ("user", None),
        ("assistant", None),
        ("tool", "x"),
        ("tool", "y"),
        ("tool", "z"),
        ("user", None),
    ]
    assert told == expected
    assert "no result" in found[4]["content"]
    assert found[5]["content"] == "note"


def unstreamed_calls() -> None:
    """A document holds the calls that a stream does."""
    end = reply("", "tool_calls", tool_calls=(part(0, "run", '{"a": 1}'),))
    mine = DIALECTS["responses"].writer(responses(), "c", 7).whole(end)
    theirs = DIALECTS["messages"].writer(messages(), "c", 7).whole(end)
    assert mine["output"][0]["arguments"] == '{"a": 1}'
    assert theirs["content"][0]["input"] == {"a": 1}


def tool_xml_as_text() -> None:
    """A local server's call that it left in the text is a failure, not an answer."""
    assert is_unparsed_call('<tool_call>\n{"name": "run"}\n</tool_call>', {"run": None})


def effort_refused() -> None:
    """A server that refuses an effort is asked again without it; local ones never get it."""
    asked = responses(reasoning={"effort": "xhigh"})
    options, request = Options(CLOUD), fitted(asked.request, CLOUD, json_schema=True)
    sent = options.of(request)
    refused = StatusError("x: bad value", status=400, own_words="x", param="reasoning_effort")
    learned = options.learn(refused, sent)
    local: ChatRequest = fitted(asked.request, LOCAL, json_schema=True)
    again = options.of(request)
    assert learned
    assert sent["reasoning_effort"] == "xhigh"
    assert not {"reasoning_effort"} & {*again, *local.extra}


def keepalive() -> None:
    """What an agent takes for a sign of life: comments alone do not do for two of them."""
    pings = {name: DIALECTS[name].writer(messages(), "c", 7).ping() for name in DIALECTS}
    [begun, progress] = events_of(pings["responses"])
    typed = (begun["type"], progress["type"]) == ("response.created", "response.in_progress")
    assert typed
    assert events_of(pings["messages"]) == [{"type": "ping"}]
    assert pings["chat"].startswith(b":")


def finish_reason_on_every_chunk() -> None:
    """Only the last chunk has one."""
    writer = DIALECTS["chat"].writer(messages(), "c", 7)
    body = b"".join([writer.beginning(), writer.piece({"content": "a"}), writer.ending(reply("a"))])
    ends = [event["choices"][0]["finish_reason"] for event in events_of(body)]
    assert ends == [None, None, "stop"]


FAULTS: list[Callable[[], None]] = [
    arguments_dropped,
    empty_tool_calls,
    stop_reason_with_tools,
    spurious_text_blocks,
    parallel_calls_streamed,
    missing_block_start,
    cached_tokens,
    count_tokens_too_low,
    system_in_the_middle,
    billing_block,
    thinking_sent_on,
    reasoning_kept,
    illegal_tool_ids,
    stop_sequence,
    images_in_results,
    output_item_events,
    completed_with_output,
    type_in_data,
    namespaces_and_tool_search,
    custom_tools,
    listed_output,
    result_without_call,
    results_follow_their_calls,
    unstreamed_calls,
    tool_xml_as_text,
    effort_refused,
    keepalive,
    finish_reason_on_every_chunk,
]


@pytest.mark.parametrize("sound", FAULTS, ids=lambda fault: fault.__name__)
def test_a_reported_fault_is_not_here(sound: Callable[[], None]) -> None:
    """Each row's sentence says what is so instead."""
    sound()
