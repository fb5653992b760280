"""``code reflex implement`` as a person meets it: asked, refused, interrupted, taken back."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError, UnsafeFile
from core.implement.undo import undo_recorded, write_undoable
from core.implement.user_files import FileChange
from tests.support.engine.processes import gone
from tests.support.implement.scene import (
    BROKEN,
    CHECK,
    GOOD,
    PROMPT,
    TEST,
    WRONG,
    at_terminal,
    fix,
    implement,
    refused_or_undone,
    scene,
    solve,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

TASK = (PROMPT, "--file", "calc.py", "--check", CHECK)
HANGS = (
    "import os, time\nopen(os.environ['PIDFILE'], 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
)


@pytest.mark.parametrize(
    ("answers", "status", "after", "says"),
    [
        (["y", "y"], 0, GOOD, "✓ solved by reflex (local)"),
        pytest.param(["yes", "n"], 1, BROKEN, "not written", marks=pytest.mark.slow),
        pytest.param([""], 1, BROKEN, "nothing was run or written", marks=pytest.mark.slow),
        (["y", "^C"], 130, BROKEN, "Write this to calc.py?"),
    ],
)
async def test_a_person_is_asked_twice(
    tmp_path: Path, answers: list[str], status: int, after: str, says: str
) -> None:
    """Before anything is run, and with the diff before anything is written."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        ended = await at_terminal(found.root, *TASK, answers=answers)
        assert ended.status == status, ended.out
        assert found.calc == after
        assert "without a sandbox" in ended.out
        assert says in ended.out
        if len(answers) == 2:
            assert "-    return a - b\n+    return a + b\n" in ended.out
        else:
            assert found.reflex.asked == []


async def test_without_a_terminal_nothing_is_run(tmp_path: Path) -> None:
    """Nobody can be asked: 2, and what to do."""
    async with scene(tmp_path / "repo") as found:
        ended = await refused_or_undone(found.root, *TASK)
        assert (ended.status, ended.out) == (2, "")
        assert "--yes" in ended.err
        assert found.world.reflex.requests == 0


async def test_undo_and_its_limits(tmp_path: Path) -> None:
    """The last change is taken back once, and recorded; then there is nothing more."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        (found.root / "calc.py").chmod(0o755)
        assert (await solve(found)).changes
        kept = found.root / ".speckit" / "implement" / "undo.json"
        assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert ".speckit/implement" not in found.git("status", "--short", "-uall")
        back = await refused_or_undone(found.root, "--undo")
        assert (back.status, back.err) == (0, "")
        assert "+    return a - b" in back.out
        assert found.calc == BROKEN
        assert (found.root / "calc.py").stat().st_mode & 0o777 == 0o755
        (applied,) = found.world.events("PatchApplied")
        (undone,) = found.world.events("PatchUndone")
        assert (undone["call_id"], undone["files"]) == (applied["call_id"], ["calc.py"])
        again = await refused_or_undone(found.root, "--undo")
        assert (again.status, again.out) == (2, "")
        assert "nothing to undo" in again.err


async def test_undo_overwrites_nobodys_work(tmp_path: Path) -> None:
    """A file that was changed since is named and left alone; so is one that is gone."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        assert (await solve(found)).changes
        (found.root / "calc.py").write_text(GOOD + "# mine\n")
        refused = await refused_or_undone(found.root, "--undo")
        assert refused.status == 2
        assert "changed since: calc.py" in refused.err
        assert found.calc == GOOD + "# mine\n"
        settings = found.world.settings
        (found.root / "calc.py").unlink()
        with pytest.raises(ConfigError, match=r"changed since: calc\.py"):
            undo_recorded(settings, found.root)
        (found.root / "calc.py").write_text(GOOD)
        undo_recorded(settings, found.root)
        assert found.calc == BROKEN


async def test_a_way_back_that_somebody_else_wrote(tmp_path: Path) -> None:
    """What travels with a repository is not believed, and neither is a link followed."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        assert (await solve(found)).changes
        settings = found.world.settings
        kept = found.root / ".speckit" / "implement" / "undo.json"
        body = json.loads(kept.read_text())
        body["files"][0]["before"] = "ZXZpbA=="
        for text in (json.dumps(body), "[" * 200_000, "null", ""):
            kept.write_text(text)
            with pytest.raises(ConfigError, match="not written by you"):
                undo_recorded(settings, found.root)
        assert found.calc == GOOD
        for file in (kept, kept.with_name(".gitignore")):
            file.unlink()
        kept.parent.rmdir()
        kept.parent.symlink_to(tmp_path)
        with pytest.raises(UnsafeFile, match="is a link"):
            undo_recorded(settings, found.root)


async def test_killed_between_two_files_it_can_be_undone(tmp_path: Path) -> None:
    """What was written is taken back, what was not stays, and either is no change of another's."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        before = (found.root / "test_calc.py").read_bytes()
        changes = (
            FileChange("calc.py", BROKEN.encode(), GOOD.encode()),
            FileChange("test_calc.py", before, b"pass\n"),
        )
        settings = found.world.settings
        write_undoable(settings, found.root, changes, call_id="c", run_id="r")
        (found.root / "test_calc.py").write_bytes(before)  # as if it had not come to this one
        undone, _ = undo_recorded(settings, found.root)
        assert [change.path for change in undone.changes] == ["calc.py"]
        assert found.calc == BROKEN


async def test_work_of_the_persons_own_meanwhile_is_kept(tmp_path: Path) -> None:
    """A file that was saved while the model was at work is not overwritten."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        mine = found.root / "calc.py"
        check = f"{sys.executable} -c \"open('{mine}', 'w').write('mine')\""
        with pytest.raises(ConfigError, match=r"changed since: calc\.py"):
            await solve(found, check=check)
        assert found.calc == "mine"
        assert not (found.root / ".speckit" / "implement" / "undo.json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "missing: PROMPT, --file F, --check CMD"),
        ((PROMPT,), "missing: --file F, --check CMD"),
        ((PROMPT, "--file", "calc.py", "--check", "a && b", "--yes"), "is for a shell"),
        ((PROMPT, "--file", "../x", "--check", "true", "--yes"), "not inside the repository"),
        ((PROMPT, "--file", "calc.py", "--check", "true", "--yes", "--also", "no"), "--also 'no'"),
        (("--undo", "--file", "calc.py"), "--undo takes no task"),
    ],
)
async def test_what_cannot_be_worked_on(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    """2, one clear line, and nobody was asked anything."""
    async with scene(tmp_path / "repo") as found:
        ended = await refused_or_undone(found.root, *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert says in ended.err
        assert found.reflex.asked == found.cloud.asked == []


@pytest.mark.slow
async def test_a_check_that_is_no_program(tmp_path: Path) -> None:
    """It is found out by running it, and the same is said."""
    async with scene(tmp_path / "repo") as found:
        task = (PROMPT, "--file", "calc.py", "--check", "./none", "--yes")
        ended = await implement(found.root, *task)
        assert (ended.status, ended.out) == (2, "")
        assert "cannot be started" in ended.err
        assert found.reflex.asked == found.cloud.asked == []


@pytest.mark.slow
async def test_a_check_that_passes_already(tmp_path: Path) -> None:
    """It is said, and the work goes on: what is asked for may be new."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        ended = await fix(found.root, check="true")
        assert ended.status == 0
        assert "passes before any change" in ended.err
        assert ended.document["check_before"] == {"passed": True, "status": 0}
        assert "It fails:" not in found.reflex.asked[0]


@pytest.mark.slow
async def test_a_check_without_end(tmp_path: Path) -> None:
    """It is stopped, the model is told, and the next attempt may fix it."""
    waits = "import time\ntime.sleep(600)\n"
    async with scene(tmp_path / "repo", reflex=[waits, waits, GOOD]) as found:
        assert (await solve(found, check_timeout_s=4)).changes
        assert "did not end within 4 s" in found.reflex.asked[2]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_in_a_check(tmp_path: Path, number: signal.Signals) -> None:
    """130; the check's process is gone, the copy as well, and the tree is as it was."""
    temporary, pids = tmp_path / "tmp", tmp_path / "pid"
    temporary.mkdir()
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        (found.root / "hangs.py").write_text(HANGS)
        task = (PROMPT, "--file", "calc.py", "--check", f"{sys.executable} hangs.py", "--yes")
        process = await start(found.root, *task, TMPDIR=str(temporary), PIDFILE=str(pids))
        while not pids.exists() or not pids.read_text():
            assert process.returncode is None
            await asyncio.sleep(0.02)
        process.send_signal(number)
        out, err = await process.communicate()
        assert (process.returncode, out) == (130, b"")
        assert b"Traceback" not in err
        await gone(int(pids.read_text()))
        assert list(temporary.iterdir()) == []
        assert found.calc == BROKEN


async def test_interrupted_while_a_model_answers(tmp_path: Path) -> None:
    """130, and the call is on record as cancelled."""
    async with scene(tmp_path / "repo", cloud=[GOOD], promoted=False, ttft_ms=20_000) as found:
        process = await start(found.root, *TASK, "--yes")
        while not found.cloud.asked:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        await process.communicate()
        (call,) = found.world.events("LLMCall")
        assert call["error"] == "cancelled"


async def test_the_check_gets_no_key(tmp_path: Path) -> None:
    """What a model wrote is run with it: the cloud's key is not in its environment."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        (found.root / "env.py").write_text("import os; assert 'OPENAI_API_KEY' not in os.environ")
        ended = await fix(found.root, check=f"{sys.executable} env.py", OPENAI_API_KEY="s3cret")
        assert ended.document["check_before"]["passed"] is True


@pytest.mark.slow
async def test_from_a_directory_below(tmp_path: Path) -> None:
    """Names and the check count from where the person stands."""
    async with scene(tmp_path / "repo", reflex=[WRONG]) as found:
        (found.root / "calc.py").rename(found.root / "moved.py")
        below = found.root / "pkg"
        below.mkdir()
        (below / "calc.py").write_text(BROKEN)
        (below / "test_calc.py").write_text(TEST)
        ended = await fix(below, "--stage", "plan", "--edit-format", "search_replace")
        assert ended.status == 1  # the stand-in edits calc.py, which here is pkg/calc.py
        assert {one["failure"] for one in ended.document["attempts"]} == {"format"}
        assert "a version of pkg/calc.py that is wrong:" in found.cloud.asked[0]
        assert 'File "pkg/test_calc.py"' in found.cloud.asked[0]
