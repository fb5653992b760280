"""The user's command: its words, its end, its limit, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.implement.command import Ran, run, words_of
from core.patchloop.printed import gist, neutral
from tests.support.engine.processes import gone

if TYPE_CHECKING:
    from pathlib import Path


async def ran(directory: Path, program: str, limit_s: float = 20) -> Ran:
    """A Python program as a check."""
    words = (sys.executable, "-c", program)
    return await run(words, cwd=directory, environ=os.environ, limit_s=limit_s)


def test_words_are_split_as_a_shell_would() -> None:
    """But no shell is started."""
    assert words_of("pytest -k 'a b' x\\ y") == ("pytest", "-k", "a b", "x y")
    assert words_of("sh -c 'a && b | c > d'") == ("sh", "-c", "a && b | c > d")


@pytest.mark.parametrize("text", ["", " ", "''", "a 'b", "a && b", "a | b", "A=1 pytest", "a\0b"])
def test_what_is_no_command(text: str) -> None:
    """The remedy shows how a shell's syntax is written."""
    with pytest.raises(ConfigError) as caught:
        words_of(text)
    assert caught.value.remedy


async def test_status_and_both_streams(tmp_path: Path) -> None:
    """In the order in which they were written."""
    found = await ran(
        tmp_path, "import os, sys; os.write(1, b'out '); os.write(2, b'err'); sys.exit(3)"
    )
    assert (found.status, found.output, found.passed) == (3, "out err", False)
    assert (await ran(tmp_path, "")).passed


async def test_a_flood_is_cut_in_the_middle(tmp_path: Path) -> None:
    """Beginning and end are kept, whatever it writes."""
    found = await ran(tmp_path, "print('first'); print('x' * 5_000_000); print('last')")
    assert found.output.startswith("first\n")
    assert found.output.endswith("last\n")
    assert len(found.output) < 70_000


async def test_at_its_limit_it_is_stopped(tmp_path: Path) -> None:
    """Also when it does not listen, and whatever it has started."""
    program = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(os.getpid(), child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    found = await ran(tmp_path, program, limit_s=3)
    assert found.status is None
    assert found.output
    await gone(*map(int, found.output.split()))


async def test_what_it_leaves_behind_is_ended(tmp_path: Path) -> None:
    """A child that holds its output open delays nothing."""
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid)\n"
    )
    found = await ran(tmp_path, program, limit_s=50)
    assert found.passed
    await gone(int(found.output))


async def test_cancelled_it_is_gone(tmp_path: Path) -> None:
    """As by Ctrl-C."""
    program = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    task = asyncio.create_task(ran(tmp_path, program))
    file = tmp_path / "pid"
    while not file.exists() or not file.read_text():
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(int(file.read_text()))


async def test_what_cannot_be_started(tmp_path: Path) -> None:
    """Says what was looked for, and that the copy may lack it."""
    with pytest.raises(ConfigError, match=r"no-such-check.*No such file") as caught:
        await run(["./no-such-check"], cwd=tmp_path, environ={}, limit_s=1)
    assert "--also" in caught.value.remedy


def test_feedback_is_the_same_every_time() -> None:
    """No path of this machine, no timing, no address, no colour; what is asserted stays."""
    output = (
        "\x1b[31mFAILED\x1b[0m /tmp/x/repo/test_a.py at /home/me/lib\r\n"
        "10%\r100% done\n"
        "<A object at 0x7f00> slept 2.5s, wanted 3 s\n"
        "--- FAIL: TestA (0.01s)\n"
        "1 failed in 0.12s\n"
    )
    assert neutral(output, {"/tmp/x/repo": "", "/tmp": "T", "/home/me": "~"}) == (
        "FAILED test_a.py at ~/lib\n"
        "100% done\n"
        "<A object> slept 2.5s, wanted 3 s\n"
        "--- FAIL: TestA\n"
        "1 failed"
    )


@given(st.text(), st.integers(30, 200))
def test_feedback_of_anything(output: str, limit: int) -> None:
    """It keeps to its limit and brings no escape sequence's beginning."""
    found = neutral(f"\x1b[31m{output}", {"/a": "~"}, limit)
    assert len(found) <= limit
    assert not found.startswith("\x1b[31m")


@pytest.mark.parametrize("blank", [" ", "\n", "\t", "\r", "(", " in 1", "\x1b]", "assert "])
def test_feedback_of_much_of_the_same(blank: str) -> None:
    """A program that prints blanks without end costs milliseconds, not hours."""
    text = neutral(f"a{blank * 500_000}b (0.1s) in 2.0s", {}, limit=300)
    assert len(text) <= 300
    gist(text)


def test_of_a_long_output_both_ends_are_kept() -> None:
    """The end more than the beginning: there stands the summary."""
    text = neutral("a" * 5000 + "b" * 5000, {}, limit=300)
    assert len(text) == 300
    assert (text.count("a"), text.count("b")) == (100, 197)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("Trace\nValueError: bad\n1 failed\n", "ValueError: bad"),
        ("boom FileNotFoundError: no  -----  1 failed", "FileNotFoundError: no"),
        ("E   assert 1 == 2\n1 failed", "assert 1 == 2"),
        ("make: *** [test] Error 1\n\n", "make: *** [test] Error 1"),
        ("", ""),
    ],
)
def test_the_gist(output: str, words: str) -> None:
    """One line for a person who watches."""
    assert gist(output) == words
