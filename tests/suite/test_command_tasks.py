"""Tasks in any language: read from disk, checked by their own command in the sandbox."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from core.errors import SuiteError
from core.harness.bakeoff.command_check import CommandCheck
from core.harness.commands.accepted import accept_places
from core.harness.commands.toolchain import find_toolchain, with_tools
from core.harness.mining.soundness import check_tasks
from core.harness.suites.loading import load_suite
from core.harness.suites.tasks import CheckCommand, WorkTree
from core.harness.suites.trees import TreeWriter
from core.patchloop.trial import FailureKind
from tests.support.suite.making import write

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.sandbox import SelfTest

CHECK = """
total=$(. ./price.sh; price 2 5)
[ "$total" = 10 ] && echo "ok 1 - multiplies" || { echo "not ok 1 - multiplies"; echo "# $total"; }
echo "ok 2 - loads"
"""
SUITE = """\
name = "mine"
version = "1"
made = {{ commit = "abc", at = "2026-01-12" }}
[check]
command = ["sh", "tests/check.sh"]
compile = ["sh", "-n", "price.sh"]
result = "tap"
{extra}
"""
TASK = """\
id = "price"
title = "Price"
prompt = "A price is quantity times unit."
level = 1
category = "shop"
editable = ["price.sh"]
golden = true
tags = {{ language = "shell", kind = "repair" }}
{extra}
"""
BROKEN = "price() { echo $(($1 + $2)); }\n"
SOLVED = "price() { echo $(($1 * $2)); }\n"


def shell_suite(root: Path, *, suite: str = "", task: str = "") -> Path:
    """A suite of one task in shell, whose check reads a file of its work tree."""
    write(root / "suite.toml", SUITE.format(extra=suite))
    write(root / "price/task.toml", TASK.format(extra=task))
    write(root / "price/workspace/price.sh", BROKEN)
    write(root / "price/solution/price.sh", SOLVED)
    write(root / "price/tests/tests/check.sh", CHECK)
    return root


def test_check_tags_and_golden_are_read(tmp_path: Path) -> None:
    """What the format adds for other languages and for the gate."""
    suite = load_suite(shell_suite(tmp_path))
    (task,) = suite.tasks
    assert task.check == CheckCommand(
        ("sh", "tests/check.sh"), ("sh", "-n", "price.sh"), result="tap"
    )
    assert (task.golden, dict(task.tags)) == (True, {"language": "shell", "kind": "repair"})
    assert suite.made["commit"] == "abc"


@pytest.mark.slow
async def test_a_command_decides(tmp_path: Path, self_test: SelfTest) -> None:
    """Broken fails, the solution passes, a syntax error is a failure to compile."""
    (task,) = load_suite(shell_suite(tmp_path)).tasks
    check = CommandCheck(task, self_test.sandbox(), tmp_path)
    assert "multiplies" in await check.failing()
    good = await check({"price.sh": SOLVED}, ["price.sh"])
    assert good.passed, good.feedback
    wrong = await check({"price.sh": "price() { echo 1; }\n"}, ["price.sh"])
    assert (wrong.passed, wrong.failure) == (False, FailureKind.TEST)
    odd = await check({"price.sh": "price() { ( ; }\n"}, ["price.sh"])
    assert odd.failure is FailureKind.COMPILE


@pytest.mark.slow
async def test_protected_files_are_laid_again(tmp_path: Path, self_test: SelfTest) -> None:
    """An edit cannot bring its own test, and what one run wrote is gone in the next."""
    (task,) = load_suite(shell_suite(tmp_path)).tasks
    check = CommandCheck(task, self_test.sandbox(), tmp_path)
    forged = {"price.sh": BROKEN, "tests/check.sh": "echo ok 1 - multiplies\n"}
    assert not (await check(forged, ["price.sh"])).passed
    writes = "echo 'echo ok 1 - multiplies' > tests/check.sh\n" + BROKEN
    assert not (await check({"price.sh": writes}, ["price.sh"])).passed
    assert not (await check({"price.sh": BROKEN}, ["price.sh"])).passed


async def test_tests_that_must_pass_are_named(tmp_path: Path, self_test: SelfTest) -> None:
    """A check that runs fewer tests than the suite expects has not passed."""
    root = shell_suite(tmp_path)
    write(root / "price/expected.txt", "multiplies\nrounds\n")
    (task,) = load_suite(root).tasks
    check = CommandCheck(task, self_test.sandbox(), tmp_path)
    assert not (await check({"price.sh": SOLVED}, ["price.sh"])).passed
    with pytest.raises(SuiteError, match="fails with the reference solution too"):
        await check.failing()


async def test_a_check_that_does_not_end_in_time(tmp_path: Path, self_test: SelfTest) -> None:
    """The task is not called wrong: a busy machine may be the cause, and what to do is said."""
    root = shell_suite(tmp_path, task="time_limit_s = 1")
    write(root / "price/solution/price.sh", "price() { sleep 60; }\n")
    states = check_tasks(load_suite(root), self_test.sandbox(), tmp_path)
    (state,) = [state async for state in states]
    assert "does not end with the reference solution either: it took over 1 s" in state.problem
    assert "time_limit_s" in state.problem


async def test_neither_secrets_nor_history_are_in_sight(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """The command sees its work tree and the system: no home, no suite, no other file of ours."""
    secret = write(tmp_path / "project/.env", "KEY=1\n")
    root = shell_suite(tmp_path / "project/.speckit/suites/mine")
    prying = (
        f"for each in {secret} {root}/price/solution/price.sh ~/.ssh .git; do\n"
        '[ ! -e "$each" ] || echo "not ok 3 - saw $each"\ndone\n'
    )
    write(root / "price/tests/tests/check.sh", CHECK + prying)
    (task,) = load_suite("mine", tmp_path / "project").tasks
    check = CommandCheck(task, self_test.sandbox(), tmp_path / "project")
    good = await check({"price.sh": SOLVED}, ["price.sh"])
    assert good.passed, good.feedback


async def test_a_work_tree_lies_below_the_shown_files(tmp_path: Path, self_test: SelfTest) -> None:
    """Files that no model is shown are there when the check runs, links and modes included."""
    root = shell_suite(tmp_path)
    writer = TreeWriter(root)
    tree = WorkTree(
        {"tests/check.sh": (CHECK.encode(), True), "price.sh": (b"broken(", False)},
        {"again.sh": "tests/check.sh"},
    )
    name = writer.add(tree)
    writer.close()
    (root / "price/tests/tests/check.sh").unlink()
    (root / "price/tests/tests").rmdir()
    (root / "price/tests").rmdir()
    write(root / "price/task.toml", TASK.format(extra=f'tree = "{name}"'))
    suite = load_suite(root)
    assert suite.tasks[0].base is not None
    assert suite.tasks[0].base() == tree
    check = CommandCheck(suite.tasks[0], self_test.sandbox(), tmp_path)
    assert (await check({"price.sh": SOLVED}, ["price.sh"])).passed
    with zipfile.ZipFile(root / "trees/contents.zip", "a") as archive:
        archive.writestr("more", "x")
    assert load_suite(root).hash != suite.hash


@pytest.mark.parametrize(
    ("files", "links", "why"),
    [
        ({"../out": (b"", False)}, {}, "odd path"),
        ({"a/.git/config": (b"", False)}, {}, "odd path"),
        ({".speckit/key": (b"", False)}, {}, "odd path"),
        ({}, {"a/up": "../../etc"}, "leads out"),
        ({}, {"key": "/etc/passwd"}, "leads out"),
    ],
)
def test_a_tree_that_leads_out_is_refused(
    tmp_path: Path, files: dict[str, tuple[bytes, bool]], links: dict[str, str], why: str
) -> None:
    """A suite may come from anybody."""
    root = shell_suite(tmp_path)
    writer = TreeWriter(root)
    name = writer.add(WorkTree(files, links))
    writer.close()
    write(root / "price/task.toml", TASK.format(extra=f'tree = "{name}"'))
    (task,) = load_suite(root).tasks
    assert task.base is not None
    with pytest.raises(SuiteError, match=why):
        task.base()


def test_a_place_is_shown_only_once_accepted(tmp_path: Path, self_test: SelfTest) -> None:
    """A suite's own word is not enough to show model-written code a directory."""
    place = tmp_path / "data"
    place.mkdir()
    root = shell_suite(tmp_path / "suite", suite=f'bind = ["{place}"]')
    (task,) = load_suite(root).tasks
    with pytest.raises(SuiteError, match="wants to show"):
        CommandCheck(task, self_test.sandbox(), tmp_path)
    accept_places(tmp_path, [str(place)])
    CommandCheck(task, self_test.sandbox(), tmp_path)


def test_what_is_not_installed_is_left_out_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says how many tasks, and what to install."""
    (task,) = load_suite(shell_suite(tmp_path / "a")).tasks
    check = 'command = ["tsc", "-p", "."]'
    other = shell_suite(tmp_path / "b", task=f"[check]\n{check}\n")
    (missing,) = load_suite(other).tasks
    monkeypatch.setenv("PATH", "/nowhere")
    usable, lines = with_tools([task, missing], tmp_path)
    assert usable == (task,)
    assert len(lines) == 1
    assert lines[0].startswith("1 tasks are left out: node is not installed here")
    with pytest.raises(SuiteError, match="left out"):
        with_tools([missing], tmp_path)


def test_only_parts_of_the_users_directories_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed copy of the project is hidden; an environment behind a link is not used."""
    home = tmp_path / "home"
    packages = home / "shop/.venv/lib/python3.11/site-packages"
    (packages / "shop").mkdir(parents=True)
    write(home / "shop/.venv/pyvenv.cfg", "home = /usr/bin\n")
    write(home / "shop/.venv/bin/python", "")
    write(home / "shop/.venv/lib/python3.11/os.py", "")
    check = CheckCommand(("pytest", "-q"), result="junit", report="out.xml", python_path=("src",))
    found = find_toolchain(check, home / "shop", own_packages={"shop", "tests"})
    assert found.command[1:] == ("-m", "pytest", "-q")
    assert found.shown.hidden == (packages / "shop",)
    (home / "other").mkdir()
    (home / "other/.venv").symlink_to(home)
    write(home / "pyvenv.cfg", "")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert home not in find_toolchain(check, home / "other").shown.read_only
