"""A repository comes from anywhere: names, links, messages and tests of it are somebody else's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.harness.mining.making import SuiteWish, make_suite
from core.harness.suites.loading import load_suite
from tests.support.suite.making import write
from tests.support.suite.repository import CART, CHECK, TESTS, commit, git, make_repository

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.mining.making import MadeSuite
    from core.harness.sandbox import SelfTest

WANTED = SuiteWish("mine", check=CHECK, result="tap", tasks=3, time_s=240)
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}"


async def made_from(root: Path, self_test: SelfTest, **changes: object) -> MadeSuite:
    """A suite of the repository at ``root``."""
    wanted = replace(WANTED, **changes)  # type: ignore[arg-type]
    return await make_suite(root, wanted, self_test.sandbox(), stop=asyncio.Event())


@pytest.mark.slow
async def test_odd_names_links_and_messages_cost_no_task(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """What a suite cannot hold is left out; what it holds is plain text and leads nowhere."""
    secret = write(tmp_path / "outside/test_secret.py", "SECRET = 1\n")
    root = make_repository(tmp_path / "project")
    names = ("a\nb.py", "\x1b[31mred.py", f"{OVERRIDE}yp.exe", "-rf", "$(touch x).py")
    for name in names:
        write(root / name, "def f(a):\n    return a + 1\n")
    (root / "tests/test_secret.py").symlink_to(secret)
    (root / "tests/linked").symlink_to("../../outside")
    (root / "root").symlink_to("/")
    (root / "shop.py").symlink_to("cart.py")
    write(root / "huge.py", "# more\n" * 300_000)
    commit(root, "Odd things")
    write(root / "cart.py", CART.replace("price > 0", "price > 1"))
    more = "\n\ndef test_one():\n    assert total([1]) == 0\n\n\ndef test_other():\n    pass\n"
    write(root / "tests/test_cart.py", TESTS + more)
    commit(root, f"One is \x1b]0;owned\x07\x1b[2Jfree{OVERRIDE}\r\n\n<script>alert(1)</script>")
    made = await made_from(root, self_test)
    assert {each.candidate.origin for each in made.tasks} == {"history", "mutation"}
    suite = load_suite("mine", root)
    links = []
    for task in suite.tasks:
        told = f"{task.id}{task.title}{task.prompt}"
        assert told.replace("\n", "").isprintable()
        assert task.base is not None
        tree = task.base()
        assert not {"a\nb.py", "\x1b[31mred.py", "huge.py"} & set(tree.files)
        links.append(dict(tree.links))
        assert b"SECRET = 1\n" not in {content for content, _ in tree.files.values()}
    assert links.count({"shop.py": "cart.py"}) + links.count({}) == len(links) > links.count({})
    assert not (root / "x").exists()


async def test_tests_that_never_end_or_multiply_are_ended(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """With all that they started; the reason is told."""
    root = make_repository(tmp_path)
    forks = "import os, time\nfor _ in range(3):\n    os.fork()\nos.setsid()\ntime.sleep(600)\n"
    write(root / "tests/test_forks.py", forks)
    commit(root, "Never end")
    made = await made_from(root, self_test, origins=("mutation",), check_s=1.0)
    assert made.place is None
    (why,) = {why for _, why in made.tally.dropped}
    assert "its check takes too long" in why


@pytest.mark.slow
async def test_replaced_and_promised_objects_are_not_looked_for(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """A commit counts as what it is, whatever the repository says stands for it."""
    root = make_repository(tmp_path)
    git(root, "replace", "HEAD", "HEAD~2")
    git(root, "config", "extensions.partialClone", "evil")
    git(root, "config", "core.repositoryformatversion", "1")
    git(root, "config", "remote.evil.url", "ext::touch ran")
    git(root, "config", "remote.evil.promisor", "true")
    made = await made_from(root, self_test, origins=("history",), tasks=1)
    assert made.tally.commits == 2  # all but the first
    assert [each.candidate.origin for each in made.tasks] == ["history"]
    assert not (root / "ran").exists()
