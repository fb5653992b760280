"""What ``docs/ci.md`` tells people to run is what the command line takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from reflex_tui.cli.parser import build_parser

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
BLOCK = re.compile(r"^```(?:sh|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bcode reflex ([^|;&>)\n]+)")
COMMANDS = sorted(
    {one.strip() for block in BLOCK.findall(PAGE.read_text()) for one in COMMAND.findall(block)}
)


def test_the_page_has_commands() -> None:
    """The next test is not over nothing."""
    assert "check --junit reflex-junit.xml" in COMMANDS
    assert len(COMMANDS) > 6


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_we_have(command: str) -> None:
    """With each option spelt as the parser has it."""
    assert build_parser("code reflex").parse_args(shlex.split(command)).handler
