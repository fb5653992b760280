"""A suite from a project's own history and source, and a bakeoff on it to its verdict."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError, SuiteError
from core.harness import Plan, run_bakeoff
from core.harness.bakeoff.progress import Finished
from core.harness.mining.making import NOT_IMPORTED, MakingTally, SuiteWish, make_suite
from core.harness.mining.mutants import Mutant, mutants
from core.harness.mining.project_layout import TESTS
from core.harness.mining.soundness import check_tasks, spread_of
from core.harness.mining.suite_facts import all_suites
from core.harness.mining.verifying import NOT_NOTICED
from core.harness.suites.loading import load_suite
from core.harness.suites.tasks import CheckCommand
from core.settings import load_settings
from core.settings.thresholds import accept
from core.standin.answers import suite_answerer
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from reflex_tui.cli.main import run
from reflex_tui.cli.suite import reasons
from tests.support.suite.making import write
from tests.support.suite.repository import CHECK, commit, git, make_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.harness.mining.making import MadeSuite
    from core.harness.sandbox import SelfTest

WANTED = SuiteWish("mine", check=CHECK, result="tap", tasks=4, time_s=240)


async def made_from(root: Path, self_test: SelfTest, **changes: object) -> MadeSuite:
    """A suite of the repository at ``root``."""
    wanted = replace(WANTED, **changes)  # type: ignore[arg-type]
    return await make_suite(root, wanted, self_test.sandbox(), stop=asyncio.Event())


@pytest.mark.slow
async def test_from_a_repository_to_a_verdict(tmp_path: Path, self_test: SelfTest) -> None:
    """Tasks of both kinds are kept, stay sound on disk, and a bakeoff judges by them."""
    root = make_repository(tmp_path)
    made = await made_from(root, self_test)
    assert made.tally.kept["history"] == 1
    assert made.tally.kept["mutation"] >= 1
    assert ("mutation", "no test reaches the function") in made.tally.dropped
    suite = load_suite("mine", root)
    (fix,) = [task for task in suite.tasks if task.tags["kind"] == "history"]
    assert fix.prompt == ("Up to two kilograms ship for free\n\nCustomers paid for small parcels.")
    assert fix.workspace["cart.py"].endswith("return weight * 3\n")
    assert "test_cart.test_small_parcels" in fix.expected
    states = [state async for state in check_tasks(suite, self_test.sandbox(), root)]
    assert [state.problem for state in states] == [""] * len(suite.tasks)

    strong = suite_answerer(str(suite.root), success_rate=1, seed=1)
    weak = suite_answerer(str(suite.root), success_rate=0, seed=1)
    script = Script(model="local", ttft_ms=0, tokens_per_s=0, owned_by="local-test")
    async with (
        ScriptedServer(script, [weak]) as reflex,
        ScriptedServer(replace(script, model="distant"), [strong]) as cloud,
    ):
        write(
            root / "stage0.toml",
            f'[reflex]\nendpoint = "{reflex.endpoint}"\nmodel = "local"\n'
            f'[cloud]\nendpoint = "{cloud.endpoint}"\nmodel = "distant"\n'
            "[reflex.thresholds]\nconfidence = 0.0\n",
        )
        settings = load_settings(root / "stage0.toml")
        assert settings.refused is not None
        accept(root, settings.refused)
        plan = Plan(suite="mine", attempts=1, seed=1, concurrency=2, early_stop=False)
        events = [each async for each in run_bakeoff(load_settings(root / "stage0.toml"), plan)]
    finished = events[-1]
    assert isinstance(finished, Finished)
    solved = dict.fromkeys(("reflex", "cloud"), 0)
    for trial in finished.report.trials:
        solved[trial.arm] += trial.solved
    assert solved == {"reflex": 0, "cloud": len(suite.tasks)}
    assert finished.report.suite.root == "./.speckit/suites/mine"
    spread = spread_of(finished.report, suite)
    assert len(spread.between) == len(suite.tasks)
    assert spread.verdict == "It tells models apart."


async def test_a_flaky_test_makes_no_task(tmp_path: Path, self_test: SelfTest) -> None:
    """What does not end alike twice is dropped, and counted."""
    root = make_repository(tmp_path)
    flaky = "import os\n\n\ndef test_chance():\n    assert os.urandom(1)[0] < 128\n"
    names = "".join(flaky.replace("chance", f"chance{number}") for number in range(24))
    write(root / "tests/test_chance.py", names)
    commit(root, "Chance")
    made = await made_from(root, self_test, origins=("mutation",))
    assert made.tasks == ()
    assert made.place is None
    assert any("flaky" in why for _, why in made.tally.dropped)


async def test_tests_that_cannot_begin_say_what_they_lack(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """A module that is not installed is named: all candidates are dropped for it."""
    root = make_repository(tmp_path)
    write(root / "check.py", "import sys\nimport not_installed_here\n")
    commit(root, "Ask for more")
    made = await made_from(root, self_test, origins=("mutation",))
    assert made.place is None
    lacking = "ModuleNotFoundError: No module named 'not_installed_here'"
    assert {why for _, why in made.tally.dropped} == {
        f"its tests do not pass as the code is ({lacking})"
    }


@pytest.mark.slow
async def test_a_file_too_large_for_a_prompt_is_told(tmp_path: Path, self_test: SelfTest) -> None:
    """It is no candidate, and not passed over in silence."""
    root = make_repository(tmp_path)
    write(root / "large.py", "def double(n):\n    return n * 2\n" + "# more\n" * 9000)
    commit(root, "A large file")
    made = await made_from(root, self_test, origins=("mutation",), tasks=1)
    assert made.tally.passed_over == {"over 60 KiB, too much for a prompt": 1}


@pytest.mark.slow
async def test_one_test_file_is_enough_for_a_task(tmp_path: Path, self_test: SelfTest) -> None:
    """The first that reaches the function; files that no test imports are counted apart."""
    root = make_repository(tmp_path)
    both = (
        "\n\n\ndef test_one_more():\n    assert unused(1) == 2\n\n\ndef test_import():\n    pass\n"
    )
    write(root / "tests/test_cart_unused.py", "from cart import unused" + both)
    for number in range(11):
        write(root / f"tests/test_{number}.py", "import os\n")
    write(root / "alone.py", "def double(n):\n    return n * 2\n")
    write(root / "samples/suite.toml", "")
    write(root / "samples/one/workspace/cart.py", "def total(prices):\n    return 0\n")
    commit(root, "More")
    made = await made_from(root, self_test, check=(*CHECK, TESTS), origins=("mutation",))
    checked = {task.candidate.check.command[2:]: task.noticing for task in made.tasks}
    assert set(checked) == {("tests/test_cart.py",), ("tests/test_cart_unused.py",)}
    assert checked["tests/test_cart_unused.py",] == ("test_cart_unused.test_one_more",)
    assert made.tally.passed_over == {NOT_IMPORTED: 2}  # the script that checks is one
    tried = made.tally.kept.total() + made.tally.dropped.total()
    assert made.tally.tried.total() == tried


@pytest.mark.slow
async def test_a_function_that_all_tests_reach(tmp_path: Path, self_test: SelfTest) -> None:
    """It is broken so that some of them still pass: who notices must be told from who does not."""
    root = make_repository(tmp_path)
    write(root / "size.py", 'def size(n):\n    return "large" if n > 9 else "small"\n')
    cases = {"one": (1, "small"), "nine": (9, "small"), "ten": (10, "large"), "many": (99, "large")}
    tests = (
        f"def test_{name}():\n    assert size({n}) == {what!r}\n"
        for name, (n, what) in cases.items()
    )
    write(root / "tests/test_size.py", "\n\n".join(["from size import size\n", *tests]))
    commit(root, "Sizes")
    made = await made_from(root, self_test, check=(*CHECK, TESTS), origins=("mutation",), tasks=9)
    (task,) = [each for each in made.tasks if "size.py" in each.candidate.broken]
    assert len(task.expected) == 4
    assert 0 < len(task.noticing) < 4


def test_a_check_that_can_be_short_has_less_time() -> None:
    """A slow test file is given up while others may still be tried."""
    whole, parts = CheckCommand(("make", "test")), CheckCommand(("pytest", TESTS))
    wanted = SuiteWish("mine", time_s=600)
    assert (wanted.longest_check(whole), wanted.longest_check(parts)) == (60, 30)
    assert replace(wanted, time_s=30).longest_check(parts) == 10
    assert replace(wanted, check_s=90).longest_check(parts) == 90


def test_the_command_tells_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table at the end, or one document: the counts, how long it took and the memory."""
    monkeypatch.chdir(make_repository(tmp_path))
    few = ("--check", " ".join(CHECK), "--result", "tap", "--from", "mutation", "--tasks", "1")
    assert run(["suite", "make", "mine", *few], "reflex") == 0
    printed = capsys.readouterr().out
    assert "1 task in .speckit/suites/mine" in printed
    assert "0 commits looked at; memory " in printed
    assert run(["suite", "make", "mine", *few, "--replace", "--json"], "reflex") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kept"], len(told["tasks"])) == ({"mutation": 1}, 1)
    assert min(told["memory_mib"], told["check_memory_mib"], told["checks"]) > 0


@pytest.mark.slow
async def test_whoever_stops_keeps_what_is_found(tmp_path: Path, self_test: SelfTest) -> None:
    """The first task that is kept ends the work; it is on disk, and nothing half-written is.

    Source that begins with a byte order mark is source like any other.
    """
    root = make_repository(tmp_path, mark="\ufeff")
    stop = asyncio.Event()

    def tell(tally: MakingTally) -> None:
        if tally.kept:
            stop.set()

    wanted = replace(WANTED, origins=("mutation",), at_once=1)
    made = await make_suite(root, wanted, self_test.sandbox(), stop=stop, tell=tell)
    assert made.stopped
    assert len(load_suite("mine", root).tasks) == len(made.tasks) >= 1
    assert [each.name for each in (root / ".speckit/suites").iterdir()] == ["mine"]
    with pytest.raises(SuiteError, match="there is a suite mine already"):
        await made_from(root, self_test)


async def test_a_large_project_is_broken_function_by_function(
    tmp_path: Path, self_test: SelfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all of it before the first task: whoever stops is heard at once, whatever its size."""
    for number in range(40):
        write(
            tmp_path / f"m{number}.py", "def one(a):\n    return a + 1\n\n\ndef two(a):\n    a()\n"
        )
    write(tmp_path / "tests/run.sh", "true\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path, "Much")
    asked: list[str] = []

    def counting(path: str, source: str, function: str = "") -> Iterator[Mutant]:
        asked.append(function)
        yield from mutants(path, source, function)

    monkeypatch.setattr("core.harness.mining.making.mutants", counting)
    stop = asyncio.Event()
    wanted = replace(WANTED, check=("bash", "tests/run.sh"), result=None, origins=("mutation",))
    made = await make_suite(
        tmp_path, wanted, self_test.sandbox(), stop=stop, tell=lambda _: stop.set()
    )
    assert made.stopped
    assert len(asked) <= wanted.at_once
    assert set(asked) <= {"one", "two"}


async def test_other_languages_are_broken_line_by_line(tmp_path: Path, self_test: SelfTest) -> None:
    """Their own compiler drops what does not parse; a passing mutant is dropped as not noticed."""
    write(tmp_path / "limit.sh", "function over() {\n  if [[ $1 == 3 ]]; then echo 1; fi\n}\n")
    write(tmp_path / "tests/run.sh", '. ./limit.sh; [ "$(over 3)" = 1 ] && [ "$(over 2)" = "" ]\n')
    git(tmp_path, "init", "-q")
    commit(tmp_path, "A limit")
    made = await made_from(tmp_path, self_test, check=("bash", "tests/run.sh"), result=None)
    (task,) = made.tasks
    assert (task.candidate.language, task.candidate.category) == ("shell", "comparison")
    assert "!= 3" in task.candidate.broken["limit.sh"]
    write(tmp_path / "tests/run.sh", ". ./limit.sh\n")
    commit(tmp_path, "Test nothing")
    made = await made_from(
        tmp_path, self_test, check=("bash", "tests/run.sh"), result=None, replace=True
    )
    assert made.tally.dropped["mutation", NOT_NOTICED] == 2


@pytest.mark.slow
async def test_the_list_says_how_far_the_code_has_moved(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """Age and commits since; a suite that cannot be read is named with its problem."""
    root = make_repository(tmp_path)
    await made_from(root, self_test, tasks=1)
    write(root / ".speckit/suites/odd/suite.toml", "name = 1\n")
    write(root / "new.txt", "x")
    commit(root, "New")
    mine, odd = [one for one in all_suites(root) if one.own]
    assert (mine.name, mine.tasks, mine.moved) == ("mine", 1, 1)
    assert mine.kinds == {"history": 1}
    assert mine.age is not None
    assert odd.problem


async def test_without_a_repository_or_a_check_there_is_a_remedy(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """No task is invented."""
    with pytest.raises(ConfigError, match="git refused"):
        await made_from(tmp_path, self_test)
    git(tmp_path, "init", "-q")
    with pytest.raises(ConfigError, match="no commit yet"):
        await made_from(tmp_path, self_test)
    write(tmp_path / "notes.txt", "x")
    commit(tmp_path, "Notes")
    with pytest.raises(ConfigError, match="no command that checks") as caught:
        await made_from(tmp_path, self_test, check=None, result=None)
    assert "--check" in caught.value.remedy


def test_reasons_are_few_lines_however_many_there_are() -> None:
    """The most frequent by name, the others as one line with their sum."""
    assert reasons("dropped because:", []) == []
    few = reasons("dropped because:", [(2, "flaky"), (1, "slow")])
    assert few == ["dropped because:", "2  flaky", "1  slow", ""]
    many = reasons("dropped because:", [(100 - number, f"r{number}") for number in range(90)])
    assert len(many) == 14
    assert many[11].split() == ["90", "r10"]
    left = sum(range(11, 90))  # 100 - 89 to 100 - 11
    assert many[12].strip() == f"{left}  79 further reasons: --json has each"
