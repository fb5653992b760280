"""The real engine: llama.cpp in a child process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from core.engine.local import (
    DEFAULT_PARALLEL,
    check_size,
    default_threads,
    model_name,
    start_engine,
)
from core.engine.weights import default_weights
from core.errors import ConfigError, EngineError
from reflex_tui.cli.parser import build_parser
from tests.support.engine.processes import ends_with_its_parent, listening, running

if TYPE_CHECKING:
    from core.engine.process import ServerProcess

SMALL: dict[str, Any] = {"n_ctx": 512, "n_parallel": 1, "n_threads": 1}
SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "enum": ["calc.py", "test_calc.py"]},
        "line": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["path", "line"],
    "additionalProperties": False,
}


def ask(server: ServerProcess, **more: Any) -> dict[str, Any]:
    """A chat completion request's body."""
    return {
        "model": server.model,
        "messages": [{"role": "user", "content": "Which file and line is wrong?"}],
        "max_tokens": 64,
        "temperature": 0,
        **more,
    }


@pytest.mark.engine
def test_it_serves_under_its_name(engine: ServerProcess) -> None:
    """The model list, readiness, slots and metrics answer, and name the engine."""
    root = engine.endpoint.removesuffix("/v1")
    with httpx.Client(trust_env=False) as client:
        (model,) = client.get(f"{engine.endpoint}/models").json()["data"]
        assert (model["id"], model["owned_by"]) == ("smollm2-135m-instruct", "llamacpp")
        assert client.get(f"{root}/health").json() == {"status": "ok"}
        assert len(client.get(f"{root}/slots").json()) == 2
        assert "llamacpp:" in client.get(f"{root}/metrics").text


@pytest.mark.engine
def test_a_streamed_reply_keeps_to_its_schema(engine: ServerProcess) -> None:
    """Constrained decoding holds over a real stream, with usage and a finish reason."""
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    body = ask(engine, response_format=form, stream=True, stream_options={"include_usage": True})
    text, finish, usage = "", None, None
    with (
        httpx.Client(trust_env=False, timeout=60) as client,
        client.stream("POST", f"{engine.endpoint}/chat/completions", json=body) as response,
    ):
        assert response.status_code == 200
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                text += choice["delta"].get("content") or ""
                finish = choice["finish_reason"] or finish
    jsonschema.validate(json.loads(text), SCHEMA)
    assert finish == "stop"
    assert usage is not None
    assert usage["completion_tokens"] > 0


@pytest.mark.engine
def test_web_pages_are_not_let_in(engine: ServerProcess) -> None:
    """A page from elsewhere gets no leave to read, and there is no page of its own."""
    root = engine.endpoint.removesuffix("/v1")
    with httpx.Client(trust_env=False) as client:
        models = client.get(f"{engine.endpoint}/models", headers={"Origin": "http://evil.example"})
        assert not models.headers.get("access-control-allow-origin")
        assert client.get(f"{root}/").status_code == 404


@pytest.mark.engine
def test_stop_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    """After stop both are gone; a restart after traffic takes the same port again."""
    with start_engine(**SMALL, model="mine", log=tmp_path / "log") as server:
        pid, port = server.pid, server.port
        assert pid is not None
        reply = httpx.post(
            f"{server.endpoint}/chat/completions", json=ask(server, max_tokens=4), timeout=60
        )
        assert reply.json()["model"] == "mine"
        server.stop()
        assert not running(pid)
        assert not listening(port)
        server.start()
        assert server.port == port
        assert listening(port)


@pytest.mark.slow
@pytest.mark.engine
def test_a_file_of_ones_own_is_served_under_its_name(tmp_path: Path) -> None:
    """The file's name in lower case; neither an option of the child's, nor controls."""
    assert model_name(tmp_path / "My-Model.Q4.gguf") == "my-model.q4"
    own = tmp_path / "-Q\x1b[31m.Q4.gguf"
    own.symlink_to(default_weights())
    with start_engine(gguf=own, **SMALL) as server:
        (model,) = httpx.get(f"{server.endpoint}/models").json()["data"]
    assert model["id"] == server.model
    assert server.model.startswith("-q")
    assert server.model.isprintable()


FOX = "The quick brown fox jumps over the lazy dog and runs away. "


@pytest.mark.slow
@pytest.mark.engine
def test_drafts_change_nothing_but_the_time() -> None:
    """At temperature 0 a reply that copies is the same with and without, under a grammar too."""
    schema = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
    form = {"name": "r", "strict": True, "schema": schema}
    plain = {
        "messages": [{"role": "user", "content": f"Copy this text word for word:\n{FOX}"}],
        "temperature": 0,
        "max_tokens": 24,
        "cache_prompt": False,
    }
    bound = plain | {"response_format": {"type": "json_schema", "json_schema": form}}
    with (
        start_engine(n_parallel=1, n_threads=1) as drafting,
        start_engine(drafts=False, n_parallel=1, n_threads=1) as without,
    ):
        for body in (plain, bound):
            said = []
            drafted = []
            for server in (drafting, without):
                answer = httpx.post(f"{server.endpoint}/chat/completions", json=body, timeout=100)
                said.append(answer.json()["choices"][0]["message"]["content"])
                drafted.append(answer.json()["timings"].get("draft_n", 0))
            assert said[0] == said[1] != ""
            assert drafted[1] == 0
            # Few words of so short a reply repeat within JSON.
            assert drafted[0] > 0 or body is bound


@pytest.mark.engine
def test_the_engine_ends_when_its_parent_is_killed() -> None:
    """``kill -9`` of the parent leaves neither process nor port."""
    assert ends_with_its_parent(
        "from core.engine.local import start_engine;"
        " start_engine(n_ctx=512, n_parallel=1, n_threads=1)"
    )


@pytest.mark.engine
def test_a_taken_port_is_said_so() -> None:
    """Before anything is loaded, the port is named with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            EngineError, match=rf"port {port} on 127\.0\.0\.1 is already in use"
        ) as it:
            start_engine(port=port)
    assert "--port" in it.value.remedy


@pytest.mark.engine
@pytest.mark.parametrize("content", [b"GGUF" + b"\xaf" * 5000, None])
def test_a_corrupt_model_is_reported_with_llama_cpps_words(
    tmp_path: Path, content: bytes | None
) -> None:
    """Nonsense after the magic, and a download cut short, each end in an EngineError."""
    path = tmp_path / "broken.gguf"
    path.write_bytes(content or default_weights().read_bytes()[:2_000_000])
    with pytest.raises(
        EngineError, match=r"cannot serve .*broken\.gguf(.|\n)*failed to load model"
    ):
        start_engine(gguf=path)


@pytest.mark.engine
def test_a_project_cannot_put_its_code_in_the_engines_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``core`` package in the working directory is not what the child imports."""
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('hijacked')")
    (tmp_path / "not.gguf").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError) as caught:
        start_engine(gguf=Path("not.gguf"))
    assert "hijacked" not in str(caught.value)


@pytest.mark.parametrize(("cpus", "threads"), [(1, 1), (2, 2), (3, 2), (4, 3), (128, 16)])
def test_threads_leave_a_cpu_to_the_callers(cpus: int, threads: int) -> None:
    """Where there are more than two; never none, and no more than help."""
    assert default_threads(cpus) == threads


@pytest.mark.parametrize(
    ("n_ctx", "n_parallel", "n_threads", "said"),
    [
        (8192, 2, 0, "--threads must be from 1 to 512, not 0"),
        (8192, 2, 513, "--threads must be from 1 to 512, not 513"),
        (8192, 257, 1, "--parallel must be from 1 to 256, not 257"),
        (8192, 0, 1, "--parallel must be from 1 to 256, not 0"),
        (2047, 4, 1, "--ctx 2047 over 4 requests at once leaves 511 tokens to each"),
    ],
)
def test_numbers_llama_cpp_cannot_use_are_refused(
    n_ctx: int, n_parallel: int, n_threads: int, said: str
) -> None:
    """Before anything is loaded, as a matter of configuration, with the least that would do."""
    with pytest.raises(ConfigError, match=said) as caught:
        start_engine(n_ctx=n_ctx, n_parallel=n_parallel, n_threads=n_threads)
    assert caught.value.exit_code == 2
    if "--ctx" in said:
        assert "--ctx 2048 or more" in caught.value.remedy
    check_size(n_ctx=2048, n_parallel=4, n_threads=512)


@pytest.mark.slow
@pytest.mark.engine
def test_the_command_hands_its_numbers_on(project: Path) -> None:
    """``engine --threads --parallel --ctx``: as many slots, of as much context, in the server."""
    code = str(Path(sys.executable).parent / "code")
    command = [code, "reflex", "engine", "--json", "--port", "0"]
    command += ["--threads", "1", "--parallel", "3", "--ctx", "3072"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            document = ""
            while line := process.stdout.readline():
                document += line
                if line == "}\n":
                    break
            root = json.loads(document)["endpoint"].removesuffix("/v1")
            slots = httpx.get(f"{root}/slots").json()
        finally:
            process.send_signal(signal.SIGINT)
    assert [slot["n_ctx"] for slot in slots] == [1024, 1024, 1024]


def test_the_help_says_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """They are written out there, as looking them up would load the engine's module."""
    with pytest.raises(SystemExit):
        build_parser("code reflex").parse_args(["engine", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert f"(default: {DEFAULT_PARALLEL})" in words
