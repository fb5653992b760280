"""Tool calls: which parts make one call, and which calls can be carried out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client import toolcalls
from core.client.backend import ChatRequest, Message
from core.client.chat import ChatClient
from core.client.json_text import Growing
from core.client.toolcalls import MOST_CALLS, ToolCalls, is_unparsed_call, offered
from core.errors import Counting, NotCompliant, ProtocolError
from core.stages import Mode
from tests.support.behaviours import DONE, completion, delta, event, said, streams, whole
from tests.support.faultserver import FaultServer

if TYPE_CHECKING:
    from core.client.backend import Reply
    from tests.support.behaviours import Handler

HELLO: list[Message] = [{"role": "user", "content": "hello"}]
WRITE = {
    "type": "function",
    "function": {
        "name": "write",
        "parameters": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"path": {"type": "string", "pattern": "^[a-z.]+$"}},
            "required": ["path"],
        },
    },
}
LOOSE = {"type": "function", "function": {"name": "look"}}
TOOLS = [WRITE, LOOSE]


def part(index: Any = "none", **fields: Any) -> dict[str, Any]:
    """A delta's entry; ``name`` and ``arguments`` go into its function."""
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    entry = {**fields, **({"function": function} if function else {})}
    return entry if index == "none" else {"index": index, **entry}


def called(*parts: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What the streamed parts make: id, name and arguments of each call."""
    calls = ToolCalls()
    for one in parts:
        calls.add(one, streamed=True)
    made = [call["function"] | {"id": call["id"]} for call in calls.whole()]
    return [(call["id"], call["name"], call["arguments"]) for call in made]


TWO = [("a", "write", '{"x": 1}'), ("b", "look", "{}")]


@pytest.mark.parametrize("index", ["none", None, 0])
def test_one_index_for_all(index: Any) -> None:
    """No index, null, or the same under another id: a new id begins another call."""
    assert (
        called(
            part(index, id="a", name="write", arguments=""),
            part(index, arguments='{"x"'),
            part(index, arguments=": 1}"),
            part(index, id="b", name="look", arguments="{"),
            part(index, arguments="}"),
        )
        == TWO
    )


def test_a_new_name_begins_another_call() -> None:
    """Also without ids, and for the same tool again once its arguments are complete."""
    assert called(
        part(0, name="write", arguments='{"x": 1}'),
        part(0, name="write", arguments='{"x": 2}'),
        part(0, name="look", arguments="{}"),
    ) == [("", "write", '{"x": 1}'), ("", "write", '{"x": 2}'), ("", "look", "{}")]


def test_names_and_ids_may_be_said_again() -> None:
    """A server that repeats them with each part makes one call all the same."""
    assert called(
        part(0, id="a", name="write", arguments='{"x"'),
        part(0, id="a", name="write", arguments=": 1}"),
        part(0, name="write", arguments=""),
    ) == [("a", "write", '{"x": 1}'), ("", "write", "")]
    assert called(
        part(0, name="write", arguments='{"x"'), part(0, name="write", arguments=": 1}")
    ) == [("", "write", '{"x": 1}')]


@pytest.mark.parametrize("indexes", [(0, 1), (0, 0), (None, None), ("none", "none")])
def test_one_id_for_all(indexes: tuple[Any, Any]) -> None:
    """Another name, another index, or the name again once all is said: another call."""
    first, second = indexes
    assert called(
        part(first, id="c", name="look", arguments='{"x": 1}'),
        part(first, id="c", name="look", arguments=""),
        part(second, id="c", name="look", arguments='{"x": '),
        part(second, id="c", arguments="2}"),
        part(second, id="c", name="write", arguments="{}"),
    ) == [("c", "look", '{"x": 1}'), ("c", "look", '{"x": 2}'), ("c", "write", "{}")]


def test_calls_with_one_id_may_come_in_turn() -> None:
    """Their indexes tell them apart."""
    assert called(
        part(0, id="c", name="look", arguments="{"),
        part(1, id="c", name="look", arguments=""),
        part(0, id="c", arguments="}"),
        part(1, arguments='{"x"'),
        part(1, id="c", arguments=": 1}"),
    ) == [("c", "look", "{}"), ("c", "look", '{"x": 1}')]


def test_arguments_are_not_read_again_with_each_of_thousands_of_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name with each part makes us look whether the arguments are complete, but not for ever."""
    looks: list[str] = []

    def looked(text: str) -> Any:
        looks.append(text)
        return json.loads(text)

    monkeypatch.setattr(toolcalls, "parse_json_now", looked)
    parts = [part(0, name="write", arguments="}") for _ in range(2000)]
    made = called(part(0, name="write", arguments='{"x": "'), *parts)
    assert made == [("", "write", '{"x": "' + "}" * 2000)]
    assert len(looks) < 300


class Counted(int):
    """Counts how often it was compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other

    __hash__ = int.__hash__


def test_long_lists_are_merged_in_one_pass() -> None:
    """Entries by their index, of which a server may send tens of thousands."""
    first = [{"index": Counted(number), "text": "a"} for number in range(2000)]
    second = [{"index": Counted(number), "text": "b"} for number in range(1999, 4000)]
    value = Growing()
    value.add(first)
    value.add(second)
    made = value.whole()
    assert [one["text"] for one in made[1998:2001]] == ["a", "ab", "b"]
    assert len(made) == 4000
    assert Counted.compared < 100_000


def test_parts_of_calls_in_turn() -> None:
    """Parts find their call by index, or by id where they have none."""
    assert (
        called(
            part(0, id="a", name="write", arguments='{"x"'),
            part(1, id="b", name="look", arguments="{"),
            part(0, arguments=": 1}"),
            part(id="b", arguments="}"),
        )
        == TWO
    )


def test_parts_are_passed_on_with_their_own_number() -> None:
    """Whoever listens gets one index a call, whatever the server wrote."""
    calls = ToolCalls()
    parts = [part(None, id="a", name="f"), part(None, id="b", name="f"), part(None, arguments="{}")]
    assert [calls.add(one, streamed=True)["index"] for one in parts] == [0, 1, 1]


@pytest.mark.parametrize("streamed", [False, True])
def test_too_many_calls_are_no_answer(*, streamed: bool) -> None:
    """Fifty thousand would hold up everybody else for seconds."""
    calls = ToolCalls()
    for number in range(MOST_CALLS):
        calls.add(part(number, id=f"c{number}", name="f", arguments="{}"), streamed=streamed)
    calls.add(part(1, arguments=""), streamed=True)
    with pytest.raises(ProtocolError, match="more than 1,000 tool calls"):
        calls.add(part(MOST_CALLS, id="c", name="f", arguments="{}"), streamed=streamed)


def test_further_fields_are_kept() -> None:
    """A signature beside the function, a flag within it, and a custom tool's input."""
    calls = ToolCalls()
    calls.add(part(0, id="a", name="f", extra_content={"v": {"signature": "S"}}), streamed=True)
    calls.add({"index": 0, "function": {"arguments": "{}", "strict": True}}, streamed=True)
    custom = {"index": 1, "id": "c", "type": "custom", "custom": {"name": "sh", "input": "l"}}
    calls.add(custom, streamed=True)
    calls.add({"index": 1, "custom": {"input": "s"}}, streamed=True)
    calls.add({"index": 1, "id": "c"}, streamed=True)
    first, second = calls.whole()
    assert first["extra_content"] == {"v": {"signature": "S"}}
    assert first["function"] == {"name": "f", "arguments": "{}", "strict": True}
    assert second["custom"] == {"name": "sh", "input": "ls"}
    assert (second["type"], "index" in second) == ("custom", False)


def calling(*functions: dict[str, Any]) -> list[Handler]:
    """Servers that call these, in a stream and in one piece."""
    calls = [{"id": f"c{n}", "type": "function", "function": f} for n, f in enumerate(functions)]
    numbered = [{"index": n, **call} for n, call in enumerate(calls)]
    streamed = streams(
        event(delta({"role": "assistant", "tool_calls": numbered})),
        event(delta({}, "tool_calls")),
        DONE,
    )
    return [streamed, whole(completion(None, "tool_calls", tool_calls=calls))]


async def ask(behaviour: Handler, mode: Mode = Mode.REFLEX, **extra: Any) -> Reply:
    """The reply to a request that offers tools."""
    request = ChatRequest(HELLO, extra={"tools": TOOLS, **extra})
    async with FaultServer(behaviour) as server, ChatClient(server.backend(mode=mode)) as client:
        return await client.complete(request)


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ([{"name": "delete", "arguments": "{}"}], "'delete' was not offered"),
        ([{"arguments": "{}"}], "names no tool"),
        ([{"name": "write", "arguments": '{"path": "a.py", "text": "x ='}], "breaks off"),
        ([{"name": "write", "arguments": '{"path": 1}'}], "not of type 'string'"),
        ([{"name": "write", "arguments": '{"path": "A"}'}], "does not match"),
        ([{"name": "write", "arguments": ""}], "required property"),
        ([{"name": "look", "arguments": "[]"}], "not of type 'object'"),
        ([{"name": "look"}, {"name": "look", "arguments": "{"}], "breaks off"),
    ],
)
@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("mode", list(Mode))
async def test_a_call_that_cannot_be_carried_out(
    functions: list[dict[str, Any]], words: str, form: int, mode: Mode
) -> None:
    """It fails the attempt like any other, is counted, and keeps the reply as it came."""
    with pytest.raises(NotCompliant, match=words) as caught:
        await ask(calling(*functions)[form], mode)
    assert caught.value.counting is Counting.COUNTED
    assert caught.value.own_words == "a tool call of the reply is not valid"
    assert len(caught.value.partial.tool_calls) == len(functions)


async def test_sound_calls_are_answers() -> None:
    """Arguments that meet the schema, and none where none are needed."""
    for behaviour in calling(
        {"name": "write", "arguments": '{"path": "a.py"}'}, {"name": "look", "arguments": ""}
    ):
        reply = await ask(behaviour)
        assert [call["function"]["name"] for call in reply.tool_calls] == ["write", "look"]


async def test_a_tool_choice_of_none_offers_none() -> None:
    """Then no call is an answer."""
    with pytest.raises(NotCompliant, match="was not offered"):
        await ask(calling({"name": "look", "arguments": "{}"})[0], tool_choice="none")


async def test_a_tool_with_an_unusable_schema_takes_any_object() -> None:
    """Agents write such schemas; their own server never looked at them."""
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"type": "strange"}}}
    reply = await ask(calling({"name": "odd", "arguments": '{"x": 1}'})[0], tools=[odd])
    assert len(reply.tool_calls) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "write", "arguments": {"path": "a.py"}}\n</tool_call>',
        'I will look.\n\n<tool_call>{"name": "look", "arguments": {}}</tool_call>',
        "<function=look>\n</function>",
        '[TOOL_CALLS][{"name": "look", "arguments": {}}]',
        '<think>hm</think><tool_call>{"name": "look"',
        '{"name": "look", "arguments": {}}',
        '```json\n{"name": "look", "parameters": {}}\n```',
    ],
)
async def test_text_that_is_a_call_nobody_parsed(text: str) -> None:
    """Of a local server it is no answer where tools were offered; of a cloud it is its text."""
    with pytest.raises(NotCompliant, match="did not parse"):
        await ask(streams(*said(text)))
    assert (await ask(streams(*said(text)), Mode.CLOUD)).text == text
    assert (await ask(streams(*said(text)), tools=None)).text == text


@pytest.mark.parametrize(
    "text",
    [
        "The tag `<tool_call>` begins a call.",
        "Like this:\n```\n<tool_call>{}</tool_call>\n```",
        '{"name": "other", "arguments": {}}',
        '{"name": "look"}',
        "",
    ],
)
def test_text_about_calls_is_text(text: str) -> None:
    """Words about tool calls are none."""
    assert not is_unparsed_call(text, {"look": None})


def test_what_is_offered() -> None:
    """Functions and custom tools by name; anything else is passed over."""
    custom = {"type": "custom", "custom": {"name": "sh"}}
    odd = [{"type": "web_search"}, "x", {"function": {"name": 5}}]
    assert offered({"tools": [*TOOLS, custom, *odd]}) == {
        "write": WRITE["function"]["parameters"],  # type: ignore[index]
        "look": None,
        "sh": None,
    }
    assert offered({}) == offered({"tools": json.dumps(TOOLS)}) == {}
