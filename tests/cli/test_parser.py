"""The command line's parser where it is given the words that it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reflex_tui.cli.arguments import looking
from reflex_tui.cli.completion import outline
from reflex_tui.cli.parser import build_parser

if TYPE_CHECKING:
    import pytest


def test_commands_that_look_have_a_parser_of_their_own() -> None:
    """It has them all, and each as the whole command line has it."""
    whole = {action.name: action for action in outline(build_parser("x")).actions}
    for name in looking.COMMANDS:
        short = outline(build_parser("x", [name, "--json"])).actions
        assert [action.name for action in short] == list(looking.COMMANDS)
        assert all(action == whole[action.name] for action in short)


def test_other_words_have_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """So that help and mistakes tell of every command."""
    whole = outline(build_parser("x"))
    for argv in ([], ["--help"], ["bakeoff"], ["helth"], ["--version", "health"]):
        assert outline(build_parser("x", argv)) == whole
    assert capsys.readouterr().out == ""
