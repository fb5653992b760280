"""Runs rewritten tests beside the code under test and says on a pipe how each one ended.

Everything needed later is taken before the first line of untrusted code runs, and looked up in a
copy of ``builtins`` that the untrusted code does not share. See ``core.harness.sandbox.verdict``
for what that is worth, and what it is not.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec
from _json import encode_basestring_ascii as quote

from . import integrity, judge

try:
    from . import testcase
except ImportError:  # sent along only when the tests use unittest
    testcase = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, ModuleType
    from typing import Any, NoReturn

    # Test id, module, class or None, function, and whether it is a coroutine function.
    Case = tuple[str, str, str | None, str, bool]

_SPYING = frozenset(
    {"sys.settrace", "sys.setprofile", "gc.get_objects", "gc.get_referrers", "gc.get_referents"}
)
_MESSAGE = 2000
_FRAMES = 8


def main(tests: dict[str, Any], report: int, code: Any = None) -> NoReturn:
    """Run ``tests["cases"]`` and leave, without giving ``atexit`` a chance to speak.

    ``code`` speaks to the process of the code under test, where that is another one.
    """
    reporter = _separate(tests, report, code) if code else _one_process(tests, report)
    for name in dict.fromkeys(case[1] for case in tests["cases"]):
        cases = [case for case in tests["cases"] if case[1] == name]
        run_module(name, cases, reporter)
        reporter.check()
    if code:
        code.finish()
    reporter.send("end")
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    os._exit(0)


def _separate(tests: dict[str, Any], report: int, code: Any) -> Reporter:
    """Nothing untrusted runs here: the tests' other modules are found in the other process."""
    reporter = Reporter(tests["nonce"], report, tests)
    leave = code.end
    code.end = lambda what: reporter.stop(what) if what else leave(what)
    _import_all(tests["preload"])
    sys.meta_path.insert(0, Finder(tests["modules"], judge.Judge(None), None))
    sys.meta_path.append(code.modules())
    return reporter


def _one_process(tests: dict[str, Any], report: int) -> Reporter:
    """The code under test is imported here, and what the tests rely on is watched."""
    baseline = integrity.Baseline(_import_all(tests["preload"]))
    reporter = Reporter(tests["nonce"], report, tests, baseline)
    trusted = {id(vars(module)) for module in [*sys.modules.values()]}
    finder = Finder(tests["modules"], judge.Judge(trusted), baseline)
    baseline.watch(judge.Judge, "the judge")
    baseline.watch(Reporter, "the report")
    sys.meta_path.insert(0, finder)
    blocked: dict[str, Any] = {"pytest": None}  # neither ours nor the workspace's
    sys.modules |= blocked
    sys.path.append(tests["work"])
    sys.addaudithook(reporter.audit)
    return reporter


class Reporter:
    """The report pipe; each line begins with a nonce that blind writers do not know."""

    __slots__ = (
        *("_baseline", "_descriptor", "_exit", "_getpid", "_nonce", "_pid", "_write"),
        *("files", "work"),
    )

    def __init__(
        self,
        nonce: str,
        descriptor: int,
        tests: dict[str, Any],
        baseline: integrity.Baseline | None = None,
    ) -> None:
        self.work = tests["work"] + "/"
        self.files = {file for _, file, _ in tests["modules"]}
        self._baseline = baseline
        self._nonce = nonce
        self._descriptor = descriptor
        self._write = os.write
        self._getpid = os.getpid
        self._exit = os._exit
        self._pid = os.getpid()

    def send(self, *fields: str) -> None:
        """Write one record; a forked copy of this process has nothing to say and ends."""
        if self._getpid() != self._pid:
            self._exit(0)
        line = ",".join(quote(field) for field in (self._nonce, *fields))
        data = memoryview(f"[{line}]\n".encode("ascii"))
        while data:
            data = data[self._write(self._descriptor, data) :]

    def stop(self, what: str) -> NoReturn:
        """Say that the run cannot be trusted, and end it."""
        self.send("tampered", what)
        self._exit(3)
        raise SystemExit

    def check(self) -> None:
        """Stop when what the tests rely on is not what it was."""
        changed = self._baseline.changed() if self._baseline else ""
        if changed:
            self.stop(f"{changed} was replaced")

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: once added, Python code cannot take it away."""
        if event in _SPYING or event.startswith("ctypes."):
            self.stop(f"{event} was used")
        if event == "object.__setattr__" and arguments[1] == "__code__":
            label = self._baseline.code_of(arguments[0]) if self._baseline else ""
            if label:
                self.stop(f"the code of {label} was replaced")


class Finder:
    """Serves the modules of the test directory from memory, before anything on ``sys.path``."""

    def __init__(
        self,
        modules: Iterable[tuple[str, str, CodeType | None]],
        arbiter: judge.Judge,
        baseline: integrity.Baseline | None,
    ) -> None:
        self._modules = {name: (file, code) for name, file, code in modules}
        self._arbiter = arbiter
        self._baseline = baseline
        self._builtins = {**vars(sys.modules["builtins"]), "__judge__": arbiter}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        """As the import system asks."""
        if name not in self._modules:
            return None
        file, code = self._modules[name]
        package = code is None or file.endswith("__init__.py")
        loader: Any = self
        return ModuleSpec(name, loader, origin=file, is_package=package)

    def create_module(self, spec: ModuleSpec) -> None:
        """The default module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the test module with builtins of its own."""
        file, code = self._modules[module.__name__]
        module.__file__ = file
        if self._arbiter.trusted is not None:
            self._arbiter.trusted.add(id(vars(module)))
        if code is not None:
            vars(module)["__builtins__"] = self._builtins
            exec(code, vars(module))  # noqa: S102  the pristine test, compiled outside
            if self._baseline:
                self._baseline.watch_test(module, self._builtins)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except Exception:  # noqa: BLE001, S110  the code under test closed or replaced it
        pass


def _import_all(names: Iterable[str]) -> list[ModuleType]:
    for name in (*names, "ctypes"):  # loading ctypes would look like spying later on
        try:
            __import__(name)
        except ImportError:
            pass
    return [sys.modules[name] for name in names if name in sys.modules]


def run_module(name: str, cases: list[Case], reporter: Reporter) -> None:
    """Import a test module and run its cases, each reported when it starts and when it ends."""
    reporter.send("start", cases[0][0])
    try:
        __import__(name)
        module = sys.modules[name]
        found = [_bind(module, case) for case in cases]
    except BaseException as error:  # noqa: BLE001  whatever the code under test raises
        for case in cases:
            _report(reporter, case[0], error)
        return
    suites: dict[str, list[Case]] = {}
    for case, test in zip(cases, found, strict=True):
        if test is None:
            suites.setdefault(str(case[2]), []).append(case)
        else:
            reporter.send("start", case[0])
            _report(reporter, case[0], _error_of(test))
    for kind, members in suites.items():
        testcase.run(
            getattr(module, kind),
            {case[3]: case[0] for case in members},
            start=lambda name: reporter.send("start", name),
            end=lambda name, error: _report(reporter, name, error),
        )


def _bind(module: ModuleType, case: Case) -> Callable[[], Any] | None:
    """The test as a function without arguments; None for a method of a ``TestCase``."""
    _, _, kind, function, coroutine = case
    owner: Any = module if kind is None else getattr(module, kind)
    if kind is not None:
        if testcase is not None and testcase.is_test_case(owner):
            return None
        owner = owner()
    test: Callable[[], Any] = getattr(owner, function)
    if coroutine:
        asyncio: Any = sys.modules["asyncio"]
        return lambda: asyncio.run(test())
    return test


def _error_of(test: Callable[[], Any]) -> BaseException | None:
    try:
        test()
    except BaseException as error:  # noqa: BLE001  reported
        return error
    return None


def _report(reporter: Reporter, case: str, error: BaseException | None) -> None:
    if error is None or isinstance(error, judge.Tripped):
        reporter.send("pass", case)
        return
    try:
        text = str.__format__(str(error), f".{_MESSAGE}")
    except BaseException:  # noqa: BLE001  its __str__ is the code under test's
        text = ""
    kind = type(error)
    name = "" if issubclass(kind, AssertionError) else kind.__name__
    reporter.send("fail", case, name, text, "\n".join(_frames(error, reporter)))


def _frames(error: BaseException, reporter: Reporter) -> list[str]:
    """``file:line`` of each frame, the outermost first; ``./`` before those of the workspace.

    Frames of the process of the code under test are brought along by the exception.
    """
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    found += object.__getattribute__(error, "__dict__").get("__frames__", ())
    work = reporter.work
    found = ["./" + each[len(work) :] if each.startswith(work) else each for each in found]
    ours = [each for each in found if each[:2] == "./" or each.rpartition(":")[0] in reporter.files]
    return ours[-_FRAMES:]
