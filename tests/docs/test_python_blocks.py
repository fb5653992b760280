"""The Python blocks marked ``runnable`` run as they stand, in a project with two servers."""

from __future__ import annotations

import ast
import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.docs.pages import PAGES, Block, blocks
from tests.support.router.world import QUESTION, world

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]
RUNNABLE = [block for block in PYTHON if "runnable" in block.marks]


def compiled(block: Block) -> CodeType:
    """The block's code; ``await`` may stand at its top."""
    source = "\n" * (block.line - 1) + block.text
    code = compile(source, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(code, CodeType)
    return code


def test_the_interface_is_exercised() -> None:
    """README shows a call that runs, and the page about Python one of each kind."""
    assert [block.page.name for block in RUNNABLE].count("python.md") >= 4
    assert "README.md" in {block.page.name for block in RUNNABLE}


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_it_is_python(block: Block) -> None:
    """Runnable or not."""
    compiled(block)


@pytest.mark.parametrize("block", RUNNABLE, ids=lambda block: block.place)
async def test_it_runs(block: Block, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the project's directory, where reflex is promoted and has been asked before."""
    async with world(project) as w:
        async with w.implementer() as implementer:
            await implementer.complete(QUESTION)  # type: ignore[arg-type]
        monkeypatch.chdir(project)
        names: dict[str, Any] = {"__name__": "__main__"}
        code = compiled(block)
        ended = FunctionType(code, names)()
        if code.co_flags & inspect.CO_COROUTINE:
            await ended
