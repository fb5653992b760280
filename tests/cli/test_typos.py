"""A mistyped option is named, with the one that was meant and where to read on."""

from __future__ import annotations

import pytest

from reflex_tui.cli.main import run


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("bakeoff --task x", "no option --task; did you mean --tasks?\nSee: code reflex bakeoff "),
        ("bakeoff --tsks=x", "no option --tsks; did you mean --tasks?\nSee: code reflex bakeoff "),
        ("bakeoff merge --ou x", "--out?\nSee: code reflex bakeoff merge --help"),
        ("health --jso", "no option --jso; did you mean --json?\nSee: code reflex health --help"),
        ("--versio", "did you mean --version?\nSee: code reflex --help"),
        ("bakeoff --qwertyuiop", "no option --qwertyuiop\nSee: "),
    ],
)
def test_a_mistyped_option_is_told_with_its_neighbour(
    typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its value would otherwise be taken for."""
    with pytest.raises(SystemExit) as ended:
        run(typed.split(), "code reflex")
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_what_follows_two_dashes_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the action's place, and is refused as that."""
    with pytest.raises(SystemExit):
        run(["bakeoff", "--", "--task"], "code reflex")
    assert "no option" not in capsys.readouterr().err
