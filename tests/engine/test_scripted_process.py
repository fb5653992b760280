"""The stand-in as a child process, and started by hand."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from core.errors import EngineError
from core.standin.scripted_server import start_scripted
from tests.support.engine.asking import body
from tests.support.engine.processes import ends_with_its_parent, listening, running
from tests.support.patience import PATIENCE_S


def test_as_a_child_it_starts_serves_and_stops() -> None:
    """The process answers under the name and pace given, and leaves nothing behind."""
    with start_scripted(model="other", owned_by="somebody", ttft_ms=0, faults="status:503") as it:
        pid, port = it.pid, it.port
        assert pid is not None
        (model,) = httpx.get(f"{it.endpoint}/models").json()["data"]
        assert (model["id"], model["owned_by"]) == ("other", "somebody")
        refused = httpx.post(f"{it.endpoint}/chat/completions", json=body(model="other"))
        assert refused.status_code == 503
    assert not running(pid)
    assert not listening(port)


def test_its_child_ends_when_the_parent_is_killed() -> None:
    """``kill -9`` of the parent leaves neither process nor port."""
    assert ends_with_its_parent(
        "from core.standin.scripted_server import start_scripted; start_scripted()"
    )


def test_wrong_values_and_a_taken_port_are_errors() -> None:
    """What cannot be is said before or by the child, as an EngineError."""
    with pytest.raises(EngineError, match="unknown fault 'cutt'"):
        start_scripted(faults="cutt")
    with pytest.raises(EngineError, match="ttft_ms must be"):
        start_scripted(ttft_ms=-1)
    with pytest.raises(EngineError, match="cannot listen on port 70000"):
        start_scripted(port=70_000)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EngineError, match=rf"port {port} on 127\.0\.0\.1 is already in use"):
            start_scripted(port=port)


def test_by_hand_it_says_where_it_serves_and_ends_with_ctrl_c() -> None:
    """Started by a person it prints its address, and SIGINT ends it with 130."""
    command = [sys.executable, "-m", "core.standin.scripted_server", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("scripted-cloud (scripted) at http://127.0.0.1:")
        assert httpx.get(f"{line.split()[-1]}/models").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130


@pytest.mark.parametrize("wrong", [["--faults", "cutt"], ["--ttft-ms", "-1"], ["--no-such"]])
def test_by_hand_a_mistake_is_a_usage_error(wrong: list[str]) -> None:
    """Exit status 2 and one clear line, no traceback."""
    command = [sys.executable, "-m", "core.standin.scripted_server", *wrong]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
