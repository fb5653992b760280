"""Every command block of the pages runs, or its commands are excepted, each for a reason."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.play.network import UNSHARE, can_unshare
from tests.docs.play.tables import COSTLY, EXCEPTED, TUTORIAL, costly, exception
from tests.support.docs.pages import COMMAND_PAGES, ROOT, Line, blocks, lines
from tests.support.docs.tutorial import steps

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 600
EVERY = [line for page in COMMAND_PAGES for block in blocks(page) for line in lines(block)]
RUN = [line for line in EVERY if exception(line.text) is None]


def page_of(line: Line) -> str:
    """As it is named from the root."""
    return str(line.block.page.relative_to(ROOT))


PLAYED = sorted({page_of(line) for line in RUN} - {TUTORIAL})


@pytest.fixture(scope="session")
def _namespaces() -> None:
    if not can_unshare():
        pytest.skip("this machine lets nobody have namespaces (unshare), and ports may be taken")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(_PATIENCE_S)
@pytest.mark.usefixtures("_namespaces")
def test_the_commands_do_what_the_pages_say(tmp_path: Path) -> None:
    """In order, in repositories of their own, over servers that stand in for models."""
    played = subprocess.run(
        [*UNSHARE, sys.executable, "-m", "tests.docs.play", tmp_path, *PLAYED],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout
    wanted = {line.place for line in RUN if page_of(line) != TUTORIAL}
    told = {line.partition("  ")[0] for line in played.stdout.splitlines()}
    assert wanted <= told, played.stdout


def test_every_shell_block_is_taken_apart() -> None:
    """None is without a command that is seen here."""
    for page in COMMAND_PAGES:
        for block in blocks(page):
            if block.language in {"sh", "bash", "console", "shell", "zsh", "fish"}:
                assert lines(block), block.place


def test_the_tutorials_commands_are_played() -> None:
    """By its own test, over the whole suite."""
    of_it = [line.text for line in RUN if page_of(line) == TUTORIAL]
    assert of_it == [line for line in steps() if exception(line) is None]


def test_no_exception_is_unused() -> None:
    """Each is some command's, and is the only one that it has."""
    assert {exception(line.text) for line in EVERY} >= EXCEPTED.keys()
    assert {costly(line.text) for line in RUN} >= COSTLY.keys()
    assert all({**EXCEPTED, **COSTLY}.values())


def test_most_commands_run() -> None:
    """So that a wide pattern cannot empty the tests above; ours are excepted for a reason each."""
    ours = {line.text for line in EVERY if line.text.startswith("code reflex ")}
    kept = {line.text for line in RUN}
    skipped = {" ".join(line.split()[:3]) for line in ours - kept}
    excepted = ("engine", "init", "launch", "report", "suite")
    assert skipped <= {f"code reflex {command}" for command in excepted}
    assert len(kept) > 70
    assert set(PLAYED) >= {"README.md", "docs/scale.md", "docs/runbook.md"}
