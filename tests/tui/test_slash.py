"""Slash commands: one table, forgiving to type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_tui.model.slash import COMMANDS, PREFIX, NoSuchCommand, complete, parse


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@pytest.mark.parametrize(
    "start", [f"{PREFIX} ", "/", "", f"{PREFIX} {PREFIX} ", f"{PREFIX} {PREFIX[1:]} "]
)
def test_every_command_can_be_typed_with_or_without_the_prefix(command: object, start: str) -> None:
    """What the list shows is what runs."""
    name = command.name  # type: ignore[attr-defined]
    assert parse(start + name).command is command
    assert command in complete(start + name)


def test_the_prefix_alone_explains_itself() -> None:
    """Nobody has to know a command to begin."""
    assert parse(PREFIX).command.name == "help"
    assert list(complete(f"{PREFIX} ")) == list(COMMANDS)
    assert list(complete("/")) == list(COMMANDS)


def test_completion_narrows_down() -> None:
    """Beginnings come first; what merely holds the letters comes when none begins so."""
    assert [command.name for command in complete(f"{PREFIX} he")] == ["health", "help"]
    assert [command.name for command in complete("/vents")] == ["events"]
    assert not complete(f"{PREFIX} events mode:cloud")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/speckit.reflex helth", "did you mean /speckit.reflex health"),
        ("/modles", "did you mean /speckit.reflex models"),
        ("/zzzzzz", "/speckit.reflex help lists them all"),
        ("/models now", "models takes no argument"),
        ("/health --deeper", "health takes --deep only"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest(text: str, told: str) -> None:
    """A typo costs one look."""
    with pytest.raises(NoSuchCommand) as caught:
        parse(text)
    assert told in str(caught.value)


def test_arguments_arrive() -> None:
    """What follows the name is the command's."""
    assert parse("/speckit.reflex events mode:cloud >500ms").argument == "mode:cloud >500ms"
    assert parse("/health --deep").argument == "--deep"


@given(st.text(max_size=60))
def test_any_text_runs_completes_or_is_explained(text: str) -> None:
    """Typing never breaks the bar."""
    complete(text)
    try:
        parse(text)
    except NoSuchCommand as error:
        assert str(error).isprintable()  # noqa: PT017  it may also be none
