"""Each way a server can be unwell, over a real socket: the cause, the words, what to do."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.client.server import Engine
from core.router import hardware
from core.router.health import Cause, probe
from core.router.remedies import remedy
from tests.support.health.looking import READY, look, look_at_models
from tests.support.health.servers import (
    NOT_FOUND,
    Reply,
    cloud,
    free_port,
    local,
    models,
    serving,
)

if TYPE_CHECKING:
    from core.client.backend import Backend


async def test_a_server_with_the_model_is_healthy() -> None:
    """All three conditions hold: it lists models, ours is among them, it says it is ready."""
    health = await look_at_models(models("other", "m"))
    assert (health.ok, health.cause, health.reason, health.remedy) == (
        True,
        Cause.HEALTHY,
        None,
        (),
    )
    assert health.models == ("other", "m")
    assert health.engine is not None
    assert health.engine.label == "vLLM 0.32.0"
    assert "vLLM 0.32.0 at 127.0.0.1:" in health.summary
    assert health.latency_ms > 0


async def test_nothing_listening_gives_lines_to_start_a_server() -> None:
    """The start lines carry the configuration's port and model, on loopback only."""
    port = free_port()
    backend = local(f"http://127.0.0.1:{port}/v1", "qwen2.5-coder-7b-instruct")
    health = await probe(backend, timeout_ms=30_000)
    assert (health.cause, health.reason) == (Cause.NOT_LISTENING, "server_unhealthy")
    assert f"nothing listens at 127.0.0.1:{port} (connection refused)" in health.summary
    _, sglang, vllm, embedded = health.remedy
    place = f"--served-model-name qwen2.5-coder-7b-instruct --host 127.0.0.1 --port {port} "
    assert sglang.startswith("sglang serve --model-path Qwen/Qwen2.5-Coder-7B-Instruct " + place)
    assert vllm.startswith("vllm serve Qwen/Qwen2.5-Coder-7B-Instruct " + place)
    assert embedded == f"code reflex engine --port {port}"


def test_without_a_gpu_the_embedded_engine_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line that also writes the configuration, which is the primary's alone."""
    monkeypatch.setattr("core.router.remedies.has_gpu", lambda: False)
    backend = local("http://127.0.0.1:3009/v1", "coder")
    sentence, embedded, sglang, _ = remedy(Cause.NOT_LISTENING, backend)
    assert "No GPU" in sentence
    assert embedded == "code reflex engine --port 3009 --write"
    assert sglang.startswith("sglang serve")
    further = replace(backend, name="vllm")
    assert remedy(Cause.NOT_LISTENING, further)[1].startswith("sglang serve")


def test_a_gpu_is_seen_by_its_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a tool on the PATH, or a device file."""
    monkeypatch.setattr(hardware, "_DEVICES", ("/nonexistent/device",))
    monkeypatch.setattr(hardware, "_TOOLS", ("no-such-tool",))
    look = hardware.has_gpu.__wrapped__
    assert not look()
    monkeypatch.setattr(hardware, "_TOOLS", ("no-such-tool", "sh"))
    assert look()
    monkeypatch.setattr(hardware, "_TOOLS", ())
    monkeypatch.setattr(hardware, "_DEVICES", ("/dev/null",))
    assert look()


def test_lm_studio_has_lines_of_its_own() -> None:
    """At the port that is its own; and a name it does not serve is given when loading."""
    backend = local("http://127.0.0.1:1234/v1", "coder")
    _, server, load, listing = remedy(Cause.NOT_LISTENING, backend)
    assert server == "lms server start --port 1234"
    assert load == "lms load MODEL_KEY --identifier coder"
    assert listing == "lms ls"


@pytest.mark.parametrize(
    ("served", "key"), [(["qwen/qwen3-4b"], "qwen/qwen3-4b"), (["a", "b"], "MODEL_KEY")]
)
async def test_lm_studio_loads_under_the_configured_name(served: list[str], key: str) -> None:
    """Its lists name the models by the keys that ``lms load`` takes."""
    health = await look(
        {"/v1/models": models(*served, owned_by="organization_owner")}, "it's a model"
    )
    assert health.cause is Cause.MODEL_MISSING
    assert health.remedy[-1] == f"""lms load {key} --identifier 'it'"'"'s a model'"""


async def test_a_start_line_cannot_carry_a_command() -> None:
    """A model's name from a project's file is quoted, since the line is pasted into a shell."""
    backend = local(f"http://127.0.0.1:{free_port()}/v1", "x; rm -rf ~")
    health = await probe(backend, timeout_ms=30_000)
    assert all("; rm" not in line or "'x; rm -rf ~'" in line for line in health.remedy)


async def test_a_wrong_model_names_those_served_and_mends_both_ways() -> None:
    """The nearest id comes as a line of TOML, the configured one as the server's switch."""
    served = models("alpha", 'qwen "2"', "beta")
    health = await look_at_models(served, "qwen-2")
    assert (health.cause, health.reason) == (Cause.MODEL_MISSING, "model_not_available")
    assert 'does not serve qwen-2, but alpha, qwen "2", beta' in health.summary
    assert tomllib.loads(health.remedy[1]) == {"model": 'qwen "2"'}
    assert health.remedy[3] == "--served-model-name qwen-2"


async def test_a_gateway_of_many_models_is_summed_up() -> None:
    """Three hundred ids do not flood the line, and the right one among them is healthy."""
    names = [f"model-{n}" for n in range(300)]
    health = await look_at_models(models(*names, owned_by="gateway"), "absent")
    assert health.summary.endswith("model-4 and 295 more")
    assert (await look_at_models(models(*names, owned_by="gateway"), "model-299")).ok


@pytest.mark.parametrize("data", [[], None])
async def test_an_empty_list_means_no_models(data: object) -> None:
    """An engine without a model lists none; Ollama writes null."""
    health = await look_at_models(Reply.of({"object": "list", "data": data}))
    assert (health.cause, health.reason) == (Cause.NO_MODELS, "model_not_available")
    assert health.remedy == ("Start it with a model:", "--served-model-name m")


async def test_an_endpoint_without_its_path_is_fixed() -> None:
    """A 404 at an endpoint that lacks /v1 gives the line with it."""
    async with serving({"/v1/models": models("m")}) as server:
        health = await probe(local(server.endpoint.removesuffix("/v1")), timeout_ms=30_000)
    assert health.cause is Cause.WRONG_PATH
    assert tomllib.loads(health.remedy[1]) == {"endpoint": server.endpoint}


async def test_a_wrong_path_below_v1_asks_to_check_the_address() -> None:
    """With a path given there is no line to guess."""
    health = await look(NOT_FOUND)
    assert health.cause is Cause.WRONG_PATH
    assert health.remedy[0].startswith("Check host, port and path")


async def test_a_local_server_that_wants_a_key() -> None:
    """Reflex has no key to send, so the server must be started without one."""
    health = await look(Reply.of({"error": "Unauthorized"}, 401))
    assert health.cause is Cause.UNAUTHORIZED
    assert "401: Unauthorized" in health.summary
    assert health.remedy == ("Reflex sends no key to a local server: start it without --api-key.",)


@pytest.mark.parametrize(("key", "words"), [(None, "No key was sent"), ("sk-1", "was refused")])
async def test_a_cloud_that_wants_a_key(key: str | None, words: str) -> None:
    """The remedy tells a missing key from a refused one, and never shows it."""
    echo = Reply.of({"error": {"message": "Incorrect API key provided: sk-1"}}, 401)
    async with serving(echo) as server:
        health = await probe(cloud(server.endpoint, api_key=key), timeout_ms=30_000)
    assert words in health.remedy[0]
    assert key is None or key not in str(health.as_json())


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-sécret"])
async def test_a_key_that_no_header_can_carry(key: str) -> None:
    """It is not sent, and not shown either."""
    async with serving(models("m")) as server:
        health = await probe(cloud(server.endpoint, api_key=key), timeout_ms=30_000)
        assert server.requests == []
    assert health.cause is Cause.UNAUTHORIZED
    assert "cret" not in str(health.as_json())


async def test_keys_go_to_the_cloud_alone() -> None:
    """No request to a reflex backend carries a key; every one to the cloud does."""
    async with serving({"/v1/models": models("m"), **READY}) as server:
        await probe(local(server.endpoint, api_key="sk-secret"), timeout_ms=30_000, load=True)
        assert len(server.requests) == 5
        assert not any("authorization" in headers for _, headers in server.requests)
        server.requests.clear()
        await probe(cloud(server.endpoint, api_key="sk-secret"), timeout_ms=30_000)
        assert {h.get("authorization") for _, h in server.requests} == {"bearer sk-secret"}


async def test_loading_is_told_by_503() -> None:
    """llama.cpp answers 503 on every path while it loads its weights."""
    error = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    health = await look(Reply.of(error, 503))
    assert (health.cause, health.reason) == (Cause.LOADING, "server_unhealthy")
    assert "Loading model" in health.summary
    assert health.remedy[0].startswith("Wait")


@pytest.mark.parametrize(("owner", "path"), [("sglang", "/ready"), ("llamacpp", "/health")])
async def test_a_server_that_lists_models_may_still_be_loading(owner: str, path: str) -> None:
    """The readiness path has the last word."""
    health = await look({"/v1/models": models("m", owned_by=owner), path: Reply(503)})
    assert health.cause is Cause.LOADING
    assert health.models == ("m",)


async def test_a_vllm_without_its_engine_is_not_loading() -> None:
    """It listens only when loaded; its 503 means that waiting will not help."""
    health = await look({"/v1/models": models("m"), "/health": Reply(503)})
    assert health.cause is Cause.HTTP_ERROR
    assert "lost its engine" in health.summary
    assert "restart" in health.remedy[0]


async def test_a_remote_server_that_is_down_gets_no_local_start_line() -> None:
    """Starting something here would not help."""
    lines = remedy(Cause.NOT_LISTENING, local("http://gpu.example:8000/v1"))
    assert lines == (
        "Start the server at gpu.example:8000, or fix `endpoint` under [reflex] in stage0.toml.",
    )


def _backends() -> list[Backend]:
    return [
        local("http://127.0.0.1:1/v1"),
        local("http://[::1]:1"),
        cloud("https://api.example/v1"),
    ]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.HEALTHY])
def test_every_cause_has_a_remedy(cause: Cause) -> None:
    """Whatever is wrong, there is a sentence about what to do."""
    for backend in _backends():
        for engine in (None, *Engine):
            assert remedy(cause, backend, engine, ("a",))[0].endswith((".", ":"))


async def test_health_as_json() -> None:
    """Every field by name, times in UTC, nothing that JSON lacks."""
    health = await look_at_models(models("m"))
    document = json.loads(json.dumps(health.as_json()))
    assert document["ok"] is True
    assert document["engine"]["name"] == "vllm"
    assert document["engine"]["fingerprint"].startswith("vLLM 0.32.0, sha256:")
    assert document["checked_at"].endswith("Z")
    assert document["load"] is None
    assert document["deep"] is None
