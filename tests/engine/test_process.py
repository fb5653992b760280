"""A server as a child: its start, its end, and what it says when it cannot."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.engine.process import MOST_LOG_BYTES, ServerProcess
from core.errors import EngineError
from core.standin.scripted_server import start_scripted
from tests.support.engine.processes import eventually, running
from tests.support.patience import PATIENCE_S

READY = "import sys; print('{\"port\": 4242}', flush=True); "
FOREVER = "import time; time.sleep(60)"


def child(code: str, **options: object) -> ServerProcess:
    """A server process that runs ``code``."""
    return ServerProcess([sys.executable, "-c", code], name="it", model="m", **options)  # type: ignore[arg-type]


def test_a_started_server_tells_its_address_and_a_stopped_one_is_gone() -> None:
    """The port comes from the child's ready line; stop leaves no process and no descriptor."""
    before = os.listdir("/dev/fd")  # noqa: PTH208  names, as they are now
    with child(READY + FOREVER) as server:
        pid = server.pid
        assert pid is not None
        assert server.alive
        assert server.endpoint == "http://127.0.0.1:4242/v1"
        assert os.getpgid(pid) == pid != os.getpgid(0)
    assert not server.alive
    assert server.pid is None
    assert not running(pid)
    server.stop()
    assert len(os.listdir("/dev/fd")) == len(before)  # noqa: PTH208


def test_a_restart_asks_for_the_port_it_had() -> None:
    """The port that the first start got is the one that the second asks for."""
    code = "import sys; print('{\"port\": %d}' % (int(sys.argv[-1]) + 1), flush=True); "
    server = child(code + FOREVER)
    with server:
        assert server.port == 1
    with server:
        assert server.port == 2


def test_a_child_that_dies_is_reported_with_the_end_of_its_log() -> None:
    """Its exit status and its last words are in the error, controls removed."""
    with pytest.raises(EngineError, match=r"exit status 3(.|\n)*no \ufffd\[31mmodel") as caught:
        child(r"import sys; sys.stderr.write('no \033[31mmodel\n'); sys.exit(3)").start()
    assert "\033" not in str(caught.value)


def test_a_child_killed_by_a_signal_is_reported_so() -> None:
    """A crash reads as the signal that it was."""
    with pytest.raises(EngineError, match="ended with signal 6"):
        child("import os; os.abort()").start()


def test_a_child_can_say_why_it_cannot_serve() -> None:
    """The child's own error and remedy reach the caller."""
    code = 'print(\'{"error": "no port", "remedy": "take another"}\', flush=True)'
    with pytest.raises(EngineError, match="no port") as caught:
        child(code).start()
    assert caught.value.remedy == "take another"


@pytest.mark.parametrize(
    "said", ["hello", "[]", "{}", '{"port": null}', '{"port": 1e999}', "[" * 16_000, "x" * 20_000]
)
def test_a_ready_line_that_is_none_is_an_error(said: str) -> None:
    """Anything but the ready line is refused, and the child is stopped."""
    server = child(f"print({said!r}, flush=True); {FOREVER}")
    with pytest.raises(EngineError, match="instead of ready"):
        server.start()
    assert server.pid is None


def test_a_child_that_is_never_ready_is_stopped() -> None:
    """After the time limit there is an error and no process."""
    with pytest.raises(EngineError, match=r"not ready within 0\.2 s"):
        child(FOREVER, ready_timeout_s=0.2).start()


def test_a_command_that_is_not_there_is_an_error() -> None:
    """A missing interpreter is an EngineError as well."""
    with pytest.raises(EngineError, match="cannot start it"):
        ServerProcess(["/nonexistent/python"], name="it", model="m").start()


def test_a_running_server_cannot_be_started_twice() -> None:
    """The second start is refused and the first server stays."""
    with child(READY + FOREVER) as server:
        with pytest.raises(EngineError, match="already running"):
            server.start()
        assert server.alive


def test_stop_ends_a_child_that_ignores_sigterm() -> None:
    """SIGKILL follows when SIGTERM does not do."""
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    server = child(code + READY + FOREVER).start()
    pid = server.pid
    assert pid is not None
    server.stop(timeout_s=0.1)
    assert not running(pid)


def test_stop_ends_a_start_in_another_thread() -> None:
    """Whoever waits for a slow start is told that it ended."""
    server = child(FOREVER)
    raised: list[EngineError] = []

    def start() -> None:
        try:
            server.start()
        except EngineError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    assert eventually(lambda: server.pid is not None)
    server.stop()
    thread.join(PATIENCE_S)
    assert "ended with signal" in str(raised[0])


def test_wait_returns_the_exit_status() -> None:
    """``wait`` blocks to the child's end; without a child it is 0."""
    server = child(READY + "sys.exit(7)").start()
    assert server.wait() == 7
    server.stop()
    assert server.wait() == 0


def test_the_log_is_private_and_its_folder_is_made(tmp_path: Path) -> None:
    """The child's standard error lands in the named file, mode 0600."""
    log = tmp_path / "logs" / "engine.log"
    with child("import sys; sys.stderr.write('loading\\n'); " + READY + FOREVER, log=log) as server:
        assert server.log_path == log
        assert log.read_text() == "loading\n"
        assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A file where the log's folder should be is reported."""
    (tmp_path / "logs").touch()
    with pytest.raises(EngineError, match="cannot write it's log"):
        child(READY, log=tmp_path / "logs" / "engine.log").start()


@pytest.mark.parametrize("planted", ["link", "pipe", "folder link"])
def test_what_was_planted_at_the_logs_path_is_refused(tmp_path: Path, planted: str) -> None:
    """State lies in a project, which may come from anywhere; a link's target is not touched."""
    target = tmp_path / "precious" / "engine.log"
    target.parent.mkdir()
    target.write_text("mine")
    log = tmp_path / ".speckit" / "logs" / "engine.log"
    if planted == "folder link":
        log.parent.parent.mkdir()
        log.parent.symlink_to(target.parent)
    else:
        log.parent.mkdir(parents=True)
        log.symlink_to(target) if planted == "link" else os.mkfifo(log)
    with pytest.raises(EngineError, match="cannot write it's log"):
        child(READY + FOREVER, log=log).start()
    assert target.read_text() == "mine"


def test_a_log_ends_at_its_limit_and_the_server_goes_on(tmp_path: Path) -> None:
    """A model or a caller that makes it complain without end fills no disk."""
    code = """
import os
from core.engine import process
process.MOST_LOG_BYTES = 1000
process.limit_log()
for _ in range(100):
    try:
        os.write(2, b"x" * 100)
    except OSError:
        pass
"""
    log = tmp_path / "engine.log"
    with child(code + READY + FOREVER, log=log) as server:
        assert server.alive
        assert log.stat().st_size == 1000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_every_server_of_ours_has_that_limit(tmp_path: Path) -> None:
    """The stand-in is one; the engine is started the same way."""
    with start_scripted(log=tmp_path / "log") as server:
        limits = Path(f"/proc/{server.pid}/limits").read_text().splitlines()
    (line,) = (line for line in limits if line.startswith("Max file size"))
    assert line.split()[3] == str(MOST_LOG_BYTES)


HOLDS_THE_INTERPRETER = "import re; re.match('(a+)+$', 'a' * 60 + 'b')"
"""C code that keeps the interpreter's lock for longer than any test waits."""

PARENT = """
import os, sys, time
from core.engine.process import ServerProcess
code = "from core.engine.process import end_with_parent; end_with_parent(); " + sys.argv[1]
server = ServerProcess([sys.executable, "-c", code], name="it", model="m").start()
fork = os.fork() if sys.argv[2] == "forks" else os.getpid()
if fork:
    print(server.pid, fork, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("does", "forks"),
    [
        (FOREVER, "alone"),
        (FOREVER, "forks"),
        pytest.param(
            HOLDS_THE_INTERPRETER,
            "alone",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="SIGIO ends it on Linux only"),
        ),
    ],
)
def test_a_child_ends_with_its_parent_even_by_kill_9(does: str, forks: str) -> None:
    """No way of dying leaves a server, though a fork holds the pipe or C code the interpreter."""
    command = [sys.executable, "-c", PARENT, READY + does, forks]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, fork = map(int, parent.stdout.readline().split())
        assert running(pid)
        parent.send_signal(signal.SIGKILL)
    try:
        assert eventually(lambda: not running(pid))
    finally:
        for left in (pid, fork):
            with contextlib.suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
