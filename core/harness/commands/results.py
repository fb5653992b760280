"""What test runners say, read as which tests passed and which failed.

All of it comes from where model-written code ran: it is cut, never trusted to be well formed, and
what cannot be read is no passed test.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.harness.suites.tasks import ResultKind

MOST_TESTS = 20_000
_MOST_ID = 300
_MOST_MESSAGE = 2000
_MOST_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Tests by name: those that ``passed``, and what those that ``failed`` said.

    A test that was skipped is in neither; one that is reported twice passes only if it always did.
    """

    passed: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)


def read_outcomes(kind: ResultKind, printed: str, report: bytes) -> Outcomes:
    """The outcomes by what was ``printed``, or by the ``report`` that was written."""
    if kind == "junit":
        return _JUnit().read(report)
    if kind == "tap":
        return _tap(printed)
    if kind == "cargo":
        return _cargo(printed)
    return _go(printed) if kind == "go" else Outcomes()


class _Found:
    """Collects outcomes up to a limit."""

    def __init__(self) -> None:
        self._passed: set[str] = set()
        self._failed: dict[str, str] = {}

    def add(self, name: str, *, passed: bool, message: str = "") -> None:
        name = plain(name.strip(), _MOST_ID)
        if not name or len(self._passed) + len(self._failed) >= MOST_TESTS:
            return
        if passed:
            self._passed.add(name)
        else:
            text = self._failed.get(name) or plain_block(message[:_MOST_MESSAGE]).strip()
            self._failed[name] = text

    def outcomes(self) -> Outcomes:
        return Outcomes(frozenset(self._passed - self._failed.keys()), self._failed)


class _Refused(Exception):
    """The document is none that a test runner writes."""


class _JUnit:
    """``testcase`` elements: with ``failure`` or ``error`` one fails, ``skipped`` is neither."""

    def __init__(self) -> None:
        self.found = _Found()
        self._case: dict[str, str] | None = None
        self._state = "passed"
        self._words: list[str] = []
        self._depth = 0

    def read(self, report: bytes) -> Outcomes:
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(report, True)  # noqa: FBT003  positional only
        except (expat.ExpatError, _Refused, ValueError):
            return Outcomes()
        return self.found.outcomes()

    def _refuse(self, *_: object) -> None:
        raise _Refused  # a document type: entities could make it grow without end

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise _Refused
        if tag == "testcase":
            self._case, self._state, self._words = attributes, "passed", []
        elif self._case is not None and tag in {"failure", "error"}:
            self._state = "failed"
            self._words.append(attributes.get("message", "")[:_MOST_MESSAGE] + "\n")
        elif self._case is not None and tag == "skipped" and self._state == "passed":
            self._state = "skipped"

    def _text(self, data: str) -> None:
        if self._state == "failed" and sum(map(len, self._words)) < _MOST_MESSAGE:
            self._words.append(data)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag != "testcase" or self._case is None:
            return
        name = "::".join(filter(None, (self._case.get("classname"), self._case.get("name"))))
        if self._state != "skipped":
            passed = self._state == "passed"
            self.found.add(name, passed=passed, message="".join(self._words))
        self._case = None


_TAP = re.compile(r"( *)(not ok|ok)\b *\d* *(?:- )?([^#\n]*)(#.*)?")
_TAP_NAME = re.compile(r"( *)# Subtest: (.*)")
_TAP_INDENT = 4


def _tap(printed: str) -> Outcomes:
    """Lines ``ok`` and ``not ok``, with the names of the subtests around them."""
    found = _Found()
    around: dict[int, str] = {}
    failed: tuple[str, list[str]] | None = None
    for line in printed.splitlines():
        result = _TAP.fullmatch(line)
        named = _TAP_NAME.fullmatch(line)
        if failed and (result or named or len(failed[1]) > _MOST_DEPTH):
            found.add(failed[0], passed=False, message="\n".join(failed[1]))
            failed = None
        if named:
            around[len(named[1]) // _TAP_INDENT] = named[2].strip()
        elif result:
            depth = len(result[1]) // _TAP_INDENT
            above = [around[each] for each in range(depth) if each in around]
            name = " > ".join((*above, result[3].strip() or "unnamed"))
            note = (result[4] or "").upper()
            if "# TODO" in note or "# SKIP" in note:
                continue
            if result[2] == "ok":
                found.add(name, passed=True)
            else:
                failed = (name, [])
        elif failed:
            failed[1].append(line.strip())
    if failed:
        found.add(failed[0], passed=False, message="\n".join(failed[1]))
    return found.outcomes()


_CARGO_TEST = re.compile(r"test (\S.{0,300}?) \.\.\. (ok|FAILED)(?: .*)?")
_CARGO_TARGET = re.compile(r"\s*(?:Running|Doc-tests) (?:unittests )?([^\s(]+)")
_CARGO_FAILURE = re.compile(r"---- (\S.{0,300}?) stdout ----")
_CARGO_END = re.compile(r"failures:|test result: .*")


def _cargo(printed: str) -> Outcomes:
    """Lines ``test NAME ... ok``, told apart by the target that they belong to."""
    found = _Found()
    target, about = "", ""
    said: dict[str, list[str]] = {}
    failed: list[tuple[str, str]] = []
    for line in printed.splitlines():
        if heading := _CARGO_TARGET.match(line):
            target, about = heading[1], ""
        elif test := _CARGO_TEST.fullmatch(line):
            name = f"{target}::{test[1]}" if target else test[1]
            if test[2] == "ok":
                found.add(name, passed=True)
            else:
                failed.append((name, test[1]))
        elif failure := _CARGO_FAILURE.fullmatch(line):
            about = failure[1]
        elif _CARGO_END.fullmatch(line):
            about = ""
        elif about:
            said.setdefault(about, []).append(line)
    for name, short in failed:
        found.add(name, passed=False, message="\n".join(said.get(short, ())))
    return found.outcomes()


def _go(printed: str) -> Outcomes:
    """The events of ``go test -json``; a package that fails without a failed test fails as one."""
    found = _Found()
    said: dict[tuple[str, str], list[str]] = {}
    for line in printed.splitlines():
        event = _event(line)
        package, test = str(event.get("Package", "")), str(event.get("Test", ""))
        action, key = event.get("Action"), (package, test)
        name = f"{package}/{test}" if test else package
        if action == "output" and len(said.setdefault(key, [])) < _MOST_DEPTH:
            said[key].append(str(event.get("Output", "")))
        elif action == "pass" and test:
            found.add(name, passed=True)
        elif action == "fail":
            found.add(name, passed=False, message="".join(said.get(key, ())))
    return found.outcomes()


def _event(line: str) -> dict[str, object]:
    try:
        event = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}
