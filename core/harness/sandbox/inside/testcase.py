"""Tests that are methods of a ``unittest.TestCase``: run by unittest, reported one by one."""

from __future__ import annotations

import unittest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def is_test_case(kind: type) -> bool:
    """True for a class that unittest runs."""
    return issubclass(kind, unittest.TestCase)


def run(
    kind: type[unittest.TestCase],
    ids: Mapping[str, str],
    *,
    start: Callable[[str], None],
    end: Callable[[str, BaseException | None], None],
) -> None:
    """Run the methods named in ``ids`` (method, test id), with the class's fixtures around them."""
    result = _Result(ids, start, end)
    try:
        unittest.TestSuite(kind(method) for method in ids).run(result)
    except BaseException as error:  # noqa: BLE001  KeyboardInterrupt passes through unittest
        result.fail_all(error)


class _Result(unittest.TestResult):
    """Reports each test as it ends; a fixture of the class that fails fails all that are left."""

    def __init__(
        self,
        ids: Mapping[str, str],
        start: Callable[[str], None],
        end: Callable[[str, BaseException | None], None],
    ) -> None:
        super().__init__()
        self._ids = ids
        self._start = start
        self._end = end
        self._left = dict.fromkeys(ids.values())
        self._errors: dict[str, BaseException | None] = {}

    def _id(self, test: Any) -> str:
        return self._ids.get(getattr(test, "_testMethodName", ""), "")

    def fail_all(self, error: BaseException) -> None:
        """Report every test that has not ended."""
        for name in [*self._left]:
            del self._left[name]
            self._end(name, error)

    def startTest(self, test: Any) -> None:  # noqa: N802  unittest's names, from here on
        super().startTest(test)
        self._start(self._id(test))

    def stopTest(self, test: Any) -> None:  # noqa: N802
        name = self._id(test)
        if name in self._left:
            del self._left[name]
            self._end(name, self._errors.get(name, AssertionError("it did not say how it ended")))

    def addSuccess(self, test: Any) -> None:  # noqa: N802
        self._errors.setdefault(self._id(test), None)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        if self._id(test):
            self._errors[self._id(test)] = err[1]
        else:
            self.fail_all(err[1])

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        self.addError(test, err)

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802
        self.addError(test, (None, AssertionError(f"skipped: {reason}")))

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802, ARG002
        self.addSuccess(test)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        self.addError(test, (None, AssertionError("it passed, and should not have")))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802, ARG002
        if err is not None:
            self.addError(test, err)
