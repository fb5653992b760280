"""The process that checks for ``bounded``: its alarm kills it when a question takes too long.

Questions come on standard input: a line of JSON (``kind``, ``limit_s``, ``length``), then so many
bytes. An answer is its length in eight bytes, and itself. The alarm is the kernel's, so that it
also ends a regular expression, and a child whose parent has died.
"""

from __future__ import annotations

import gc
import json
import marshal
import resource
import signal
import struct
import sys
from contextlib import suppress
from typing import Any

from core.client import schema as schemas
from core.client.json_text import size
from core.errors import BadRequest, NotCompliant

_MEMORY = 2 << 30
_LENGTH = struct.Struct(">Q")


def main() -> None:
    """Answer questions until there are no more."""
    _limit_memory()
    gc.disable()  # it looks at all values again and again while millions are made
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        question = sys.stdin.buffer.read(asked["length"])
        answer_to = checked if asked["kind"] == "schema" else parsed
        if answer_to is checked:
            schemas.compile_written("{}")  # loads the validator, which is not the question's time
        signal.setitimer(signal.ITIMER_REAL, max(asked["limit_s"], 0.001))
        answer = answer_to(question)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(_LENGTH.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()
        gc.collect(0)


def parsed(body: bytes) -> bytes:
    """The JSON value in ``body``, marshalled; empty when it is none, or one of too many values."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
        size(value)
        return marshal.dumps(value)
    except (ValueError, RecursionError, MemoryError):
        return b""


def checked(question: bytes) -> bytes:
    """JSON: null when the schema is usable and the text, if one is given, meets it."""
    asked = json.loads(question)
    try:
        schemas.compile_written(asked["schema"])
        if "text" in asked:
            schemas.parse_written(asked["text"], asked["schema"])
    except (NotCompliant, BadRequest) as error:
        return json.dumps(_fault(error)).encode()
    return b"null"


def _fault(error: NotCompliant | BadRequest) -> dict[str, Any]:
    return {"fault": error.message, "remedy": error.remedy, "usable": type(error) is NotCompliant}


def _limit_memory() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    with suppress(OSError, ValueError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
