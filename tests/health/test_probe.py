"""Each way a server can be unwell, over a real socket: the cause, the words, what to do."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from core.client.server import Engine
from core.router.health import Cause, Health, probe
from core.router.remedies import remedy
from tests.health.servers import (
    NOT_FOUND,
    Reply,
    cloud,
    drip,
    free_port,
    hang_up,
    local,
    models,
    raw,
    serving,
    silent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.client.backend import Backend
    from tests.health.servers import Behaviour

READY = {"/health": Reply(), "/version": Reply.of({"version": "0.32.0"})}
HTML = Reply(200, b"<!doctype html><title>Grafana</title>", "text/html; charset=utf-8")


async def look(routes: Mapping[str, Behaviour] | Behaviour, model: str = "m") -> Health:
    """The health of a server that behaves so."""
    async with serving(routes) as server:
        return await probe(local(server.endpoint, model), timeout_ms=2000)


async def look_at_models(behaviour: Behaviour, model: str = "m") -> Health:
    """The health of a ready vLLM whose list of models is this."""
    return await look({"/v1/models": behaviour, **READY}, model)


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
    health = await probe(backend, timeout_ms=2000)
    assert (health.cause, health.reason) == (Cause.NOT_LISTENING, "server_unhealthy")
    assert f"nothing listens at 127.0.0.1:{port} (connection refused)" in health.summary
    _, sglang, vllm, embedded = health.remedy
    place = f"--served-model-name qwen2.5-coder-7b-instruct --host 127.0.0.1 --port {port} "
    assert sglang.startswith("sglang serve --model-path Qwen/Qwen2.5-Coder-7B-Instruct " + place)
    assert vllm.startswith("vllm serve Qwen/Qwen2.5-Coder-7B-Instruct " + place)
    assert embedded == f"code reflex engine --port {port}"


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
    health = await probe(backend, timeout_ms=2000)
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


NOT_OPENAI = {
    "html": HTML,
    "html error 500 behind 200": Reply(200, b"  <html>oops</html>", "text/plain"),
    "html 404 of a web server": Reply(404, b"<h1>Not here</h1>", "text/html"),
    "garbage": Reply(200, b"\x00\xff garbage", "application/json"),
    "list at the top": Reply.of(["m"]),
    "number": Reply.of(3),
    "data is an object": Reply.of({"object": "list", "data": {"id": "m"}}),
    "data of strings": Reply.of({"object": "list", "data": ["m", None, {"id": 3}, {"id": ""}]}),
    "no data": Reply.of({"models": []}),
    "nested beyond reason": Reply(200, b"[" * 100_000),
    "a number of 5000 digits": Reply(200, b'{"data":' + b"9" * 5000 + b"}"),
    "empty": Reply(200, b""),
    "no content": Reply(204),
    "redirect": Reply(307, headers=(("location", "http://169.254.169.254/latest"),)),
    "huge": Reply(200, b'{"data": ["' + b"x" * (1 << 20) + b'"]}'),
    "gzip bomb": Reply(200, gzip.compress(bytes(1 << 24)), headers=(("content-encoding", "gzip"),)),
    "unknown compression": Reply(200, b"x", headers=(("content-encoding", "br"),)),
    "not http": raw(b"220 mail.example ESMTP\r\n\r\n"),
    "ssh": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "endless header": raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000),
}


@pytest.mark.parametrize("behaviour", NOT_OPENAI.values(), ids=NOT_OPENAI)
async def test_what_is_no_openai_server_is_called_so(behaviour: Behaviour) -> None:
    """HTML, other JSON, redirects, oversized and broken replies: check the address."""
    health = await look(behaviour)
    assert (health.cause, health.reason) == (Cause.NOT_OPENAI, "server_unhealthy")
    assert health.remedy[0].startswith("Check host, port and path of `endpoint` under [reflex]")


CUT_OFF = {
    "hangs up": hang_up,
    "short head": raw(b"HTTP/1.1 200"),
    "short body": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}"),
}


@pytest.mark.parametrize("behaviour", CUT_OFF.values(), ids=CUT_OFF)
async def test_a_server_that_hangs_up(behaviour: Behaviour) -> None:
    """Something listens, and ends the connection before its answer is whole."""
    health = await look(behaviour)
    assert (health.cause, health.reason) == (Cause.NO_REPLY, "server_unhealthy")
    assert "https://" in health.remedy[0]


async def test_a_redirect_is_not_followed() -> None:
    """Not even to the same server: the place the user trusts is the place that is asked."""
    moved = Reply(301, headers=(("location", "/elsewhere"),))
    async with serving({"/v1/models": moved, "/elsewhere": models("m")}) as server:
        health = await probe(local(server.endpoint), timeout_ms=2000)
        assert server.paths == ["/v1/models"]
    assert "redirects to /elsewhere" in health.summary


async def test_an_endpoint_without_its_path_is_mended() -> None:
    """A 404 at an endpoint that lacks /v1 gives the line with it."""
    async with serving({"/v1/models": models("m")}) as server:
        health = await probe(local(server.endpoint.removesuffix("/v1")), timeout_ms=2000)
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
        health = await probe(cloud(server.endpoint, api_key=key), timeout_ms=2000)
    assert words in health.remedy[0]
    assert key is None or key not in str(health.as_json())


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-sécret"])
async def test_a_key_that_no_header_can_carry(key: str) -> None:
    """It is not sent, and not shown either."""
    async with serving(models("m")) as server:
        health = await probe(cloud(server.endpoint, api_key=key), timeout_ms=2000)
        assert server.requests == []
    assert health.cause is Cause.UNAUTHORIZED
    assert "cret" not in str(health.as_json())


async def test_keys_go_to_the_cloud_alone() -> None:
    """No request to a reflex backend carries a key; every one to the cloud does."""
    async with serving({"/v1/models": models("m"), **READY}) as server:
        await probe(local(server.endpoint, api_key="sk-secret"), timeout_ms=2000, load=True)
        assert len(server.requests) == 4
        assert not any("authorization" in headers for _, headers in server.requests)
        server.requests.clear()
        await probe(cloud(server.endpoint, api_key="sk-secret"), timeout_ms=2000)
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


async def test_a_server_error_is_quoted_safely() -> None:
    """Control characters of an error message do not reach the screen."""
    health = await look(Reply.of({"error": {"message": "CUDA\x1b[31m out\nof memory"}}, 500))
    assert health.cause is Cause.HTTP_ERROR
    assert "\x1b" not in health.summary
    assert "\n" not in health.summary


async def test_ids_with_control_characters_are_made_safe() -> None:
    """Model ids come from outside: summary, remedy and models hold none of their tricks."""
    evil = "m\x1b]0;owned\x07\u202e[red]\nrm -rf\ud800"
    health = await look_at_models(models(evil), "m")
    assert health.cause is Cause.MODEL_MISSING
    for text in (health.summary, *health.remedy, *health.models):
        assert text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text
        assert not set(text) & set("\x1b\x07\n\u202e\ud800")


ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n"
HANGS = {
    "never answers": {"/v1/models": silent},
    "drips its headers": {"/v1/models": drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 9999)},
    "drips its body": {"/v1/models": drip(ENDLESS + b" " * 9999, 0.001)},
    "never says whether it is ready": {"/v1/models": models("m"), "/health": silent},
    "never says its version": {
        "/v1/models": models("m", owned_by="sglang"),
        "/ready": Reply(),
        "/model_info": silent,
    },
}


@pytest.mark.parametrize("routes", HANGS.values(), ids=HANGS)
async def test_one_deadline_covers_all(routes: Mapping[str, Behaviour]) -> None:
    """However a server stalls, the probe ends with its own deadline."""
    async with asyncio.timeout(30), serving(routes) as server:
        began = time.perf_counter()
        health = await probe(local(server.endpoint), timeout_ms=150)
        took_s = time.perf_counter() - began
    assert health.cause is Cause.TIMEOUT
    assert "in 150 ms" in health.summary
    assert took_s < 5  # the drips would take minutes, the others an hour


async def _answers_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def test_a_tls_endpoint_that_speaks_plain_http() -> None:
    """The remedy names both mistakes."""
    async with await asyncio.start_server(_answers_at_once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        health = await probe(local(f"https://127.0.0.1:{port}/v1"), timeout_ms=5000)
    assert health.cause is Cause.TLS
    assert "http://" in health.remedy[0]


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A TLS server's context with a certificate of its own making."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    files = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"]
    subprocess.run([*openssl.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_that_nobody_vouches_for(self_signed: ssl.SSLContext) -> None:
    """Health says what is wrong with the certificate."""
    async with await asyncio.start_server(
        _answers_at_once, "127.0.0.1", 0, ssl=self_signed
    ) as server:
        port = server.sockets[0].getsockname()[1]
        health = await probe(cloud(f"https://localhost:{port}/v1"), timeout_ms=5000)
    assert health.cause is Cause.TLS
    assert "self-signed certificate" in health.summary


@pytest.mark.parametrize("host", ["reflex.invalid", "a" * 64 + ".invalid"])
async def test_a_host_without_an_address(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve, or is none at all."""

    def no_such_host(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    health = await probe(local(f"http://{host}:3009/v1"), timeout_ms=5000)
    assert health.cause is Cause.UNRESOLVABLE
    assert "host name" in health.remedy[0]


async def test_loopback_ignores_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment does not stand between us and our own machine."""
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    assert (await look_at_models(models("m"))).ok


async def test_a_remote_server_that_is_down_gets_no_local_start_line() -> None:
    """Starting something here would not help."""
    lines = remedy(Cause.NOT_LISTENING, local("http://gpu.example:8000/v1"))
    assert lines == (
        "Start the server at gpu.example:8000, or mend `endpoint` under [reflex] in stage0.toml.",
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


async def test_cancelling_a_probe_ends_it() -> None:
    """The caller's cancellation is the one thing that is not turned into a Health."""
    asked = asyncio.Event()

    async def ask(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await silent(writer)

    async with serving(ask) as server:
        task = asyncio.create_task(probe(local(server.endpoint), timeout_ms=60_000))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


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
