"""What the pages show besides our own commands: configurations, keys, extras, benchmarks, Dask."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest

from core.settings.read import parse
from reflex_tui.app import every_binding
from reflex_tui.model.slash import COMMANDS, PREFIX
from reflex_tui.widgets.keymap import checked
from tests.support.docs.pages import PAGES, ROOT, Block, blocks, commands, prose

DOCS = ROOT / "docs"
EVERY = [block for page in PAGES for block in blocks(page)]
TOML = [block for block in EVERY if block.language == "toml"]
LINES = [(block.place, line.strip()) for block in EVERY for line in commands(block)]
PATH = re.compile(
    r"(?<![\w/.-])((?:core|reflex_tui|tests|benchmarks|integrations)/[\w./-]*\w)(?![A-Z])"
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines(beginning: str) -> list[tuple[str, list[str]]]:
    """The command lines that begin so, in words, each with where it stands."""
    found = [(at, shlex.split(line, comments=True)) for at, line in LINES]
    return [(at, words) for at, words in found if " ".join(words).startswith(beginning)]


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.place)
def test_a_configuration_is_taken(block: Block) -> None:
    """By the strict reader, or as keys of the dashboard, without a word."""
    if re.match(r"(?:#.*\n)*\[(?:reflex|cloud|notify)", block.text):
        parse(block.text, block.place)
    elif block.page.name == "dashboard.md":
        keymap = checked(tomllib.loads(block.text), every_binding())
        assert keymap.keys
        assert keymap.problems == ()
    else:
        assert block.page.name in ("suites.md", "agents.md")  # a suite's own, and an agent's
        tomllib.loads(block.text)


def test_the_tables_of_keys_are_the_dashboards() -> None:
    """Each id that the page names has a binding."""
    ids = {name for group in every_binding() for name in group}
    table = [row for row in prose(DOCS / "dashboard.md").splitlines() if row.startswith("| `")]
    named = {one for row in table for one in re.findall(r"`([a-z]+\.[a-z.]+|quit|help)`", row)}
    assert len(named) > 10
    assert named <= ids


def test_slash_commands_exist() -> None:
    """``/speckit.reflex NAME`` wherever it is told."""
    told = re.compile(rf"`{re.escape(PREFIX)} ([a-z]+)")
    named = {name for page in PAGES for name in told.findall(prose(page))}
    assert named <= {command.name for command in COMMANDS}


def test_extras_exist() -> None:
    """Those that are told to be installed."""
    named = re.compile(r"(?:speckit-reflex|['\"]\.)\[([\w,]+)\]")
    told = [one for _, line in LINES for one in named.findall(line)]
    assert {"dask", "otlp"} <= {extra for one in told for extra in one.split(",")}
    for one in told:
        assert set(one.split(",")) <= PROJECT["optional-dependencies"].keys()


def test_benchmarks_exist_and_take_the_options() -> None:
    """Those of command blocks, and the one under each heading of the figures."""
    shown = lines("python benchmarks/")
    assert shown
    taken = (ROOT / "benchmarks" / "table.py").read_text(encoding="utf-8")
    for at, words in shown:
        assert (ROOT / words[1]).is_file(), at
        assert all(f'"{word}"' in taken for word in words[2:] if word.startswith("--")), at
    page = prose(DOCS / "performance.md")
    for name in re.findall(r"^### (\w+)$", page, re.MULTILINE):
        assert (ROOT / "benchmarks" / f"{name}.py").is_file()
        assert f"`python benchmarks/{name}.py`" in page


@pytest.mark.parametrize("program", ["scheduler", "worker"])
def test_dasks_own_commands_take_the_options(program: str) -> None:
    """As the installed version has them."""
    module = pytest.importorskip(f"distributed.cli.dask_{program}")
    known = {option for one in module.main.params for option in one.opts}
    shown = lines(f"dask {program}")
    assert shown
    for at, words in shown:
        assert {word for word in words if word.startswith("--")} <= known, at


def test_files_that_are_named_exist() -> None:
    """Paths of this repository; what stands in capitals is for the reader to fill in."""
    named = {(page.name, one) for page in PAGES for one in PATH.findall(prose(page))}
    wanted = {found for found in named if not re.search(r"/[A-Z]+\.", found[1])}
    assert {found for found in wanted if not (ROOT / found[1]).exists()} == set()
