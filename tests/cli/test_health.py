"""``code reflex health`` as a user runs it: exit status, what to do, and how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import reflex
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = Path(sys.executable).parent / "code"
IMPATIENT_MS = 700  # where there is no answer to wait for
MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "someone"}]}


@contextmanager
def answering(status: int, body: str, *, hangs: bool = False) -> Iterator[str]:
    """A server that gives one answer to everything; yields its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if hangs:
                released.wait()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    released = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def configure(
    project: Path, endpoint: str, model: str = "m", timeout_ms: float = 1000 * PATIENCE_S
) -> None:
    """Write the project's stage0.toml."""
    (project / "stage0.toml").write_text(
        f'[reflex]\nendpoint = "{endpoint}"\nmodel = "{model}"\ntimeout_ms = {timeout_ms:.0f}\n'
    )


def test_healthy_is_zero(project: Path) -> None:
    """A server that serves the model is up, in words and in JSON."""
    with answering(200, json.dumps(MODELS)) as endpoint:
        configure(project, endpoint)
        done = subprocess.run(
            [CODE, "reflex", "health"], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert done.stdout.startswith("● up")
        document = json.loads(reflex(project, "health", "--json").stdout)
        assert document["ok"]
        assert document["models"] == ["m"]


@pytest.mark.parametrize(
    ("status", "body", "model", "told"),
    [
        (200, json.dumps(MODELS), "other", ['model = "m"', "--served-model-name other"]),
        (200, '{"object": "list", "data": []}', "m", ["serves no model"]),
        (200, "<!doctype html><title>hello</title>", "m", ["not an OpenAI-compatible server"]),
        (401, '{"error": "Unauthorized"}', "m", ["--api-key"]),
        (503, '{"error": {"message": "Loading model"}}', "m", ["wait"]),
        (404, '{"detail": "Not Found"}', "m", ["endpoint"]),
    ],
)
def test_unhealthy_is_one_and_says_what_to_do(
    project: Path, status: int, body: str, model: str, told: list[str]
) -> None:
    """Each way to be unhealthy has its own remedy."""
    with answering(status, body) as endpoint:
        configure(project, endpoint, model)
        done = reflex(project, "health")
    assert done.returncode == 1
    assert done.stdout.startswith("✖ down")
    assert "Traceback" not in done.stderr
    for words in told:
        assert words.lower() in done.stdout.lower(), done.stdout


def test_nothing_listening_gives_the_start_lines(project: Path) -> None:
    """SGLang's, vLLM's and the embedded engine's, with the configured port and model."""
    with answering(200, "") as endpoint:
        pass
    configure(project, endpoint)
    done = reflex(project, "health")
    port = endpoint.rpartition(":")[2].removesuffix("/v1")
    assert done.returncode == 1
    for words in ("nothing listens", "sglang serve", "vllm serve", "code reflex engine", port):
        assert words in done.stdout


def test_a_server_that_never_answers_is_not_waited_for(project: Path) -> None:
    """The deadline is the whole look's, not the server's to choose."""
    with answering(200, "", hangs=True) as endpoint:
        configure(project, endpoint, timeout_ms=IMPATIENT_MS)
        done = reflex(project, "health")  # else it would never end
    assert done.returncode == 1
    assert f"in {IMPATIENT_MS} ms" in done.stdout


def test_a_broken_file_is_two_with_file_and_line(project: Path) -> None:
    """A configuration that cannot be used is told apart from a sick server."""
    (project / "stage0.toml").write_text("[reflex]\nenabled = flase\n")
    done = reflex(project, "health")
    assert done.returncode == 2
    assert "stage0.toml:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_untrusted_server_is_two_and_not_contacted(project: Path) -> None:
    """The refusal comes before any connection, even to resolve the name."""
    (project / "stage0.toml").write_text('[reflex]\nendpoint = "https://evil.invalid/v1"\n')
    done = reflex(project, "health", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "untrusted_endpoint"
    assert "code reflex trust https://evil.invalid:443" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["helth"], ["health", "--timeout", "x"], ["events", "-n", "-1"], ["--no"]]
)
def test_wrong_usage_is_two_without_a_traceback(project: Path, arguments: list[str]) -> None:
    """One clear line, whatever was typed."""
    done = reflex(project, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_it_loads_no_textual_no_httpx_and_no_harness(project: Path) -> None:
    """Start-up is a feature."""
    script = (
        "import sys; from reflex_tui.cli.main import run; run(['health'], 'x');"
        "bad = [m for m in sys.modules if m.split('.')[0] in {'textual', 'plotext', 'httpx'}"
        " or m.startswith('core.harness') or m in {'jsonschema', 'tomlkit', 'sqlite3'}];"
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
