"""Whatever the code does, the host lives and the run ends with its limit."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.harness.sandbox import Limits, Result, Sandbox, Tier, cgroup, child_process
from core.harness.sandbox.cgroup import group_parent, memory_group
from core.harness.sandbox.layout import interpreter
from core.harness.sandbox.limits import MAX_FILES
from tests.support.patience import until

SHORT_S = 0.7
LONG_S = 60.0  # for what ends by itself


async def run(
    sandbox: Sandbox, workspace: Path, code: str, wall_s: float = SHORT_S, **limits: Any
) -> Result:
    """Run Python code, for a short time unless told otherwise."""
    (workspace / "main.py").write_text(code)
    chosen = dataclasses.replace(sandbox.limits, wall_s=wall_s, **limits)
    return await sandbox.run(
        [sandbox.python, "-I", "-S", "-B", "main.py"], workspace=workspace, limits=chosen
    )


async def run_until_it_spoke(
    sandbox: Sandbox, workspace: Path, code: str, name: str = "main.py"
) -> Result:
    """As ``run``, once more for longer where a busy machine did not let it say anything."""
    (workspace / name).write_text(code)
    argv = [sandbox.python, "-I", "-S", "-B", name]
    for wall_s in (SHORT_S, 5.0, LONG_S / 2):
        limits = dataclasses.replace(sandbox.limits, wall_s=wall_s)
        result = await sandbox.run(argv, workspace=workspace, limits=limits)
        if result.stdout:
            break
    return result


def processes_with(marker: str) -> list[int]:
    """The processes of this machine that carry a marker in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def none_left(marker: str) -> bool:
    """True as soon as no process carries the marker; the kernel takes a moment to reap."""
    await until(lambda: not processes_with(marker))
    return True


async def test_endless_loop(sandbox: Sandbox, workspace: Path) -> None:
    """A loop ends at the wall limit."""
    result = await run(sandbox, workspace, "while True: pass")
    assert result.killed_by == "wall"


async def test_sleep_that_ignores_signals(sandbox: Sandbox, workspace: Path) -> None:
    """Ignoring every signal that can be ignored does not help."""
    code = """
import signal, time
for each in range(1, 32):
    try: signal.signal(each, signal.SIG_IGN)
    except OSError: pass
print("ready", flush=True)
while True: time.sleep(60)
"""
    result = await run_until_it_spoke(sandbox, workspace, code)
    assert (result.killed_by, result.stdout) == ("wall", "ready\n")


async def test_stopped_process(sandbox: Sandbox, workspace: Path) -> None:
    """A process that stops itself is ended all the same."""
    assert (
        await run(sandbox, workspace, "import os; os.kill(os.getpid(), 19)")
    ).killed_by == "wall"


async def test_closed_output(sandbox: Sandbox, workspace: Path) -> None:
    """A process that closes its output and lives on is not taken for one that ended."""
    code = "import os, time\nfor each in range(256):\n try: os.close(each)\n except OSError: 0\n"
    assert (await run(sandbox, workspace, code + "time.sleep(60)")).killed_by == "wall"


async def test_computing_time(sandbox: Sandbox, workspace: Path) -> None:
    """The processor limit is a limit of its own."""
    result = await run(sandbox, workspace, "while True: pass", wall_s=LONG_S, cpu_s=1)
    assert result.killed_by == "cpu"


async def test_fork_bomb(sandbox: Sandbox, workspace: Path) -> None:
    """A fork bomb stays below its limit of processes and is gone afterwards."""
    code = """
import os, sys, time
made = 0
while made < 200:
    try: pid = os.fork()
    except OSError: break
    if not pid: time.sleep(60)
    made += 1
print(made, flush=True)
while True:
    try: os.fork()
    except OSError: time.sleep(0.01)
"""
    marker = f"reflex-bomb-{os.getpid()}-{time.monotonic_ns()}"
    result = await run_until_it_spoke(sandbox, workspace, code, f"{marker}.py")
    assert result.killed_by == "wall"
    assert 0 < int(result.stdout) < sandbox.limits.processes
    assert await none_left(marker)


async def test_thread_bomb(sandbox: Sandbox, workspace: Path) -> None:
    """Threads are counted as processes are."""
    code = """
import threading, time
made = 0
try:
    for made in range(200): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
except RuntimeError: pass
print(made)
"""
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    assert 0 < int(result.stdout) < sandbox.limits.processes


async def test_daemon_left_behind(sandbox: Sandbox, workspace: Path) -> None:
    """A process that leaves its session and closes its files does not outlive the run."""
    marker = f"reflex-daemon-{os.getpid()}-{time.monotonic_ns()}"
    code = """
import os, time
if os.fork():
    time.sleep(0.1); print("left", flush=True); os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
for each in range(256):
    try: os.close(each)
    except OSError: pass
time.sleep(60)
"""
    (workspace / f"{marker}.py").write_text(code)
    argv = [sandbox.python, "-I", "-S", "-B", f"{marker}.py"]
    result = await sandbox.run(argv, workspace=workspace)
    assert (result.exit_status, result.stdout) == (0, "left\n")
    assert await none_left(marker)


async def test_gigabyte_of_output(sandbox: Sandbox, workspace: Path) -> None:
    """A flood of output is cut, counted and ended; the host keeps none of it."""
    code = "import os\nblock = b'x' * 65536\nfor _ in range(16384): os.write(1, block)"
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    assert result.killed_by == "output"
    assert result.truncated
    assert len(result.stdout) == sandbox.limits.output_bytes


async def test_full_disk_hits_only_itself(sandbox: Sandbox, workspace: Path) -> None:
    """The workspace has a size; filling it is the code's own error and leaves no trace."""
    code = """
total = 0
try:
    for number in range(64):
        with open(f"f{number}", "wb") as file: total += file.write(bytes(1 << 20))
except OSError as error: print(error.errno == 28)
print(total >> 20)
"""
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    full, megabytes = result.stdout.split()
    assert full == "True"
    assert int(megabytes) <= sandbox.limits.file_mb
    assert [path.name for path in workspace.iterdir()] == ["main.py"]


@pytest.mark.parametrize("place", ["/", "/tmp", "/dev/shm", "/dev", "/work/.."])
async def test_no_other_place_takes_more(sandbox: Sandbox, workspace: Path, place: str) -> None:
    """What can be written to elsewhere is bounded as well."""
    code = f"""
total = 0
try:
    for number in range(64):
        with open(f"{place}/f{{number}}", "wb") as file: total += file.write(bytes(1 << 20))
except OSError: pass
print(total >> 20)
"""
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    assert int(result.stdout) <= 16


async def test_one_huge_file(sandbox: Sandbox, workspace: Path) -> None:
    """A sparse file of a terabyte is refused."""
    code = "open('big', 'wb').truncate(1 << 40)"
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    assert "File too large" in result.stderr


async def test_memory_of_one_process(sandbox: Sandbox, workspace: Path) -> None:
    """More memory than allowed is an error in the process."""
    result = await run(sandbox, workspace, "x = bytearray(1 << 30)", wall_s=LONG_S)
    assert "MemoryError" in result.stderr


async def test_memory_of_many_processes(sandbox: Sandbox, workspace: Path) -> None:
    """Processes that each stay below the limit are ended when together they do not."""
    code = """
import os, time
for _ in range(8):
    if not os.fork():
        kept = bytearray(120 << 20)
        time.sleep(60)
time.sleep(60)
"""
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    assert result.killed_by == "memory"


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET"])
async def test_memory_in_socket_queues(sandbox: Sandbox, workspace: Path, family: str) -> None:
    """What is sent and never read counts as memory, in whosever queue it lies."""
    code = f"""
import os, socket, time
def pair():
    if "{family}" == "AF_UNIX": return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        return one, server.accept()[0]
for _ in range(12):
    if not os.fork():
        kept = [pair() for _ in range(60)]
        for one in [each for two in kept for each in two]:
            one.setblocking(False)
            try:
                while True: one.send(bytes(1 << 16))
            except BlockingIOError: pass
        time.sleep(60)
time.sleep(60)
"""
    result = await run(sandbox, workspace, code, wall_s=LONG_S, memory_mb=48)
    assert result.killed_by == "memory"


async def test_memory_in_empty_files(
    sandbox: Sandbox, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files without a byte in them are limited in number, without a control group too."""
    monkeypatch.setattr(child_process, "memory_group", lambda _: contextlib.nullcontext(None))
    code = """
import os
made = 0
try:
    for number in range(200_000):
        os.close(os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY)); made += 1
except OSError: pass
print(made)
"""
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    assert result.killed_by == "files" or int(result.stdout) <= MAX_FILES


@pytest.mark.skipif(group_parent() is None, reason="no memory control group can be made here")
async def test_memory_that_no_process_maps(sandbox: Sandbox, workspace: Path) -> None:
    """A control group counts what no process has mapped; it ends the run and is removed."""
    code = "import os\nfor _ in range(64): os.write(1, b'x')\nx = bytearray(200 << 20)"
    with memory_group(40 << 20) as group:
        assert group is not None
        argv = group.entering([sandbox.python, "-c", code])
        assert subprocess.run(argv, check=False).returncode != 0  # noqa: ASYNC221  short
        assert group.ran_out()
    result = await run(sandbox, workspace, "print(1)", wall_s=LONG_S)
    assert (result.killed_by, result.stdout) == (None, "1\n")
    with memory_group(40 << 20):  # what was still busy is removed with the next one
        left = list(group_parent().glob(f"reflex-{os.getpid()}-*"))  # type: ignore[union-attr]
    assert len(left) <= 2


def test_a_control_group_of_version_2(tmp_path: Path) -> None:
    """Its files have other names; what it counts includes no swap."""
    for name in ("memory.max", "memory.swap.max"):
        (tmp_path / name).touch()
    cgroup._limit(tmp_path, 40 << 20)
    assert (tmp_path / "memory.max").read_text() == str(40 << 20)
    assert (tmp_path / "memory.swap.max").read_text() == "0"
    group = cgroup.Group(tmp_path)
    for killed in (0, 1):
        (tmp_path / "memory.events").write_text(f"low 0\nhigh 0\nmax 9\noom 1\noom_kill {killed}\n")
        assert group.ran_out() == bool(killed)


async def test_workspace_deleted(sandbox: Sandbox, workspace: Path) -> None:
    """The code deletes its copy; the original is untouched and the run ends normally."""
    (workspace / "kept").mkdir()
    (workspace / "kept" / "file").write_text("precious")
    code = """
import os, shutil
for name in os.listdir("."):
    shutil.rmtree(name) if os.path.isdir(name) else os.unlink(name)
print(os.listdir("."))
"""
    result = await run(sandbox, workspace, code, wall_s=LONG_S)
    assert (result.stdout, result.exit_status) == ("[]\n", 0)
    assert (workspace / "kept" / "file").read_text() == "precious"


async def test_cancelled_run_leaves_nothing(sandbox: Sandbox, workspace: Path) -> None:
    """Cancelling a run kills it before the cancellation is answered."""
    marker = f"reflex-cancel-{os.getpid()}-{time.monotonic_ns()}"
    (workspace / f"{marker}.py").write_text("import time\ntime.sleep(60)")
    argv = [sandbox.python, "-I", "-S", "-B", f"{marker}.py"]
    task = asyncio.create_task(sandbox.run(argv, workspace=workspace))
    await until(lambda: processes_with(marker))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await none_left(marker)


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.01, 0.02])
async def test_cancelled_at_any_moment(sandbox: Sandbox, workspace: Path, delay_s: float) -> None:
    """Cancelling while the sandbox is still being set up leaves nothing either."""
    marker = f"reflex-early-{os.getpid()}-{time.monotonic_ns()}"
    (workspace / f"{marker}.py").write_text("import time\ntime.sleep(60)")
    argv = [sandbox.python, "-I", "-S", "-B", f"{marker}.py"]
    task = asyncio.create_task(sandbox.run(argv, workspace=workspace))
    await asyncio.sleep(delay_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await none_left(marker)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_killed_host_takes_its_sandbox_along(tier: Tier, workspace: Path) -> None:
    """When the host process itself is killed, no sandboxed process is left."""
    marker = f"reflex-orphan-{os.getpid()}-{time.monotonic_ns()}"
    (workspace / f"{marker}.py").write_text("import time\ntime.sleep(60)")
    code = f"""
import asyncio, pathlib
from core.harness.sandbox import Sandbox, Tier
box = Sandbox(Tier({str(tier)!r}))
argv = [box.python, "-I", "-S", "-B", "{marker}.py"]
asyncio.run(box.run(argv, workspace=pathlib.Path({str(workspace)!r})))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as host:  # noqa: ASYNC220  it is killed
        try:
            while not (inside := [p for p in processes_with(marker) if p != host.pid]):
                await asyncio.sleep(0.02)
                assert host.poll() is None
            assert inside
        finally:
            host.send_signal(signal.SIGKILL)
    assert await none_left(marker)


def test_interpreter_is_a_real_file() -> None:
    """The interpreter used is the one behind any virtual environment."""
    assert Path(interpreter()).is_file()
    assert not Path(interpreter()).is_symlink()
    assert Limits().wall_s == 10
