"""A key and a prompt that would be recognised anywhere, and servers that give them back."""

from __future__ import annotations

import json
import os
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import ReflexError
from core.router.implementer import Implementer
from core.settings import Settings, load_settings
from tests.support.behaviours import (
    BEHAVIOURS,
    DONE,
    EVENTS,
    MODEL,
    ROLE,
    SCHEMA,
    Handler,
    Seen,
    completion,
    delta,
    event,
    framed,
    head,
    raw,
    said,
    streams,
    whole,
)
from tests.support.faultserver import FaultServer
from tests.support.router.world import promote

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

KEY_VARIABLE = "CANARY_API_KEY"
# Unlike any known provider's key: it has to be found by what it is.
KEY = "kanarienvogel.7Qw2Zr9xTb4Ls8Nf" + "0123456789ab" * 6
# Even this much of it is too much.
KEY_PART = KEY[:20]
PROMPT = "CANARY-PROMPT: the ledger of Mrs Bellwether does not add up"
PROMPT_PART = "CANARY-PROMPT"
REPLY = "CANARY-REPLY"
MODES = ("none", "prompts_only", "full_io")
# These are no answers at all, but places where no server is.
_PLACES = {"refused", "unresolvable", "tls_on_plain"}

_ECHOES: dict[str, Callable[[str], Handler]] = {
    "reply": lambda w: streams(*said(json.dumps({"path": f"{REPLY} {w}", "n": 1}))),
    "reply:whole": lambda w: whole(completion(json.dumps({"path": f"{REPLY} {w}", "n": 1}))),
    "reply_off_schema": lambda w: streams(*said(json.dumps({"path": [f"{REPLY} {w}"], "n": w}))),
    "reply_fenced": lambda w: streams(*said(f"```json\n{REPLY} {w}\n```")),
    "reply_key_twice": lambda w: streams(*said(f'{{"{REPLY} {w}": 1, "{REPLY} {w}": 2}}')),
    "reply_cut": lambda w: streams(*said(f"{REPLY} {w}", finish="length")),
    "reply_broken_off": lambda w: raw(EVENTS + b"".join(map(framed, said(f"{REPLY} {w}")[:-3]))),
    "reply_hangs": lambda w: raw(
        EVENTS + b"".join(map(framed, said(f"{REPLY} {w}")[:-3])), then="hang"
    ),
    "refusal": lambda w: streams(ROLE, event(delta({"refusal": f"{REPLY} {w}"}, "stop")), DONE),
    "finish_reason": lambda w: streams(ROLE, event(delta({"content": "x"}, w)), DONE),
    "model_name": lambda w: streams(event({**delta({"content": "x"}, "stop"), "model": w}), DONE),
    "tool_call": lambda w: streams(
        event(delta({"tool_calls": [{"id": w, "function": {"name": w, "arguments": w}}]}, "stop"))
    ),
    "error_401": lambda w: whole({"error": {"message": w}}, status=401),
    "error_400_many": lambda w: whole({"error": {"message": f"{w} " * 50}}, status=400),
    "error_400_at_the_cut": lambda w: whole({"error": {"message": "x" * 280 + w}}, status=400),
    "error_422_fastapi": lambda w: whole({"detail": [{"msg": w, "input": w}]}, status=422),
    "error_500_flat": lambda w: whole({"object": "error", "message": w}, status=500),
    "error_503_words": lambda w: whole(w.encode(), status=503, kind="text/plain"),
    "error_502_html": lambda w: whole(f"<p>{w}</p>".encode(), status=502, kind="text/html"),
    "error_500_json": lambda w: whole(json.dumps({"seen": w}).encode(), status=500),
    "error_429_header": lambda w: whole(b"", status=429, retry_after=w, x_echo=w),
    "error_hangs": lambda w: raw(head(500, content_length="9999") + w.encode(), then="hang"),
    "error_event": lambda w: streams(ROLE, event({"error": {"message": w, "code": 400}}), DONE),
    "error_event_named": lambda w: streams(event({"message": w}, name="error")),
    "error_event_bare": lambda w: streams(event(w, name="error")),
    "error_body": lambda w: whole({"error": w}),
    "redirect": lambda w: whole(b"", status=307, location=f"http://127.0.0.1:9/{w}"),
    "not_json": lambda w: streams(event(w)),
    "not_http": lambda w: raw(w.encode() + b"\r\n", pause=0.01),
    "status_line": lambda w: raw(f"HTTP/1.1 500 {w}\r\ncontent-length: 0\r\n\r\n".encode()),
    "chunk_garbled": lambda w: raw(EVENTS + w.encode() + b"\r\n"),
    "content_type": lambda w: whole(b"{", kind=w),
    "content_encoding": lambda w: whole(b"x", content_encoding=w),
}
ECHOES = tuple(_ECHOES)
FAULTS = tuple(name for name in BEHAVIOURS if name not in _PLACES)


@dataclass
class Turncoat:
    """A server whose behaviour is chosen anew for each call: an echo's name, or a fault's.

    While there are ``turns``, each request takes one of them.
    """

    behaviour: str = "reply"
    turns: Iterator[str] = field(default_factory=lambda: iter(()))

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        """Answer by the behaviour that is chosen now."""
        behaviour = next(self.turns, self.behaviour)
        if behaviour in _ECHOES:
            words = seen.headers.get("authorization", "no key")
            prompt = seen.json["messages"][-1]["content"].partition("\n")[0]
            await _ECHOES[behaviour](f"{words} {prompt}")(seen, writer)
        else:
            await BEHAVIOURS[behaviour](seen, writer)


@dataclass
class Scene:
    """A workspace whose cloud has the key and whose two servers do as they are told.

    ``told`` is all that a person, a program or a collector of tracebacks was told.
    """

    settings: Settings
    implementer: Implementer
    reflex: Turncoat
    cloud: Turncoat
    reflex_server: FaultServer
    cloud_server: FaultServer
    told: list[str] = field(default_factory=list)

    async def call(self, reflex: str, cloud: str) -> None:
        """One call on its way through both servers' behaviours."""
        self.reflex.behaviour, self.cloud.behaviour = reflex, cloud
        # What the breaker remembers would keep the next fault from being met.
        for file in (self.settings.state_dir / "breaker").glob("*"):
            assert KEY_PART not in file.read_text()
            os.truncate(file, 0)
        ended = await ask(self.implementer)
        if ended:
            self.told += told_by(ended)

    def sent_to_reflex(self) -> Iterable[bytes]:
        """Every request that the reflex server saw, heads and bodies."""
        for seen in self.reflex_server.requests:
            yield f"{seen.method} {seen.path} {seen.headers}".encode() + seen.body


async def ask(implementer: Implementer) -> BaseException | None:
    """The error in which a call about ``PROMPT`` ends; None when it is answered."""
    try:
        await implementer.complete([{"role": "user", "content": PROMPT}], schema=SCHEMA)
    except ReflexError as error:
        return error
    return None


def told_by(error: BaseException) -> list[str]:
    """An error in every form in which it may reach a log: words, traceback, local variables."""
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    remedy = getattr(error, "remedy", "")
    plainly = "".join(traceback.format_exception(error))
    return [str(error), repr(error), remedy, plainly, "".join(with_locals.format())]


@asynccontextmanager
async def scene(project: Path, mode: str) -> AsyncIterator[Scene]:
    """The workspace in ``project``; the environment already holds key and trust."""
    reflex, cloud = Turncoat(), Turncoat()
    async with FaultServer(reflex) as local, FaultServer(cloud) as remote:
        os.environ["REFLEX_TRUSTED_ENDPOINTS"] = remote.endpoint
        path = project / "stage0.toml"
        path.write_text(
            f'[reflex]\nenabled = true\nendpoint = "{local.endpoint}"\nmodel = "{MODEL}"\n'
            f'timeout_ms = 250\ncapture_mode = "{mode}"\n'
            "[reflex.fallback]\nmax_failures = 1\nrecovery_s = 0.001\n"
            f'[cloud]\nendpoint = "{remote.endpoint}"\nmodel = "{MODEL}"\n'
            f'api_key_env = "{KEY_VARIABLE}"\ntimeout_ms = 250\n'
        )
        settings = load_settings(path)
        await promote(settings)
        async with Implementer.from_settings(settings) as implementer:
            yield Scene(settings, implementer, reflex, cloud, local, remote)


def files_below(*roots: Path) -> dict[Path, bytes]:
    """Every file below ``roots`` with its content."""
    found = (path for root in roots for path in root.rglob("*"))
    return {path: path.read_bytes() for path in found if path.is_file()}
