"""The tutorial, as the commands that it has somebody type."""

from __future__ import annotations

from tests.support.docs.pages import ROOT, blocks, commands

PAGE = ROOT / "docs" / "tutorial.md"


def steps() -> list[str]:
    """The tutorial's own commands in their order."""
    lines = [line for block in blocks(PAGE) for line in commands(block)]
    return [line for line in lines if line.startswith("code reflex ")]
