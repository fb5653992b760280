"""What is mistyped is named, with what was meant, the range it must be in, or where to read on."""

from __future__ import annotations

import json

import pytest

from reflex_tui.cli.main import run

TYPED = {
    "bakeoff --task x": "no option --task; did you mean --tasks?\nSee: code reflex bakeoff --help",
    "bakeoff --tsks=x": "no option --tsks; did you mean --tasks?\nSee: code reflex bakeoff --help",
    "bakeoff --trials 3 --task x": "no option --task; did you mean --tasks?",
    "bakeoff merge --ou x": "--out?\nSee: code reflex bakeoff merge --help",
    "health --jso": "no option --jso; did you mean --json?\nSee: code reflex health --help",
    "--versio": "did you mean --version?\nSee: code reflex --help",
    "bakeoff --qwertyuiop": "no option --qwertyuiop\nSee: ",
    "helth": "unknown command helth; did you mean health?\nSee: code reflex --help",
    "helth --json --deep": "unknown command helth; did you mean health?",
    "--json helth": "unknown command helth; did you mean health?",
    "--config a.toml statsu": "unknown command statsu; did you mean status?",
    "help": "unknown command help\nSee: code reflex --help",
    "code": "unknown command code\nSee: code reflex --help",
    "xyzzy": "unknown command xyzzy\nSee: ",
    "events verfy": "unknown action verfy; did you mean verify?\nSee: code reflex events --help",
    "events -n 5 exprt": "unknown action exprt; did you mean export?",
    "status now": "code reflex status takes no argument 'now'\nSee: code reflex status --help",
    "events verify a b": "code reflex events verify takes no argument 'a' 'b'\nSee: ",
    "bakeoff --trials 0": "argument --trials: 0 is out of range: 1 or more",
    "events -n -1": "argument -n: -1 is out of range: 0 or more",
    "serve --port 70000": "argument --port: 70000 is out of range: 0 to 65535",
    "engine --threads 513": "argument --threads: 513 is out of range: 1 to 512",
    "engine --parallel 0": "argument --parallel: 0 is out of range: 1 to 256",
    "health --timeout 0": "argument --timeout: 0 is out of range: over 0, up to 600000",
    "bakeoff --shard 3/2": "invalid shard '3/2': write I/N with I from 1 to N",
    "events --type RoutngDecision": "unknown type RoutngDecision; did you mean RoutingDecision?",
    "events -f --reason helthy": "--reason: unknown reason helthy",
    "events export -f": "--follow needs --otlp",
}


@pytest.mark.parametrize("typed", TYPED)
def test_a_mistake_is_named(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a line or two, with status 2."""
    assert run(typed.split(), "code reflex") == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert TYPED[typed] in told


@pytest.mark.parametrize("line", [["replay", ""], ["replay", " "], ["trust", ""]])
def test_a_blank_word_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every id begins with nothing, and would be found."""
    assert run(line, "code reflex") == 2
    assert "it is empty" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["bakeoff --task x", "helth", "status now", "events --reason x"])
def test_with_json_a_mistake_is_a_document(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With a code, as every error has."""
    assert run(["--json", *typed.split()], "code reflex") == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "usage"
    assert error["message"]
    assert error["do"]


def test_what_follows_two_dashes_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the action's place, and is refused as that."""
    assert run(["bakeoff", "--", "--task"], "code reflex") == 2
    assert "no option" not in capsys.readouterr().err
