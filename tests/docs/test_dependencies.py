"""``docs/dependencies.md`` justifies what pyproject.toml asks for, each where it belongs."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.docs.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

TEXT = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BY_DEFAULT, _, _REST = TEXT.partition("\nExtras:\n")
EXTRAS, _, DEVELOPMENT = _REST.partition("\nFor development (extra `dev`): ")
OPTIONAL: dict[str, list[str]] = PROJECT["optional-dependencies"]


def names(requirements: Iterable[str]) -> set[str]:
    """The distributions alone, without versions."""
    return {re.split(r"[<>=!~\[; ]", one)[0] for one in requirements}


def listed(cell: str) -> set[str]:
    """The packages of a table's cell."""
    return set(cell.strip().split(", "))


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_what_is_installed_by_default() -> None:
    """Each with its reason, and none that is not asked for."""
    table = rows(BY_DEFAULT)
    assert set().union(*(listed(row[0]) for row in table)) == names(PROJECT["dependencies"])
    assert all(row[1] and row[2] for row in table)


@pytest.mark.parametrize("extra", sorted(OPTIONAL.keys() - {"dev"}))
def test_what_an_extra_brings(extra: str) -> None:
    """Under the extra's own name."""
    table = [row for row in rows(EXTRAS) if row[0] == f"`{extra}`"]
    assert table
    assert set().union(*(listed(row[1]) for row in table)) == names(OPTIONAL[extra])
    assert all(row[2] for row in table)


def test_what_development_needs() -> None:
    """By name, or as what an extra brings."""
    through = names(OPTIONAL["otlp"]) | names(OPTIONAL["serve"])
    missing = {one for one in names(OPTIONAL["dev"]) - through if one not in DEVELOPMENT}
    assert missing == set()
