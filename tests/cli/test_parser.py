"""The command line's parser: what it loads, help in groups, and options before a command."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import pytest

from core import errors
from reflex_tui import cli
from reflex_tui.cli.completion import outline
from reflex_tui.cli.main import run
from reflex_tui.cli.parser import GROUPS, build_parser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = [name for names in GROUPS.values() for name in names]
HEAVY = {"httpx", "h11", "pydantic", "textual", "rich", "tomlkit", "jsonschema", "core.harness"}


def test_a_command_is_the_same_alone_and_among_all() -> None:
    """The parser of a line that names it knows few others."""
    whole = {action.name: action for action in outline(build_parser("x")).actions}
    assert list(whole) == NAMES
    for name in NAMES:
        short = {one.name: one for one in outline(build_parser("x", ["--json", name])).actions}
        assert len(short) <= 2
        assert short[name] == whole[name]


@pytest.mark.parametrize("argv", [[], ["--help"], ["helth"], ["--version", "health"]])
def test_other_words_have_a_line_of_every_command(argv: list[str]) -> None:
    """So that help and mistakes tell of them all."""
    told = build_parser("x", argv).format_help()
    assert told == build_parser("x").format_help()
    assert all(f"\n    {name} " in told for name in NAMES)


@pytest.mark.parametrize("line", ["", "--help", "health --help", "bakeoff --help", "implement -h"])
def test_help_loads_nothing_heavy(line: str) -> None:
    """No command's work, and no library that has a cost."""
    code = (
        "import sys; from reflex_tui.cli.main import run\n"
        "try: run(sys.argv[1:], 'x')\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *line.split()], capture_output=True, text=True, check=True
    )
    assert "usage: x" in done.stdout
    loaded = set(done.stderr.split())
    assert not HEAVY & loaded
    if line in {"", "--help"}:
        assert not {f"reflex_tui.cli.{name}" for name in NAMES} & loaded


@pytest.mark.parametrize("command", sorted(name for names in GROUPS.values() for name in names))
def test_help_keeps_to_the_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its sentences; examples stay as they are, to be copied."""
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        run([command, "--help"], "code reflex")
    told, _, examples = capsys.readouterr().out.partition("\nexamples:\n")
    sentences = [line for line in told.splitlines() if not line.startswith((" ", "usage:"))]
    assert max(map(len, sentences)) < 60
    assert all(line.startswith("  code reflex ") for line in examples.splitlines())


def test_alone_it_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    """With every command in its group, and status 0."""
    assert run([], "code reflex") == 0
    told = capsys.readouterr().out
    places = [told.index(f"\n  {group}:\n") for group in GROUPS]
    assert places == sorted(places)
    for (names, begin), end in zip(
        zip(GROUPS.values(), places, strict=True), [*places[1:], len(told)], strict=True
    ):
        assert all(f"\n    {name} " in told[begin:end] for name in names)


def test_shared_options_may_stand_before_the_command(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or after it, or on both sides."""
    monkeypatch.chdir(project)
    (project / "a.toml").write_text('[reflex]\nmodel = "a"\n')
    for line in ("--config a.toml --json status", "--json status --config a.toml"):
        assert run(line.split(), "code reflex") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["settings"]["reflex.model"]["value"] == "a"
    assert run(["--json", "events", "--since", "1h", "verify"], "code reflex") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_each_error_has_a_code_of_its_own() -> None:
    """A program that reads ``--json`` can tell them apart."""
    for module in iter_modules(cli.__path__, "reflex_tui.cli."):
        import_module(module.name)

    kinds: list[type[errors.ReflexError]] = [errors.ReflexError, *_below(errors.ReflexError)]
    ours = [kind for kind in kinds if kind.__module__.partition(".")[0] in {"core", "reflex_tui"}]
    codes = [str(kind.code) for kind in ours]
    assert len(ours) > 30
    assert sorted(codes) == sorted(set(codes))


def _below(kind: type[errors.ReflexError]) -> Iterator[type[errors.ReflexError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
