"""What a caller of ``Sandbox.run`` gets, and what it is refused."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from core.errors import SandboxError
from core.harness.sandbox import Limits, Sandbox, Tier
from core.harness.sandbox.box import pack
from core.harness.sandbox.layout import SCRATCH_PREFIX


def python(sandbox: Sandbox, code: str) -> list[str]:
    """A command that runs code."""
    return [sandbox.python, "-I", "-S", "-B", "-c", code]


async def test_output_and_status(sandbox: Sandbox, workspace: Path) -> None:
    """Both outputs, the exit status and the time come back."""
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    result = await sandbox.run(python(sandbox, code), workspace=workspace)
    assert (result.stdout, result.stderr, result.exit_status) == ("out\n", "err\n", 3)
    assert (result.killed_by, result.truncated) == (None, False)
    assert result.wall_s > 0


async def test_sees_a_copy_of_the_workspace(sandbox: Sandbox, workspace: Path) -> None:
    """Files, directories, links, bits and odd names arrive; what is written does not come back."""
    (workspace / "a").mkdir()
    (workspace / "a" / "tool.sh").write_text("#!/bin/sh\necho ran\n")
    (workspace / "a" / "tool.sh").chmod(0o755)
    (workspace / "link").symlink_to("a/tool.sh")
    (workspace / "loop").symlink_to("loop")
    (workspace / "n ä\n").write_bytes(b"\x00\xff")
    os.mkfifo(workspace / "pipe")
    code = (
        "import os, subprocess\n"
        "print(sorted(os.listdir('.')), open('n ä\\n', 'rb').read(), os.readlink('link'))\n"
        "print(subprocess.run(['./link'], capture_output=True, text=True).stdout)\n"
        "open('a/tool.sh', 'w').write('changed'); open('new', 'w').write('x')\n"
    )
    result = await sandbox.run(python(sandbox, code), workspace=workspace)
    assert result.stdout == "['a', 'link', 'loop', 'n ä\\n'] b'\\x00\\xff' a/tool.sh\nran\n\n"
    assert (workspace / "a" / "tool.sh").read_text() == "#!/bin/sh\necho ran\n"
    assert not (workspace / "new").exists()


async def test_environment(sandbox: Sandbox, workspace: Path) -> None:
    """There is nothing in the environment but what was asked for and four harmless names."""
    code = "import os; print(sorted(os.environ), os.environ['ASKED'])"
    result = await sandbox.run(python(sandbox, code), workspace=workspace, env={"ASKED": "yes"})
    assert result.stdout == "['ASKED', 'HOME', 'LANG', 'PATH', 'TMPDIR'] yes\n"


async def test_input_is_empty(sandbox: Sandbox, workspace: Path) -> None:
    """Nothing of what set the sandbox up can be read from standard input."""
    result = await sandbox.run(
        python(sandbox, "import sys; print(repr(sys.stdin.read()))"), workspace=workspace
    )
    assert result.stdout == "''\n"


async def test_read_only_paths(sandbox: Sandbox, workspace: Path, tmp_path: Path) -> None:
    """What is shown can be read at its own path and not written."""
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "file").write_text("seen")
    shown.chmod(0o777)
    code = f"print(open({str(shown / 'file')!r}).read()); open({str(shown / 'new')!r}, 'w')"
    result = await sandbox.run(python(sandbox, code), workspace=workspace, read_only=[shown])
    assert result.stdout == "seen\n"
    assert "OSError" in result.stderr or "PermissionError" in result.stderr
    assert [path.name for path in shown.iterdir()] == ["file"]


@pytest.mark.parametrize("path", ["", "sub", "missing", "../link", "/", "/proc", "/dev/null"])
async def test_dangerous_paths_are_refused(
    sandbox: Sandbox, workspace: Path, tmp_path: Path, path: str
) -> None:
    """Nothing is mounted inside the workspace, over the sandbox's own places, or over all."""
    (workspace / "sub").mkdir()
    (tmp_path / "link").symlink_to(workspace / "sub")
    with pytest.raises(SandboxError):
        await sandbox.run(
            python(sandbox, ""), workspace=workspace, read_only=[(workspace / path).absolute()]
        )


async def test_output_is_cut_and_repaired(sandbox: Sandbox, workspace: Path) -> None:
    """Output over the cap is left out, and what is not UTF-8 is replaced."""
    code = "import os; os.write(1, b'\\xff' + b'x' * 5000)"
    limits = Limits(output_bytes=1000)
    result = await sandbox.run(python(sandbox, code), workspace=workspace, limits=limits)
    assert result.stdout == "\N{REPLACEMENT CHARACTER}" + "x" * 999
    assert result.truncated


async def test_signal_and_missing_program(sandbox: Sandbox, workspace: Path) -> None:
    """A program that dies of a signal, or that is not there, is told as a shell tells it."""
    result = await sandbox.run(python(sandbox, "import os; os.abort()"), workspace=workspace)
    assert (result.exit_status, result.killed_by) == (134, "SIGABRT")
    result = await sandbox.run(["no-such-program"], workspace=workspace)
    assert result.exit_status == 127
    assert "no-such-program" in result.stderr


async def test_many_at_once(sandbox: Sandbox, workspace: Path) -> None:
    """Runs do not share their limits: eight at once each get all their processes."""
    code = (
        "import os, time\n"
        "for _ in range(12):\n"
        "    if not os.fork(): time.sleep(0.2); os._exit(0)\n"
        "for _ in range(12): os.wait()\n"
        "print('all')\n"
    )
    runs = [sandbox.run(python(sandbox, code), workspace=workspace) for _ in range(8)]
    results = await asyncio.gather(*runs)
    assert [result.stdout for result in results] == ["all\n"] * 8


async def test_workspace_too_large(sandbox: Sandbox, workspace: Path) -> None:
    """A workspace over the limit is refused before anything runs."""
    for number in range(3):
        (workspace / f"big{number}").write_bytes(bytes(1 << 20))
    with pytest.raises(SandboxError, match="too large"):
        await sandbox.run(python(sandbox, ""), workspace=workspace, limits=Limits(file_mb=2))
    with pytest.raises(SandboxError, match="cannot be read"):
        await sandbox.run(python(sandbox, ""), workspace=workspace / "none")


def test_packing_follows_no_links(workspace: Path, tmp_path: Path) -> None:
    """A link in the workspace is packed as a link, whatever it points to, and links come last."""
    (tmp_path / "secret").write_text("secret")
    (workspace / "a-link").symlink_to(tmp_path)
    (workspace / "b").mkdir()
    (workspace / "b" / "file").write_text("text")
    packed = [(path, content) for path, _, content in pack(workspace, max_bytes=100)]
    assert packed == [("b", None), ("b/file", b"text"), ("a-link", str(tmp_path))]


async def test_no_sandbox_is_refused(workspace: Path) -> None:
    """Without a sandbox nothing runs, and the way round is named with its price."""
    sandbox = Sandbox(Tier.NONE)
    with pytest.raises(SandboxError) as caught:
        await sandbox.run(python(sandbox, ""), workspace=workspace)
    assert "--allow-unsandboxed" in caught.value.remedy
    assert "cannot enable reflex" in caught.value.remedy


async def test_unsandboxed_when_allowed(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is allowed, code runs in a copy, is limited in time, and the copy goes away."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox = Sandbox(Tier.NONE, Limits(wall_s=60, file_mb=4), allow_unsandboxed=True)
    (workspace / "file").write_text("text")
    code = "import os; print(open('file').read()); os.unlink('file')"
    result = await sandbox.run(python(sandbox, code), workspace=workspace)
    assert result.stdout == "text\n"
    assert (workspace / "file").exists()
    short = Limits(wall_s=0.4, file_mb=4)
    ended = await sandbox.run(python(sandbox, "while 1: 0"), workspace=workspace, limits=short)
    assert ended.killed_by == "wall"
    assert not list(tmp_path.glob(f"{SCRATCH_PREFIX}*"))


async def test_unsandboxed_files_are_bounded(workspace: Path) -> None:
    """Without a file system of its own a run is ended when its copy grows too large."""
    sandbox = Sandbox(Tier.NONE, Limits(wall_s=60, file_mb=2), allow_unsandboxed=True)
    code = (
        "import time\n"
        "for n in range(6): open(f'f{n}', 'wb').write(bytes(1 << 20))\n"
        "time.sleep(60)\n"
    )
    result = await sandbox.run(python(sandbox, code), workspace=workspace)
    assert result.killed_by == "files"


@pytest.mark.skipif(sys.platform == "darwin", reason="there is a sandbox-exec")
async def test_tier_of_another_system(workspace: Path) -> None:
    """A tier that this machine does not have is an error that says so."""
    sandbox = Sandbox(Tier.SANDBOX_EXEC)
    with pytest.raises(SandboxError, match="no sandbox-exec here"):
        await sandbox.run(python(sandbox, ""), workspace=workspace)


async def test_no_descriptor_leaks(sandbox: Sandbox, workspace: Path) -> None:
    """Runs leave no open files behind in this process."""
    listing = Path("/proc/self/fd")
    if not listing.exists():
        pytest.skip("needs /proc")
    await sandbox.run(python(sandbox, ""), workspace=workspace)
    await asyncio.sleep(0)
    before = len(list(listing.iterdir()))
    for _ in range(5):
        await sandbox.run(python(sandbox, ""), workspace=workspace)
    await asyncio.sleep(0)
    assert len(list(listing.iterdir())) <= before


async def test_machine_without_room(
    sandbox: Sandbox, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine out of descriptors or processes is a sandbox error, and nothing else escapes."""

    def full() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("core.harness.sandbox.child_process.os.pipe", full)
    with pytest.raises(SandboxError, match="Too many open files"):
        await sandbox.run(python(sandbox, ""), workspace=workspace)
