"""What a caller or a server can make endless: checked elsewhere, ended in time, the loop free."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from core.client import bounded
from core.client import schema as schemas
from core.client.backend import ChatRequest, Message
from core.client.chat import ChatClient
from core.client.json_text import Growing, is_light
from core.errors import AttemptTimeout, BadRequest, NotCompliant, ProtocolError
from tests.support.behaviours import EVENTS, completion, framed, head, raw, said, streams, whole
from tests.support.engine.processes import eventually, running
from tests.support.faultserver import FaultServer
from tests.support.patience import counting_turns, until

if TYPE_CHECKING:
    from pathlib import Path

EVIL = {"type": "string", "pattern": "^(a+)+$"}
VICTIM = json.dumps("a" * 40 + "!")
DOUBLING: dict[str, Any] = {
    "$defs": {
        str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}, {"$ref": f"#/$defs/{n + 1}"}]}
        for n in range(40)
    }
    | {"40": {"type": "null"}},
    "$ref": "#/$defs/0",
}
PAIRS = json.dumps([{"n": n} for n in range(6000)])
HELLO: list[Message] = [{"role": "user", "content": "hello"}]
# Far fewer than come round while another process works, and more than a call needs by itself.
MANY = 100


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (EVIL, VICTIM),
        ({"patternProperties": {"^(a|aa)+$": {}}}, json.dumps({"a" * 60 + "!": 1})),
        (DOUBLING, "1"),
        pytest.param({"uniqueItems": True}, PAIRS, marks=pytest.mark.slow),
    ],
    ids=["pattern", "names", "references", "pairs"],
)
async def test_a_check_ends(
    schema: dict[str, Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a schema makes endless is refused when its time is up, and nobody else waits."""
    monkeypatch.setattr(bounded, "LIMIT_S", 0.3)
    async with counting_turns() as turns:
        with pytest.raises(BadRequest, match="takes more than"):
            await bounded.parse(text, schema)
    assert turns.count > MANY


@pytest.mark.slow
async def test_after_a_killed_child_the_next_check_is_sound() -> None:
    """A pattern that is met, one that is not, and a schema that is none."""
    with pytest.raises(BadRequest):
        await bounded.parse(VICTIM, EVIL)
    assert await bounded.parse('"aaa"', EVIL) == "aaa"
    with pytest.raises(NotCompliant, match="does not match"):
        await bounded.parse('"b"', EVIL)
    with pytest.raises(BadRequest, match="not usable"):
        await bounded.check_schema({"pattern": "("})


async def test_a_cancelled_check_leaves_no_process_at_work() -> None:
    """Who leaves ends the child that works for him."""
    await bounded.check_schema(EVIL)
    checking = asyncio.create_task(bounded.parse(VICTIM, EVIL))
    await until(lambda: len(bounded._children.running()) == 1)
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    await until(lambda: bounded._children.running() == [])


def test_a_child_ends_by_itself_when_its_parent_is_killed() -> None:
    """The alarm is the child's own: a pattern does not go on after a killed parent."""
    code = (
        "import asyncio, os, sys; from core.client import bounded\n"
        "async def run():\n"
        f"    task = asyncio.create_task(bounded.parse({VICTIM!r}, {EVIL!r}))\n"
        "    while not bounded._children.running(): await asyncio.sleep(0.01)\n"
        "    await asyncio.sleep(0.5)  # it reads its question and is at work\n"
        "    child, = bounded._children.running()\n"
        "    print(child, flush=True); os.kill(os.getpid(), 9)\n"
        "asyncio.run(run())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    child = int(done.stdout)
    ended = eventually(lambda: not running(child))
    if not ended:
        os.kill(child, 9)
    assert ended


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"]}, "{}"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}, "3"),
        ({"$defs": {"p": {"type": "integer"}}, "items": {"$ref": "#/$defs/p"}}, '["x"]'),
        ({"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 3}]}, '"long"'),
    ],
)
async def test_an_ordinary_schema_needs_no_child(
    schema: dict[str, Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is checked here, and soundly."""
    monkeypatch.setattr(bounded, "_children", None)
    await bounded.check_schema(schema)
    with pytest.raises(NotCompliant):
        await bounded.parse(text, schema)


@pytest.mark.parametrize(
    "schema",
    [
        EVIL,
        DOUBLING,
        {"items": {"$ref": "#"}},
        {"type": "odd"},
        {"type": []},
        {"required": "a"},
        {"minItems": -1},
        {"enum": list(range(3000))},
        {"properties": {"a": {"pattern": "x"}}},
        {"$ref": "#/$defs/gone"},
        {"x-unknown": 1},
        {"items": [{}]},
    ],
)
def test_others_have_no_known_cost(schema: dict[str, Any]) -> None:
    """What may take long, or is not valid, is never taken for an ordinary schema."""
    assert schemas.cost(json.dumps(schema)) is None


async def test_through_a_client_in_time() -> None:
    """The attempt ends with its deadline, as the request's fault, which no breaker counts."""
    request = ChatRequest(HELLO, schema=EVIL)
    async with (
        FaultServer(streams(*said(VICTIM))) as server,
        ChatClient(server.backend(timeout_ms=1500)) as client,
    ):
        await bounded.check_schema(EVIL)
        async with counting_turns() as turns:
            with pytest.raises(BadRequest, match=r"takes more than [01]\.") as caught:
                await client.complete(request)
        assert caught.value.counting == "not_counted"
        assert turns.count > MANY


@pytest.mark.parametrize("bracket", ["[]", "{}", '""'])
async def test_a_large_body_does_not_hold_the_loop(bracket: str) -> None:
    """8 MB of nothing, as a whole reply: a protocol error, found out elsewhere."""
    body = f"[{f'{bracket},' * 2_000_000}{bracket}]".encode()
    async with FaultServer(whole(body)) as server, ChatClient(server.backend()) as client:
        with pytest.raises(ProtocolError):
            await client.complete(ChatRequest(HELLO))
    async with counting_turns() as turns:
        with pytest.raises((ValueError, bounded.TookTooLong)):
            await bounded.parse_json(body)
    assert turns.count > MANY


async def test_a_large_event_does_not_hold_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of nearly 1 MiB with values beyond number is refused without being parsed."""
    parsed: list[int] = []
    loads = json.loads

    def noted(text: str) -> Any:
        parsed.append(len(text))
        return loads(text)

    monkeypatch.setattr(json, "loads", noted)
    line = b"data: [" + b"[]," * 300_000 + b"[]]\n\n"
    async with (
        FaultServer(raw(EVENTS + framed(line), then="hang")) as server,
        ChatClient(server.backend()) as client,
    ):
        with pytest.raises(ProtocolError):
            await client.complete(ChatRequest(HELLO))
    assert max(parsed, default=0) < len(line) // 2


async def test_many_small_events_do_not_hold_the_loop() -> None:
    """A stream that arrives all at once is read in turns: its deadline strikes in its middle.

    Read in one go, it would be refused for its size.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    flood = packer.compress(b'data: {"x":1}\n\n' * 700_000) + packer.flush()
    opening = head(content_type="text/event-stream", content_encoding="gzip")
    async with (
        FaultServer(raw(opening + flood, then="hang")) as server,
        ChatClient(server.backend(timeout_ms=100)) as client,
    ):
        with pytest.raises(AttemptTimeout):
            await client.complete(ChatRequest(HELLO))


async def test_a_large_sound_reply_is_read() -> None:
    """Long text with commas and brackets is no fault."""
    text = "x = [1, 2, {}]\n" * 100_000
    async with (
        FaultServer(whole(completion(text))) as server,
        ChatClient(server.backend()) as client,
    ):
        reply = await client.complete(ChatRequest(HELLO))
    assert reply.text == text


def test_what_is_light() -> None:
    """Small bodies and long texts are; many values are not."""
    assert is_light(b"[" * 40_000)
    assert is_light(b'"' + b"x" * 900_000 + b'"')
    assert not is_light(b"[]," * 100_000)
    assert not is_light(b"x" * (2 << 20))


def grown(*parts: Any) -> Any:
    """What they make together."""
    value = Growing()
    for part in parts:
        value.add(part)
    return value.whole()


def test_parts_of_a_value() -> None:
    """Texts go on, objects are merged, entries with an index are one, names are not repeated."""
    before = {"type": "t", "text": "a", "list": [{"index": 0, "text": "x", "id": "i"}]}
    now = {"type": "t", "text": "b", "list": [{"index": 0, "text": "y", "id": "i"}, 5], "n": 1}
    assert grown(before, now) == {
        "type": "t",
        "text": "ab",
        "list": [{"index": 0, "text": "xy", "id": "i"}, 5],
        "n": 1,
    }
    assert before["text"] == "a"
    assert grown(None, 1) == grown(1, None) == 1
    assert grown([1], "a", {"b": None}, 2, {"c": {}}, None) == {"c": {}}


@pytest.mark.slow
@pytest.mark.parametrize("part", [{"a": "x" * 30}, [{"index": 0, "text": "x" * 30}]])
def test_many_parts_of_a_value_cost_what_they_are_long(part: Any) -> None:
    """Copied at each part, thousands of them would run into the time limit."""
    count = 300_000
    value = Growing()
    for number in range(count):
        value.add(part)
        value.add({f"k{number}": 1} if isinstance(part, dict) else [{"index": f"n{number // 2}"}])
    assert len(value.whole()) >= count // 2


def test_a_child_runs_our_own_package(tmp_path: Path) -> None:
    """Another package called ``core`` on the path is not what checks."""
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    code = (
        "import asyncio, sys; from core.client import bounded\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"print(asyncio.run(bounded.parse('\"aa\"', {EVIL!r})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "aa"
