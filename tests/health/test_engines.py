"""Recorded and imitated engines: who they are, which paths are asked, what the fingerprint sees."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.client.server import Engine, EngineIdentity
from core.client.setup import ServerSetup
from core.router.health import Cause, Health, probe
from tests.support.health.servers import (
    Reply,
    drip,
    local,
    models,
    recorded,
    recording,
    serving,
    silent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.health.servers import Behaviour

LLAMACPP_MODEL = {
    "id": "smol",
    "aliases": ["smol", "smollm2"],
    "object": "model",
    "created": 1795367831,
    "owned_by": "llamacpp",
    "meta": {"n_vocab": 49152, "n_params": 134515008, "size": 96576768, "ftype": "Q4_1"},
}
LLAMACPP: dict[str, Reply] = {
    "/v1/models": Reply.of({"object": "list", "data": [LLAMACPP_MODEL]}),
    "/health": Reply.of({"status": "ok"}),
    "/props": Reply.of(
        {
            "model_path": "/w/smol.gguf",
            "build_info": "b9999-abcdef",
            "default_generation_settings": {"n_ctx": 4096},
            "total_slots": 2,
            "chat_template": "{{ messages }}",
        }
    ),
}


async def look(routes: Mapping[str, Behaviour], model: str, **more: Any) -> tuple[Health, set[str]]:
    """The health of a server that answers so, and the paths it was asked for."""
    async with serving(routes) as server:
        health = await probe(local(server.endpoint, model), timeout_ms=30_000, **more)
        return health, set(server.paths)


async def test_sglang_as_recorded() -> None:
    """Told by its list; ready by /ready, never by /health, which runs a generation."""
    health, paths = await look(recording("sglang"), "tiny-sgl")
    assert health.ok
    assert health.engine is not None
    assert health.engine.label == "SGLang 0.5.23"
    assert "model_path=/models/tiny weight_version=default" in health.engine.detail
    assert paths == {"/v1/models", "/ready", "/model_info", "/server_info"}
    assert health.engine.setup == ServerSetup(
        context_tokens=1024,
        running=1,
        queued=2,
        dtype="bfloat16",
        kv_cache_dtype="auto",
        grammar_backend="xgrammar",
        tool_parser="qwen",
    )


async def test_vllm_as_recorded() -> None:
    """Its list names the weights, /version the release."""
    health, paths = await look(recording("vllm"), "tiny-llama")
    assert health.ok
    assert health.engine == EngineIdentity(
        Engine.VLLM, "0.32.0", "root=./tiny", ServerSetup(context_tokens=1024)
    )
    assert paths == {"/v1/models", "/health", "/version"}


async def test_llamacpp() -> None:
    """The weights are in the list and in /props; an alias is as good as the id."""
    for name in ("smol", "smollm2"):
        health, paths = await look(LLAMACPP, name)
        assert health.ok
        assert health.engine is not None
        assert health.engine.label == "llama.cpp b9999-abcdef"
        assert "model_path=/w/smol.gguf" in health.engine.detail
        assert "n_params=134515008" in health.engine.detail
        assert paths == {"/v1/models", "/health", "/props"}
        assert (health.engine.setup.context_tokens, health.engine.setup.running) == (4096, 2)


async def test_llamacpp_that_lists_models_to_anybody_but_wants_a_key() -> None:
    """With --api-key its list stays open, and every generation would fail with 401."""
    health, _ = await look(
        LLAMACPP | {"/props": Reply.of({"error": {"message": "no"}}, 401)}, "smol"
    )
    assert health.cause is Cause.UNAUTHORIZED


async def test_ollama() -> None:
    """Told by its owner ``library``; the digest is the weights."""
    tags = {"models": [{"name": "other:1b", "digest": "x"}, {"name": "qwen:7b", "digest": "abc"}]}
    routes = {
        "/v1/models": models("other:1b", "qwen:7b", owned_by="library"),
        "/api/version": Reply.of({"version": "0.12.6"}),
        "/api/tags": Reply.of(tags),
    }
    health, paths = await look(routes, "qwen:7b")
    assert health.engine == EngineIdentity(Engine.OLLAMA, "0.12.6", "name=qwen:7b digest=abc")
    assert paths == set(routes)


@pytest.mark.parametrize(("owner", "label"), [("scripted", "scripted stand-in"), ("acme", "Open")])
async def test_others_are_asked_one_question(owner: str, label: str) -> None:
    """A stand-in or an unknown server gets the list's question and no other."""
    health, paths = await look({"/v1/models": models("m", owned_by=owner)}, "m")
    assert health.ok
    assert health.engine is not None
    assert health.engine.label.startswith(label)
    assert paths == {"/v1/models"}


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
async def test_an_api_key_as_recorded(engine: str) -> None:
    """Both engines answer 401 to a list without a key."""
    health, _ = await look({"/v1/models": recorded(engine, "no_auth_models")}, "m")
    assert health.cause is Cause.UNAUTHORIZED


async def test_sglang_with_the_wrong_model() -> None:
    """It would answer under any name, so membership in the list decides."""
    health, paths = await look(recording("sglang"), "tiny")
    assert health.cause is Cause.MODEL_MISSING
    assert health.remedy[-2:] == (
        "or start it again under the configured name:",
        "--served-model-name tiny",
    )
    assert paths == {"/v1/models"}


async def test_a_list_that_arrives_byte_by_byte() -> None:
    """How a reply is cut into packets does not matter."""
    reply = recorded("vllm", "get_v1_models")
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(reply.body)}\r\n\r\n".encode()
    whole = drip(head + reply.body, pause_s=0)
    health, _ = await look(recording("vllm") | {"/v1/models": whole}, "tiny-llama")
    assert health.ok


async def test_a_chunked_list() -> None:
    """Transfer encoding is undone."""
    body = recorded("vllm", "get_v1_models").body
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    health, _ = await look(
        recording("vllm") | {"/v1/models": drip(head + chunks + b"0\r\n\r\n", 0)}, "tiny-llama"
    )
    assert health.ok


async def fingerprint(routes: Mapping[str, Behaviour], model: str, **more: Any) -> str:
    """The fingerprint of a healthy server that answers so."""
    health, _ = await look(routes, model, **more)
    assert health.engine is not None
    return health.engine.fingerprint


def changed(reply: Reply, old: str, new: str) -> Reply:
    """The reply with one thing in it changed."""
    assert old.encode() in reply.body
    return replace(reply, body=reply.body.replace(old.encode(), new.encode()))


@pytest.mark.parametrize(("engine", "model"), [("sglang", "tiny-sgl"), ("vllm", "tiny-llama")])
async def test_a_restart_keeps_the_fingerprint(engine: str, model: str) -> None:
    """Port, creation time and permission id are new; the server is not."""
    routes = recording(engine)
    body = json.loads(routes["/v1/models"].body)
    body["data"][0] |= {"created": 1, "permission": [{"id": "modelperm-1", "created": 1}]}
    restarted = routes | {"/v1/models": Reply.of(body)}
    assert await fingerprint(routes, model) == await fingerprint(restarted, model)


CHANGES = [
    ("sglang", "tiny-sgl", "/server_info", '"version":"0.5.23"', '"version":"0.5.24"'),
    ("sglang", "tiny-sgl", "/server_info", '"quantization":null', '"quantization":"fp8"'),
    ("sglang", "tiny-sgl", "/server_info", '"kv_cache_dtype":"auto"', '"kv_cache_dtype":"fp8"'),
    ("sglang", "tiny-sgl", "/server_info", "xgrammar", "llguidance"),
    ("sglang", "tiny-sgl", "/server_info", '"reasoning_parser":null', '"reasoning_parser":"qwen3"'),
    ("sglang", "tiny-sgl", "/server_info", '_algorithm":null', '_algorithm":"NGRAM"'),
    ("llamacpp", "smol", "/props", "{{ messages }}", "{{ messages[0] }}"),
    ("sglang", "tiny-sgl", "/model_info", "/models/tiny", "/models/other"),
    ("sglang", "tiny-sgl", "/model_info", '"weight_version":"default"', '"weight_version":"2"'),
    ("vllm", "tiny-llama", "/version", "0.32.0", "0.33.0"),
    ("vllm", "tiny-llama", "/v1/models", "./tiny", "./tuned"),
    ("llamacpp", "smol", "/props", "b9999", "b9998"),
    ("llamacpp", "smol", "/props", "smol.gguf", "tuned.gguf"),
    ("llamacpp", "smol", "/v1/models", "134515008", "134515009"),
]


@pytest.mark.parametrize(("engine", "model", "path", "old", "new"), CHANGES)
async def test_a_change_of_what_serves_changes_the_fingerprint(
    engine: str, model: str, path: str, old: str, new: str
) -> None:
    """Another release or other weights are another server, and a gate pass lapses."""
    routes = LLAMACPP if engine == "llamacpp" else recording(engine)
    altered = routes | {path: changed(routes[path], old, new)}
    assert await fingerprint(routes, model) != await fingerprint(altered, model)


async def test_other_models_of_a_gateway_do_not_matter() -> None:
    """Only the configured model's entry is looked at."""
    few = {"/v1/models": models("m", "a", owned_by="gateway")}
    many = {"/v1/models": models("b", "m", "c", owned_by="gateway")}
    assert await fingerprint(few, "m") == await fingerprint(many, "m")


async def test_a_known_sglang_is_not_asked_its_version_again() -> None:
    """The version's question goes through the scheduler; the same weights vouch for it."""
    first, _ = await look(recording("sglang"), "tiny-sgl")
    again, paths = await look(recording("sglang"), "tiny-sgl", known=first.engine)
    assert again.engine == first.engine
    assert not {"/server_info", "/v1/loads"} & paths


async def test_other_weights_are_not_vouched_for() -> None:
    """A known version belongs to known weights."""
    routes = recording("sglang")
    first, _ = await look(routes, "tiny-sgl")
    other = routes | {"/model_info": changed(routes["/model_info"], "/models/tiny", "/models/b")}
    again, _ = await look(other, "tiny-sgl", known=first.engine)
    assert again.engine is not None
    assert first.engine is not None
    assert again.engine.fingerprint != first.engine.fingerprint


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_a_version_that_is_not_told_is_left_out(status: int) -> None:
    """An old release, or a path for administrators: the server is no less well."""
    closed = {"/server_info": Reply(status), "/v1/loads": Reply(status)}
    health, _ = await look(recording("sglang") | closed, "tiny-sgl")
    assert health.ok
    assert health.engine is not None
    assert health.engine.label == "SGLang"


HOSTILE = [{"version": "9\x1b[31m" * 99}, {"version": 7}, {"version": None}, {}, [], "text"]


@pytest.mark.parametrize("body", HOSTILE, ids=str)
async def test_hostile_versions(body: object) -> None:
    """A label is short and safe whatever the server calls itself."""
    health, _ = await look(recording("vllm") | {"/version": Reply.of(body)}, "tiny-llama")
    assert health.ok
    assert health.engine is not None
    assert len(health.engine.label) < 60
    assert "\x1b" not in health.engine.label


async def test_a_503_while_the_weights_are_asked_for_is_no_other_server() -> None:
    """A passing error makes the probe fail, rather than change the fingerprint."""
    health, _ = await look(recording("sglang") | {"/model_info": Reply(503)}, "tiny-sgl")
    assert health.cause is Cause.LOADING
    assert health.engine is None


async def test_metrics_that_hang_do_not_make_a_server_unhealthy() -> None:
    """The load is extra: without it within the deadline there is none."""
    routes = recording("vllm") | {"/metrics": silent}
    async with serving(routes) as server:
        health = await probe(local(server.endpoint, "tiny-llama"), timeout_ms=2000, load=True)
    assert health.ok
    assert health.load is None


REACH = [
    ("sglang", "tiny-sgl", "/server_info", '"max_queued_requests":2', '"max_queued_requests":32'),
    ("sglang", "tiny-sgl", "/server_info", '_parser":"qwen"', '_parser":"hermes"'),
    ("sglang", "tiny-sgl", "/v1/models", "1024", "2048"),
    ("vllm", "tiny-llama", "/v1/models", "1024", "2048"),
    ("llamacpp", "smol", "/props", "4096", "8192"),
]


@pytest.mark.parametrize(("engine", "model", "path", "old", "new"), REACH)
async def test_a_change_of_what_fits_is_no_other_server(
    engine: str, model: str, path: str, old: str, new: str
) -> None:
    """Context, queue and tool parser do not change how a prompt that fits is answered."""
    routes = LLAMACPP if engine == "llamacpp" else recording(engine)
    altered = routes | {path: changed(routes[path], old, new)}
    first, _ = await look(routes, model)
    second, _ = await look(altered, model)
    assert first.engine is not None
    assert second.engine is not None
    assert first.engine.fingerprint == second.engine.fingerprint
    assert first.engine.setup.of_reach != second.engine.setup.of_reach


async def test_an_old_sglang_tells_its_version_alone() -> None:
    """Without /server_info, and so behind some routers, /v1/loads is asked."""
    routes = {path: reply for path, reply in recording("sglang").items() if "info" not in path}
    health, paths = await look(routes, "tiny-sgl")
    assert health.engine is not None
    assert health.engine.version == "0.5.23"
    assert health.engine.setup == ServerSetup(context_tokens=1024)
    assert {"/server_info", "/v1/loads"} <= paths
