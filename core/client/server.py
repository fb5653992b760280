"""What answers at an endpoint: its engine, its models, whether it is ready, its load.

The engines differ in where they say so; the table at the top is all of that.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.client.fetch import get, refusal
from core.client.keywords import Grammar
from core.client.setup import ServerSetup, llamacpp_setup, sglang_setup
from core.errors import BackendError, ProtocolError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from core.client.backend import Backend
    from core.client.transport import Transport

_OK, _ERRORS, _UNAUTHORIZED, _NOT_FOUND, _SERVER_ERRORS = 200, 400, 401, 404, 500


class Engine(StrEnum):
    """The server software, as it names itself."""

    SGLANG = "sglang"
    VLLM = "vllm"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    LM_STUDIO = "lmstudio"
    SCRIPTED = "scripted"
    UNKNOWN = "unknown"


_NAMES = {
    Engine.SGLANG: "SGLang",
    Engine.VLLM: "vLLM",
    Engine.LLAMACPP: "llama.cpp",
    Engine.OLLAMA: "Ollama",
    Engine.LM_STUDIO: "LM Studio",
    Engine.SCRIPTED: "scripted stand-in",
    Engine.UNKNOWN: "OpenAI-compatible server",
}
_OWNERS = {
    "sglang": Engine.SGLANG,
    "vllm": Engine.VLLM,
    "llamacpp": Engine.LLAMACPP,
    "library": Engine.OLLAMA,
    "organization_owner": Engine.LM_STUDIO,
    "scripted": Engine.SCRIPTED,
}
# SGLang's /health runs a generation of a second or more; /ready takes 2 ms.
_READINESS = {Engine.SGLANG: "/ready", Engine.VLLM: "/health", Engine.LLAMACPP: "/health"}
# Of a router before several, whose /health wants all of them healthy; an engine has no such path.
_ROUTER_READINESS = {Engine.VLLM: "/readiness"}
_WEIGHTS = {Engine.SGLANG: "/model_info", Engine.LLAMACPP: "/props", Engine.OLLAMA: "/api/tags"}
# What they tell of themselves, beginning with the best; the first that answers is believed.
_ABOUT = {
    Engine.SGLANG: ("/server_info", "/v1/loads"),
    Engine.VLLM: ("/version",),
    Engine.OLLAMA: ("/api/version",),
}
_MOST_REPLIES = 64
_WEIGHTS_KEYS = ("model_path", "weight_version", "architectures", "model_ftype")
_META_KEYS = ("n_params", "size", "ftype", "n_vocab", "n_embd")


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """Which engine serves which weights, and how.

    ``detail`` says what is known of the weights, ``setup`` of the server's switches. The
    ``fingerprint`` changes with the engine, its version, the weights and those switches that change
    answers; it is the same after a mere restart: it holds no port, process or time.
    """

    engine: Engine
    version: str | None
    detail: str
    setup: ServerSetup = field(default_factory=ServerSetup)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        told: list[Any] = [self.engine, self.version, self.detail]
        # A server that tells nothing of its switches keeps the fingerprint it always had.
        content = json.dumps(told + ([self.setup.of_answers] if self.setup.of_answers else []))
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        # Here rather than in a property: every routing decision compares it.
        object.__setattr__(self, "fingerprint", f"{self.label}, sha256:{digest}")

    @property
    def label(self) -> str:
        """For people: ``SGLang 0.5.23``, ``llama.cpp``, ``scripted stand-in``."""
        return f"{_NAMES[self.engine]} {self.version or ''}".rstrip()


def grammar_of(identity: EngineIdentity | None) -> Grammar:
    """The grammar of a server, as far as it tells of itself."""
    if identity is None:
        return Grammar.PORTABLE
    match identity.engine:
        case Engine.SGLANG if identity.setup.grammar_backend in set(Grammar):
            return Grammar(identity.setup.grammar_backend)
        case Engine.VLLM:
            return Grammar.XGRAMMAR  # the default, and what its fallback takes as well
        case Engine.LLAMACPP:
            return Grammar.LLAMACPP
        case _:
            return Grammar.PORTABLE


def most_replies(identity: EngineIdentity | None) -> int:
    """How many replies one request may ask for; 1 where the engine gains nothing by it.

    Those that share a prompt read it once. llama.cpp refuses more than it has slots, and begins
    when as many are free; one is left to the first candidate, which is asked for by itself.
    """
    match identity:
        case EngineIdentity(engine=Engine.LLAMACPP):
            return max(1, min((identity.setup.running or 1) - 1, _MOST_REPLIES))
        case EngineIdentity(engine=Engine.SGLANG | Engine.VLLM):
            return _MOST_REPLIES
        case _:
            return 1


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of ``GET /models``, as the server wrote it (not yet safe to show).

    ``max_model_len`` is the context in tokens. ``aliases`` are further ids it answers to, and
    ``weights`` what the list itself says of the weights; llama.cpp alone fills these two.
    """

    id: str
    owned_by: str
    root: str | None
    max_model_len: int | None
    aliases: tuple[str, ...] = ()
    weights: str = ""

    @property
    def engine(self) -> Engine:
        """The engine that ``owned_by`` names."""
        return _OWNERS.get(self.owned_by, Engine.UNKNOWN)


async def list_models(http: Transport, backend: Backend) -> tuple[ModelEntry, ...]:
    """The models of ``GET {endpoint}/models``; empty when the server serves none.

    Raises:
        BackendError: as ``fetch.get``; StatusError for an error status, ProtocolError for
            a body that is not OpenAI's list.
    """
    answer = await get(http, backend, f"{backend.endpoint.rstrip('/')}/models")
    if answer.status == _NOT_FOUND and answer.is_html:
        # No API at all, rather than another path of one.
        raise ProtocolError(f"GET {answer.path} returned an HTML page")
    if answer.status >= _ERRORS:
        raise refusal(answer, backend)
    body = answer.json()
    data = body.get("data") if isinstance(body, dict) else None
    if data is None and isinstance(body, dict) and body.get("object") == "list":
        return ()  # Ollama without a model says "data": null
    entries = tuple(filter(None, map(_entry, data))) if isinstance(data, list) else ()
    if not isinstance(data, list) or (data and not entries):
        raise ProtocolError(f"GET {answer.path} returned JSON that is no list of models")
    return entries


def find_model(entries: tuple[ModelEntry, ...], model: str) -> ModelEntry | None:
    """The entry that answers to the name ``model``."""
    for entry in entries:
        if entry.id == model or model in entry.aliases:
            return entry
    return None


async def check_ready(http: Transport, backend: Backend, engine: Engine) -> None:
    """Ask the engine's readiness path; an engine without one is ready.

    A router is ready when it says so, though one of its workers is not.

    Raises:
        ServerError: it answers 5xx, 503 while it loads; or any error of ``fetch.get``.
    """
    if engine in _READINESS:
        answer = await get(http, backend, backend.root + _READINESS[engine])
        if answer.status < _SERVER_ERRORS:
            return
        if path := _ROUTER_READINESS.get(engine):
            router = await get(http, backend, backend.root + path)
            if router.status == _OK:
                return
        raise refusal(answer, backend)


async def identify(
    http: Transport,
    backend: Backend,
    entry: ModelEntry,
    *,
    known: EngineIdentity | None = None,
) -> EngineIdentity:
    """Engine, version and weights behind ``entry``.

    With ``known``, a moment ago's answer for the same server, SGLang is not asked its version and
    switches again: that question goes through its scheduler.

    Raises:
        Misconfigured: the server lists its models to anybody but asks for a key otherwise.
        BackendError: as ``fetch.get``; ServerError for 5xx.
    """
    engine = entry.engine
    asked = known is None or known.version is None or engine is not Engine.SGLANG
    said, about = await together(
        _ask(http, backend, _WEIGHTS.get(engine)),
        _ask_about(http, backend, _ABOUT.get(engine, ()) if asked else ()),
    )
    detail = _detail(entry, said)
    version = _version(about)
    if known is not None and not asked and (known.engine, known.detail) == (engine, detail):
        return known
    match engine:
        case Engine.LLAMACPP:
            version = _llamacpp_version(said)
            setup = llamacpp_setup(said, entry.max_model_len)
        case Engine.SGLANG:
            # A router before several passes on the list of models and little else.
            setup = sglang_setup({**said, **about}, entry.max_model_len)
        case _:
            setup = ServerSetup(context_tokens=entry.max_model_len)
    return EngineIdentity(engine, version, detail, setup)


async def together(*questions: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers to all, asked at once; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ask(http: Transport, backend: Backend, path: str | None) -> dict[str, Any]:
    """The JSON object at ``path``; empty where the server has none."""
    if path is None:
        return {}
    answer = await get(http, backend, backend.root + path)
    if answer.status == _UNAUTHORIZED or answer.status >= _SERVER_ERRORS:
        raise refusal(answer, backend)
    if answer.status != _OK:
        return {}
    body = answer.json()
    return body if isinstance(body, dict) else {}


async def _ask_about(http: Transport, backend: Backend, paths: tuple[str, ...]) -> dict[str, Any]:
    """What the first of ``paths`` tells that has something to tell."""
    for path in paths:
        try:
            if told := await _ask(http, backend, path):
                return told
        except BackendError:  # an old release, or a path kept for administrators
            continue
    return {}


def _version(about: dict[str, Any]) -> str | None:
    version = about.get("version")
    return plain(version, 40) if isinstance(version, str) and version else None


def _entry(item: Any) -> ModelEntry | None:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
        return None
    owner, root = item.get("owned_by"), item.get("root")
    aliases, meta = item.get("aliases"), item.get("meta")
    length = item.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    return ModelEntry(
        id=item["id"],
        owned_by=owner if isinstance(owner, str) else "",
        root=root if isinstance(root, str) else None,
        max_model_len=length if type(length) is int and length > 0 else None,
        aliases=tuple(name for name in aliases if isinstance(name, str))
        if isinstance(aliases, list)
        else (),
        weights=_facts(meta, _META_KEYS) if isinstance(meta, dict) else "",
    )


def _detail(entry: ModelEntry, said: dict[str, Any]) -> str:
    if entry.engine is Engine.OLLAMA:
        models = said.get("models")
        tags = [tag for tag in models if isinstance(tag, dict)] if isinstance(models, list) else []
        said = next((tag for tag in tags if tag.get("name") == entry.id), {})
        return _facts(said, ("name", "digest"))
    root = f"root={plain(entry.root, 512)}" if entry.root else ""
    return " ".join(filter(None, (root, _facts(said, _WEIGHTS_KEYS), entry.weights)))


def _facts(said: dict[str, Any], keys: tuple[str, ...]) -> str:
    return " ".join(f"{key}={plain(said[key], 512)}" for key in keys if said.get(key))


def _llamacpp_version(said: dict[str, Any]) -> str | None:
    build = said.get("build_info")
    # A build outside llama.cpp's own repository calls itself b0-unknown.
    return plain(build, 40) if isinstance(build, str) and not build.startswith("b0-") else None
