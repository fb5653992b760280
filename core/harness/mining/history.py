"""Candidates from history: a commit that changed source and tests together.

The task is the parent's source with the commit's tests; its solution is the commit's source.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from core.harness.mining.candidates import MOST_SHOWN_BYTES, TaskCandidate, changed_lines, slug
from core.harness.mining.instruction import instruction_of
from core.harness.mining.mutants import functions, probe
from core.harness.mining.project_layout import (
    MOST_CHOSEN,
    for_tests,
    is_source,
    is_test,
    language,
    map_tests,
    runnable,
    suites_among,
    takes_tests,
)
from core.harness.suites.reading import text_of
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.harness.mining.repository import Commit, Repository
    from core.harness.suites.tasks import CheckCommand, WorkTree

MOST_SOURCES = 3
_MOST_LINES = 80
_PROSE = frozenset({".md", ".rst", ".txt", ".adoc"})
_OWN_WORDS = (
    "Some tests of this project fail, as shown. Change {files} so that they pass, and keep what "
    "already works."
)


def worth_a_look(commit: Commit, aside: tuple[str, ...] = ()) -> bool:
    """Whether a commit modifies a few source files and adds or modifies tests."""
    sources = [each for each in commit.changes if is_source(each.path, aside)]
    tests = [each for each in commit.changes if is_test(each.path) and each.kind in "AM"]
    modified = all(each.kind == "M" for each in sources)
    return bool(tests) and 1 <= len(sources) <= MOST_SOURCES and modified


def candidate_of(
    commit: Commit, repository: Repository, check: CheckCommand
) -> TaskCandidate | str:
    """The candidate of a commit that is worth a look, or why there is none.

    Raises:
        ConfigError: git refuses, or the project is too large.
    """
    before, after = repository.tree(commit.parent), repository.tree(commit.id)
    aside = suites_among(after.files)
    sources = [each.path for each in commit.changes if is_source(each.path, aside)]
    broken, solution = _texts(before, sources), _texts(after, sources)
    if broken is None or solution is None:
        return "source is no plain text"
    if max(_size(broken), _size(solution)) > MOST_SHOWN_BYTES:
        return "source is too large"
    changed = [changed_lines(broken[path], solution[path]) for path in sources]
    if not 1 <= sum(map(len, changed)) <= _MOST_LINES:
        return "the change is too large"
    tests = [each.path for each in commit.changes if is_test(each.path) and each.kind in "AM"]
    if takes_tests(check):
        named = runnable(tests)
        if not named:
            return "no test that can be run by name"
        check = for_tests(check, _that_matter(named, sources, after))
    added = [line[1:] for lines in changed for line in lines if line.startswith("+")]
    text = instruction_of(commit.message, added, "\n".join(broken.values()))
    subject = commit.message.partition("\n")[0]
    return TaskCandidate(
        id=slug(PurePosixPath(sources[0]).stem, commit.id[:8]),
        origin="history",
        title=plain(text.partition("\n")[0] or f"A change of {sources[0]}", 110),
        prompt=text or _OWN_WORDS.format(files=", ".join(sources)),
        category=slug(subject.partition(":")[0])[:20] if ":" in subject[:20] else "change",
        language=language(sources[0]),
        check=check,
        tree=_with_tests(commit, sources, before, after),
        broken=broken,
        solution=solution,
        control=_control(broken, solution),
    )


def _that_matter(tests: list[str], sources: list[str], after: WorkTree) -> list[str]:
    """Of the test files that a commit changed, a few: those that import what it changed."""
    if len(tests) <= MOST_CHOSEN:
        return tests
    changed = {path: after.files[path] for path in tests if path in after.files}
    found = map_tests(replace(after, files=changed))
    near = {test for source in sources for test in found.importing(source)}
    ranked = sorted(tests, key=lambda path: (path not in near, found.sizes.get(path, 0), path))
    return ranked[:MOST_CHOSEN]


def _size(texts: Mapping[str, str]) -> int:
    return sum(len(text.encode()) for text in texts.values())


def _texts(tree: WorkTree, paths: list[str]) -> dict[str, str] | None:
    try:
        found = {path: text_of(tree.files[path][0], path) for path in paths}
    except (KeyError, UnicodeDecodeError):
        return None
    return None if any("\0" in text for text in found.values()) else found


def _with_tests(commit: Commit, sources: list[str], before: WorkTree, after: WorkTree) -> WorkTree:
    """The parent's tree with the commit's tests and settings; new prose may tell of the fix."""
    files = dict(before.files)
    for path, kind in commit.changes:
        if path in sources or PurePosixPath(path).suffix in _PROSE:
            continue
        if kind == "D":
            files.pop(path, None)
        elif path in after.files:
            files[path] = after.files[path]
    return replace(before, files=files)


def _control(broken: Mapping[str, str], solution: Mapping[str, str]) -> dict[str, str]:
    """A wrong fix: the solution, but a function that it changes raises. Python alone."""
    for path, text in solution.items():
        if not path.endswith(".py"):
            continue
        old = set(broken[path].splitlines())
        new = [number for number, line in enumerate(text.splitlines(), 1) if line not in old]
        for name, (first, last) in functions(text).items():
            changed = probe(text, name) if any(first <= line <= last for line in new) else None
            if changed is not None:
                return {path: changed}
    return {}
