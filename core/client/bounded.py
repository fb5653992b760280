"""Checking what comes from outside in bounded time, and without stopping the event loop.

A schema's ``pattern`` that backtracks, or JSON of millions of values, can take for ever, and
nothing inside this process can end that. Ordinary schemas and small JSON are dealt with here; the
rest goes to a child process (``bounded_child``) that is killed when its time is up. Children are
started when first needed, kept, and shared by all clients and event loops of the process.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import marshal
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from core.client import schema as schemas
from core.client.json_text import LIGHT, NotStrictJSON, is_light, loads, size
from core.errors import BadRequest, MalformedRequest, NotCompliant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import ThreadPoolExecutor

LIMIT_S = 2.0
"""The longest that one reply, schema or body may take to be checked."""

_MOST_CHILDREN = 4
_START_S = 20.0
_MOST_STEPS = 3000
_MOST_TEXT = 32 << 10
_LATER = object()
# Our own package whatever else is called ``core``, and then the modules that we use ourselves.
_CHILD = """
import sys
sys.path[:] = sys.argv[1:]
import core
del sys.path[0]
from core.client.bounded_child import main
main()
"""
_ROOT = str(Path(__file__).parents[2])
_LENGTH = struct.Struct(">Q")
_USABLE: set[str] = set()
_MOST_REMEMBERED = 64


class TookTooLong(Exception):
    """The time was up, or the memory; the child has been killed."""


async def check_schema(schema: Mapping[str, Any]) -> None:
    """Make sure that ``schema`` can be used.

    Raises:
        MalformedRequest: it is no JSON schema.
        BadRequest: checking that takes over ``LIMIT_S``.
    """
    text = schemas.written(schema)
    if schemas.cost(text) is not None or text in _USABLE:
        return
    fault = await _fault({"schema": text})
    if fault is not None:
        raise MalformedRequest(fault["fault"], status=400, remedy=fault["remedy"])
    if len(_USABLE) > _MOST_REMEMBERED:
        _USABLE.clear()
    _USABLE.add(text)


async def parse(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value that ``text`` is, when it is that alone and meets ``schema``.

    Raises:
        NotCompliant: it is not.
        MalformedRequest: the schema cannot be used.
        BadRequest: checking takes over ``LIMIT_S``.
    """
    written = schemas.written(schema)
    value = _parsed_here(text, written)
    if value is not _LATER:
        return value
    fault = await _fault({"schema": written, "text": text})
    if fault is None:
        return json.loads(text)
    if fault["usable"]:
        raise NotCompliant(fault["fault"], text=text, remedy=fault["remedy"])
    raise MalformedRequest(fault["fault"], status=400, remedy=fault["remedy"])


def parse_now(text: str, schema: Mapping[str, Any]) -> Any:
    """As ``parse`` where one cannot wait; what is not checked in milliseconds is refused."""
    value = _parsed_here(text, schemas.written(schema))
    if value is _LATER:
        raise schemas.unusable("it is not plain, or allows too much")
    return value


def plain_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """``schema``, if it is valid, ends, and cannot take long to check against.

    Raises:
        MalformedRequest: it is not so, or not known to be.
    """
    if schemas.cost(schemas.written(schema)) is None:
        raise schemas.unusable("it is not plain: patterns and recursion, for instance, are not")
    return schema


def _parsed_here(text: str, written: str) -> Any:
    """As ``parse``, or ``_LATER`` where that could take long."""
    steps = schemas.cost(written)
    if steps is None or len(text) > _MOST_TEXT:
        return _LATER
    try:
        value = loads(text)
    except NotStrictJSON as error:
        raise schemas.not_compliant(str(error), text) from error
    return schemas.parse_written(text, written) if steps * size(value) <= _MOST_STEPS else _LATER


async def parse_json(body: bytes) -> Any:
    """The JSON value in ``body``, which is UTF-8.

    Raises:
        ValueError: it is not JSON, or holds more than 100,000 values.
        TookTooLong: parsing takes over ``LIMIT_S``.
    """
    if is_light(body):
        return _json(body.decode("utf-8-sig"))
    answer = await _children.ask(body, "json", LIMIT_S)
    if not answer:
        raise ValueError("not JSON, or more than 100,000 values")
    return marshal.loads(answer)  # noqa: S302  our own child wrote it


def parse_json_now(text: str) -> Any:
    """As ``parse_json`` where one cannot wait; what is not parsed in milliseconds is refused.

    Raises:
        ValueError: it is not JSON, or holds many values.
    """
    if len(text) > LIGHT and not is_light(text.encode("utf-8", "replace")):
        raise ValueError("too many values")
    return _json(text)


def _json(text: str) -> Any:
    """As ``json.loads``, in a third of its time where the text holds nothing odd."""
    try:
        return from_json(text, cache_strings="keys")
    except ValueError:
        pass  # half a surrogate pair, deep nesting, or no JSON: the standard library has the say
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def took_too_long(limit_s: float) -> BadRequest:
    """The error for a check that was ended: the request's fault, whoever was asked."""
    return BadRequest(
        f"checking against the schema given takes more than {limit_s:.1f} s, or too much memory",
        status=400,
        remedy="Simplify the schema: a pattern with nested repetition, such as (a+)+, or many"
        " references can take for ever.",
    )


async def _fault(question: dict[str, str]) -> dict[str, Any] | None:
    """What the child finds fault with; None when there is nothing."""
    try:
        answer = await _children.ask(json.dumps(question).encode(), "schema", LIMIT_S)
    except TookTooLong as error:
        raise took_too_long(LIMIT_S) from error
    fault: dict[str, Any] | None = json.loads(answer)
    return fault


class _Child:
    """One process that checks, one question at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _CHILD, _ROOT, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us
        )

    def ask(self, question: bytes, kind: str, limit_s: float) -> bytes | None:
        """The answer; None when the child died over it, or was killed."""
        assert self._process.stdin
        assert self._process.stdout
        head = json.dumps({"kind": kind, "limit_s": limit_s, "length": len(question)})
        try:
            self._process.stdin.write(head.encode() + b"\n" + question)
            self._process.stdin.flush()
            length = self._process.stdout.read(_LENGTH.size)
            if len(length) == _LENGTH.size:
                answer = self._process.stdout.read(_LENGTH.unpack(length)[0])
                if len(answer) == _LENGTH.unpack(length)[0]:
                    return answer
        except (OSError, ValueError):
            pass
        self.kill()
        return None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it at once; whoever waits for its answer gets none."""
        self._process.kill()

    def close(self) -> None:
        """Kill it and take its remains away."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()


class _Children:
    """Starts children as they are needed, and keeps those that have answered."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._working: list[_Child] = []
        self._threads: ThreadPoolExecutor | None = None

    def running(self) -> list[int]:
        """The process ids of those that are at work."""
        return [child.pid for child in self._working]

    async def ask(self, question: bytes, kind: str, limit_s: float) -> bytes:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor  # most need no child

            self._threads = ThreadPoolExecutor(_MOST_CHILDREN, "bounded")
            atexit.register(self.close)
        asked: list[_Child] = []
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self._threads, self._answer, asked, question, kind, limit_s)
        try:
            async with asyncio.timeout(limit_s + _START_S):
                answer = await working
        except TimeoutError:
            answer = None
        finally:
            # Cancelled, or out of time: the thread is waiting, and wakes when the child is gone.
            if not working.done() or working.cancelled():
                for child in asked:
                    child.kill()
        if answer is None:
            raise TookTooLong
        return answer

    def _answer(
        self, asked: list[_Child], question: bytes, kind: str, limit_s: float
    ) -> bytes | None:
        try:
            child = self._idle.pop()
        except IndexError:
            try:
                child = _Child()
            except OSError:  # no descriptors or no memory left
                return None
        asked.append(child)
        self._working.append(child)
        answer = child.ask(question, kind, limit_s)
        self._working.remove(child)
        asked.clear()
        if answer is None:
            child.close()
        else:
            self._idle.append(child)
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


_children = _Children()
