"""Every command the pages tell people to run is one that there is."""

from __future__ import annotations

import re
import shlex

import pytest

from reflex_tui.cli.completion import outline
from reflex_tui.cli.parser import build_parser
from tests.support.docs.pages import PAGES, ROOT, blocks, commands, prose

OURS = re.compile(r"\b(?:code reflex|speckit-reflex) ([^|;&>)`#\n]+)")
INLINE = re.compile(r"`(?:code reflex|speckit-reflex) ([a-z][a-z-]*)")
MAKE = re.compile(r"\bmake ([a-z]+(?: [a-z]+)*)")
WRITTEN = sorted(
    {
        (block.place, command, found.strip())
        for page in PAGES
        for block in blocks(page)
        for command in commands(block)
        for found in OURS.findall(command.partition(" #")[0])
    }
)
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_there_are_commands() -> None:
    """The next test is not over nothing."""
    assert len(WRITTEN) > 40
    assert {place.partition(":")[0] for place, _, _ in WRITTEN} >= {"README.md", "docs/tutorial.md"}


def test_each_command_of_a_block_parses() -> None:
    """With each option spelt as the parser has it; --help and --version end well at once."""
    parser = build_parser("code reflex")
    for arguments in {given: place for place, _, given in WRITTEN}:
        words = shlex.split(arguments)
        if words[-1] in {"--help", "--version"}:
            with pytest.raises(SystemExit, match="0"):
                parser.parse_args(words)
        else:
            assert parser.parse_args(words).handler, arguments


def test_commands_named_in_prose_exist() -> None:
    """``code reflex NAME`` in the text names a command."""
    known = {action.name for action in outline(build_parser("code reflex")).actions}
    assert {name for page in PAGES for name in INLINE.findall(prose(page))} <= known


def test_make_targets_exist() -> None:
    """``make NAME`` is a target of the Makefile."""
    for page in PAGES:
        written = [command for block in blocks(page) for command in commands(block)]
        inline = re.findall(r"`(make [a-z]+)`", prose(page))
        named = {name for line in [*written, *inline] for name in _made(line)}
        assert named <= TARGETS, page


def test_make_torture_runs_every_longer_form() -> None:
    """A test that has one lies below a part that is run when none is named."""
    tests, makefile = ROOT / "tests", (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (parts,) = re.findall(r"^PARTS \?= (.+)$", makefile, re.MULTILINE)
    longer = re.compile("REFLEX_" + r"TORTURE|\btorture: bool")
    found = [
        path
        for path in tests.glob("*/**/test_*.py")
        if longer.search(path.read_text(encoding="utf-8"))
    ]
    assert found
    run = [tests / part for part in parts.split()]
    assert [one for one in found if not any(one.is_relative_to(each) for each in run)] == []


def _made(line: str) -> list[str]:
    found = MAKE.match(line.partition(" #")[0].strip())
    return found[1].split() if found else []
