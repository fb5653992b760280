"""Every command block of the pages runs, or its commands are excepted, each for a reason."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.play.network import UNSHARE, can_unshare
from tests.docs.play.tables import EXCEPTED, TUTORIAL, exception
from tests.support.docs.pages import COMMAND_PAGES, ROOT, Line, blocks, lines
from tests.support.docs.tutorial import steps

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 300
_APART = "docs/cli.md"  # a block a command there, each understood without the others
EVERY = [line for page in COMMAND_PAGES for block in blocks(page) for line in lines(block)]
RUN = [line for line in EVERY if exception(line.text) is None]


def group(line: Line) -> tuple[str, ...]:
    """What is played in one workspace: a page, or a block of the command line's reference."""
    page = str(line.block.page.relative_to(ROOT))
    return (page, str(line.block.line)) if page == _APART else (page,)


GROUPS = sorted({group(line) for line in RUN} - {(TUTORIAL,)})


@pytest.fixture(scope="session")
def _namespaces() -> None:
    if not can_unshare():
        pytest.skip("this machine lets nobody have namespaces (unshare), and ports may be taken")


@pytest.mark.long
@pytest.mark.timeout(_PATIENCE_S)
@pytest.mark.usefixtures("_namespaces")
@pytest.mark.parametrize("chosen", GROUPS, ids=":".join)
def test_the_commands_do_what_the_page_says(chosen: tuple[str, ...], tmp_path: Path) -> None:
    """In order, in a repository of their own, over servers that stand in for models."""
    played = subprocess.run(
        [*UNSHARE, sys.executable, "-m", "tests.docs.play", tmp_path, *chosen],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout
    mine = {line.place for line in RUN if group(line) == chosen}
    told = {line.partition("  ")[0] for line in played.stdout.splitlines()}
    assert mine <= told, played.stdout


def test_every_shell_block_is_taken_apart() -> None:
    """None is without a command that is seen here."""
    for page in COMMAND_PAGES:
        for block in blocks(page):
            if block.language in {"sh", "bash", "console", "shell", "zsh", "fish"}:
                assert lines(block), block.place


def test_the_tutorials_commands_are_played() -> None:
    """By its own test, over the whole suite."""
    of_it = [line.text for line in RUN if group(line) == (TUTORIAL,)]
    assert of_it == [line for line in steps() if exception(line) is None]


@pytest.mark.parametrize("pattern", EXCEPTED)
def test_no_exception_is_unused(pattern: str) -> None:
    """Each is some command's, and is the only one that it has."""
    assert any(exception(line.text) == pattern for line in EVERY)
    assert EXCEPTED[pattern]


def test_most_commands_run() -> None:
    """So that a wide pattern cannot empty the tests above; ours are excepted for a reason each."""
    ours = {line.text for line in EVERY if line.text.startswith("code reflex ")}
    kept = {line.text for line in RUN}
    skipped = {" ".join(line.split()[:3]) for line in ours - kept}
    excepted = ("engine", "init", "launch", "report", "suite")
    assert skipped <= {f"code reflex {command}" for command in excepted}
    assert len(kept) > 70
    assert {name for name, *_ in GROUPS} >= {"README.md", "docs/scale.md", "docs/runbook.md"}
