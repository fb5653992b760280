"""``code reflex serve`` as a user runs it: started, asked, told to stop, and refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from core.extras import how_to_install
from core.standin.scripted_server import start_scripted
from tests.support.command import reflex
from tests.support.engine.processes import eventually
from tests.support.gateway.serving import ASKED, CHAT, configured
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.engine.process import ServerProcess

CODE = Path(sys.executable).parent / "code"


@pytest.fixture(scope="module")
def slow_cloud() -> Iterator[ServerProcess]:
    """A cloud that takes about a second for its sentence."""
    with start_scripted(model="test-model", ttft_ms=100, tokens_per_s=15) as server:
        yield server


@contextmanager
def serving(project: Path, *arguments: str, **environ: str) -> Iterator[tuple[Any, str]]:
    """``code reflex serve`` on a free port; yields the process and its base URL."""
    process = subprocess.Popen(
        [CODE, "reflex", "serve", "--port", "0", "--json", *arguments],
        cwd=project,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            yield process, json.loads(line)["endpoint"]
        finally:
            process.kill()


def refused(project: Path, *arguments: str, **environ: str) -> str:
    """What ``serve`` says when it ends with status 2."""
    done = reflex(project, "serve", *arguments, environ=os.environ | environ)
    assert done.returncode == 2, done
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 0), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_told_to_stop_it_ends_what_is_under_way(
    project: Path, slow_cloud: ServerProcess, number: signal.Signals, status: int
) -> None:
    """A streamed call is told to its end, new connections are refused, then it is gone."""
    configured(project, slow_cloud.endpoint)
    with serving(project) as (process, url), httpx.Client(base_url=url, timeout=PATIENCE_S) as http:
        with http.stream("POST", CHAT, json=ASKED | {"stream": True}) as response:
            lines = response.iter_lines()
            next(lines)
            process.send_signal(number)
            _wait_until_refused(url)
            rest = [line for line in lines if line]
        assert rest[-1] == "data: [DONE]"
        assert process.wait(PATIENCE_S) == status
        assert process.stderr.read() == ""


@pytest.mark.slow
def test_the_grace_is_bounded(project: Path, slow_cloud: ServerProcess) -> None:
    """A call that goes on for longer is cancelled, told so, and on record."""
    configured(project, slow_cloud.endpoint)
    got: list[httpx.Response] = []
    with serving(project, "--grace", "0") as (process, url):
        before = _asked(slow_cloud)
        asking = threading.Thread(
            target=lambda: got.append(httpx.post(f"{url}/{CHAT}", json=ASKED, timeout=PATIENCE_S))
        )
        asking.start()
        _wait_until_asked(slow_cloud, more_than=before)
        process.send_signal(signal.SIGTERM)
        asking.join(PATIENCE_S)
        assert process.wait(PATIENCE_S) == 0
        errors = process.stderr.read()
    assert got[0].status_code == 503
    assert got[0].json()["error"]["code"] == "shutting_down"
    assert "Traceback" not in errors
    lines = (project / ".speckit/capsule/events-000001.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["error"] == "cancelled"


def test_a_token_is_required_off_loopback(project: Path) -> None:
    """An open door needs a lock, and a lock needs a key."""
    assert "--token-env NAME" in refused(project, "--host", "0.0.0.0")
    missing = refused(project, "--host", "0.0.0.0", "--token-env", "NO_SUCH_TOKEN")
    assert "$NO_SUCH_TOKEN is not set" in missing
    blank = refused(project, "--token-env", "BLANK", BLANK="a b")
    assert "a b" not in blank


def test_with_a_token_only_its_bearer_is_answered(project: Path) -> None:
    """By its own address, by the name that was allowed, and never without the token."""
    arguments = ("--host", "0.0.0.0", "--token-env", "TOKEN", "--allow-host", "Agents.Example")
    with serving(project, *arguments, TOKEN="s3cret") as (process, url):
        bearer = {"authorization": "Bearer s3cret"}
        named = bearer | {"host": "agents.example:3010"}
        rebound = bearer | {"host": "evil.example"}
        found = [httpx.get(f"{url}/models", headers=h) for h in (bearer, named, rebound, {})]
        process.send_signal(signal.SIGTERM)
        assert "s3cret" not in process.stdout.read() + process.stderr.read()
    assert [one.status_code for one in found] == [200, 200, 403, 401]


def test_a_port_that_is_taken(project: Path) -> None:
    """The message says which, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = refused(project, "--port", port)
    assert f"port {port}" in words
    assert "--port" in words
    assert "cannot listen on no.such.host.invalid" in refused(
        project, "--host", "no.such.host.invalid", "--token-env", "T", T="t"
    )


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "prometheus_client"])
def test_without_the_extra_it_says_what_to_install(project: Path, package: str) -> None:
    """The other commands need none of it, and this one names the line to type."""
    program = (
        "import sys; from reflex_tui.cli.main import run\n"
        f"sys.modules[{package!r}] = None\n"
        "sys.exit(run(['serve', '--port', '0'], 'code reflex'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert how_to_install("serve") in done.stderr


@pytest.mark.slow
def test_nothing_else_loads_the_extra() -> None:
    """The router, the command line and the gateway's pure parts start without it."""
    program = (
        "import sys, core.router.implementer, core.gateway.dialects.chat\n"
        "import core.gateway.security, reflex_tui.cli.serve\n"
        "print([m for m in ('starlette', 'uvicorn', 'prometheus_client', 'textual')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def _wait_until_refused(url: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/models")
        except httpx.TransportError:
            return
        time.sleep(0.01)
    raise AssertionError("the server still takes new connections")


def _asked(server: ServerProcess) -> int:
    control = server.endpoint.replace("/v1", "/__scripted")
    return int(httpx.get(control).json()["requests"])


def _wait_until_asked(server: ServerProcess, *, more_than: int) -> None:
    assert eventually(lambda: _asked(server) > more_than), "the call did not arrive"
