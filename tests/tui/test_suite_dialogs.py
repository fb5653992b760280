"""The suites in the start dialog, and the dialog that makes one of the user's own code."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from core.errors import ConfigError
from core.harness.mining import making
from core.harness.mining.making import MadeSuite, MakingTally, SuiteWish
from core.harness.mining.suite_facts import SuiteFacts
from core.harness.sandbox import choose_tier
from core.harness.suites.tasks import CheckCommand
from core.settings import load_settings
from reflex_tui.model.estimate import PastRuns, SuitePower, estimate
from reflex_tui.screens.bakeoff_start import BakeoffStart, plan_of
from reflex_tui.screens.suite_make import MakingSection, SuiteMake, wish_of
from reflex_tui.widgets.suite_choice import SuiteChoice, suite_header, suite_line
from tests.support.suite.making import write
from tests.support.suite.repository import RUNNER, commit, make_repository
from tests.support.tui.bakeoffs import running, until

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tui.bench import Bench

MINE = SuiteFacts(
    "mine",
    own=True,
    tasks=23,
    languages={"python": 20, "go": 3},
    kinds={"history": 3, "mutation": 20},
    age=timedelta(days=12),
    moved=4,
)
SHIPPED = SuiteFacts("reflex_patchloop_v1", own=False, tasks=68, languages={"python": 68})


@pytest.mark.parametrize("width", [71, 85])
def test_a_suite_says_its_size_languages_origin_age_and_drift(width: int) -> None:
    """In columns that end where their heading ends, with nothing cut."""
    head, mine = suite_header(width).plain, suite_line(MINE, width).plain
    assert len(head) == len(mine) == width
    assert "…" not in mine
    assert mine.split()[:2] == ["mine", "23"]
    assert ("history 3" in mine) or ("hist 3" in mine and "mut 20" in mine)
    assert ("python 20, go 3" in mine) or ("several" in mine)
    assert mine.rstrip().endswith("12 d  4 commits")
    assert len(head.rstrip()) == len(mine.rstrip())
    assert suite_line(SHIPPED, width).plain.split()[:4] == [
        "reflex_patchloop_v1",
        "68",
        "python",
        "shipped",
    ]


def test_a_suite_that_cannot_be_used_says_why() -> None:
    """In place of its figures."""
    broken = SuiteFacts("mine", own=True, problem="mine/suite.toml: unknown key 'nmae'")
    assert "✖ mine/suite.toml: unknown key 'nmae'" in suite_line(broken, 86).plain


@pytest.mark.parametrize(
    ("of_100", "said", "enough"),
    [(0, "too few tasks", False), (28, "few tasks: a model", False), (87, "a model as", True)],
)
def test_so_many_tasks_can_reach_a_verdict_or_not(of_100: int, said: str, *, enough: bool) -> None:
    """In words, before anything is paid for."""
    power = SuitePower(of_100, 90.0, assumed=True)
    assert power.words.startswith(said)
    assert power.enough is enough
    assert power.basis == "cloud solves 90 %, assumed"


async def test_a_larger_suite_can_show_more(project: Path) -> None:
    """And what is on another suite than the default says that it does not count yet."""
    (project / "stage0.toml").write_text('[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n')
    self_test = await choose_tier()
    found = {
        suite: estimate(
            load_settings(project / "stage0.toml"),
            plan_of({**FIELDS, "suite": suite, "tasks": tasks}),
            PastRuns(),
            self_test,
        )
        for suite, tasks in (("reflex_patchloop_v1", "*"), ("reflex_patchloop_v2", "a*"))
    }
    whole, part = found.values()
    assert whole.power is not None
    assert part.power is not None
    assert whole.power.of_100 > 80 > part.power.of_100
    assert whole.limits == ""
    assert "are not the suite" in part.limits


FIELDS = {"suite": "", "arms": "reflex,cloud", "tasks": "*", "trials": "1", "candidates": "1"}
WANTED = {"name": "mine", "check": "pytest -q", "tasks": "20", "minutes": "5"}


def test_the_fields_make_a_wish() -> None:
    """An empty check leaves it to be found."""
    assert wish_of(WANTED) == SuiteWish("mine", ("pytest", "-q"), tasks=20, time_s=300.0)
    assert wish_of({**WANTED, "check": ""}).check is None


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("name", "../mine", "no name for a suite"),
        ("name", "", "no name for a suite"),
        ("check", "pytest 'open", "--check"),
        ("check", "make test && rm -r x", "shell"),
        ("tasks", "0", "tasks must be a number from 1"),
        ("minutes", "many", "minutes must be a number from 1"),
        ("minutes", "99999", "minutes must be a number from 1"),
    ],
)
def test_a_field_that_cannot_be_used_says_so(field: str, text: str, said: str) -> None:
    """Before anything begins."""
    with pytest.raises(ConfigError, match=said):
        wish_of({**WANTED, field: text})


async def opened(bench: Bench) -> tuple[BakeoffStart, SuiteMake]:
    """Both dialogs, the second above the first."""
    await bench.press("n")
    await until(bench, lambda: isinstance(bench.app.screen, BakeoffStart))
    start = bench.app.screen
    assert isinstance(start, BakeoffStart)
    await until(bench, lambda: bool(start.query_one(SuiteChoice).facts))
    await bench.press("ctrl+n")
    await until(bench, lambda: isinstance(bench.app.screen, SuiteMake))
    make = bench.app.screen
    assert isinstance(make, SuiteMake)
    return start, make


def a_project(root: Path) -> Path:
    """A repository with a configuration, whose check tells by its exit status."""
    made = make_repository(root)
    told = RUNNER.replace('print(f"not ok', 'FAILED.append(name); print(f"not ok')
    write(made / "check.py", f"FAILED = []\n{told}sys.exit(bool(FAILED))\n")
    write(made / "stage0.toml", '[reflex]\n[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n')
    commit(made, "Tell by the exit status")
    return made


@pytest.mark.slow
async def test_the_cursor_chooses_a_suite(project: Path) -> None:
    """The field follows it, and it follows the field."""
    (project / "stage0.toml").write_text('[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n')
    async with running(load_settings(project / "stage0.toml")) as bench:
        await bench.press("n")
        await until(bench, lambda: isinstance(bench.app.screen, BakeoffStart))
        dialog = bench.app.screen
        listed, field = dialog.query_one(SuiteChoice), dialog.query_one("#start-suite", Input)
        await until(bench, lambda: bool(listed.facts))
        assert listed.facts[listed.highlighted or 0].name == field.value == "reflex_patchloop_v1"
        await bench.press("up", "down")
        assert field.value == "reflex_patchloop_v2"
        await bench.press("tab")
        field.value = "polyglot_v1"
        await bench.drawn()
        assert listed.facts[listed.highlighted or 0].name == "polyglot_v1"
        field.value = "./elsewhere"
        await bench.drawn()
        assert listed.highlighted is None


@pytest.mark.slow
async def test_a_suite_is_made_and_chosen(tmp_path: Path) -> None:
    """With progress, in the sandbox; Enter takes it back to the start dialog."""
    root = a_project(tmp_path)
    async with running(load_settings(root / "stage0.toml")) as bench:
        start, make = await opened(bench)
        make.query_one("#make-name", Input).value = "mine"
        make.query_one("#make-check", Input).value = "python check.py"
        make.query_one("#make-tasks", Input).value = "none"
        await bench.drawn()
        await bench.press("enter")
        assert "tasks must be a number" in bench.shown()
        make.query_one("#make-tasks", Input).value = "1"
        await bench.drawn()
        await bench.press("enter")
        shown = make.query_one(MakingSection)
        await until(bench, lambda: shown.so_far is not None)
        await until(bench, lambda: shown.ended is not None)
        assert "✓ 1 task in mine" in bench.shown()
        await bench.press("enter")
        await until(bench, lambda: bench.app.screen is start)
        field = start.query_one("#start-suite", Input)
        await until(bench, lambda: field.value == "mine")
        await until(bench, lambda: bench.shows("a pass on mine counts once"))
        assert "the same" in bench.shown()


def held(until_stopped: Callable[[MadeSuite], MadeSuite]) -> object:
    """A making that goes on until it is stopped."""

    async def make_suite(
        root: Path,
        wanted: SuiteWish,
        sandbox: object,
        *,
        stop: asyncio.Event,
        tell: Callable[[MakingTally], None],
    ) -> MadeSuite:
        del root, sandbox
        tally = MakingTally(now="calc.py: add")
        tally.tried["mutation"], tally.kept["mutation"] = 7, 2
        tally.passed_over["no test imports it"] = 3
        tell(tally)
        await stop.wait()
        check = CheckCommand(("true",))
        return until_stopped(MadeSuite(None, (), tally, check, 9, 1.0, stopped=True))

    return make_suite


@pytest.mark.slow
async def test_escape_stops_it_and_then_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of it is told first; where nothing was found, nothing is chosen."""
    root = a_project(tmp_path)
    monkeypatch.setattr(making, "make_suite", held(lambda made: made))
    async with running(load_settings(root / "stage0.toml"), size=(80, 24)) as bench:
        start, make = await opened(bench)
        await bench.press("enter")
        await until(bench, lambda: bench.shows("2 of 7 candidates"))
        assert "calc.py: add" in bench.shown()
        assert "Make it" not in bench.offered()
        await bench.press("escape")
        await until(bench, lambda: make.query_one(MakingSection).ended is not None)
        assert "no task was found (stopped early)" in bench.shown()
        assert "3  no test imports it" in bench.shown()
        await bench.press("escape")
        await until(bench, lambda: bench.app.screen is start)
        assert start.query_one("#start-suite", Input).value == "reflex_patchloop_v1"


@pytest.mark.slow
async def test_what_cannot_begin_says_why_and_can_be_asked_again(project: Path) -> None:
    """There is no repository here."""
    (project / "stage0.toml").write_text('[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n')
    async with running(load_settings(project / "stage0.toml")) as bench:
        _, make = await opened(bench)
        await bench.press("enter")
        await until(bench, lambda: make.query_one(MakingSection).ended is not None)
        assert "✖" in bench.shown()
        await bench.press("enter")
        assert not make.query_one("#make-name", Input).disabled
        assert make.query_one(MakingSection).ended is None
