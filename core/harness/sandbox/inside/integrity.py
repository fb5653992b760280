"""What the tests rely on, as it was before any untrusted code ran, and whether it still is."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_FUNCTION = type(lambda: None)


class Baseline:
    """The callables of modules and classes, by identity."""

    __slots__ = ("_codes", "_modules", "_tests", "_was")

    def __init__(self, modules: list[ModuleType]) -> None:
        """Watch the public callables of these modules and of their classes."""
        self._modules = {module.__name__: module for module in modules}
        self._tests: list[tuple[ModuleType, dict[str, Any], set[str]]] = []
        self._was: list[tuple[Any, str, str, Any]] = []
        self._codes: dict[object, str] = {}
        for module in modules:
            self.watch(module, module.__name__)
            for kind in _classes(module):
                self.watch(kind, f"{module.__name__}.{kind.__name__}")

    def watch(self, owner: Any, label: str, *, private: bool = False) -> None:
        """Watch the callables of one module or class; those named ``_x`` only if ``private``."""
        hidden = "__" if private else "_"
        for name, value in [*vars(owner).items()]:
            if callable(value) and not name.startswith(hidden):
                self._was.append((owner, f"{label}.{name}", name, value))
            if type(value) is _FUNCTION:
                self._codes[value] = f"{label}.{name}"

    def watch_test(self, module: ModuleType, builtins: dict[str, Any]) -> None:
        """Watch a test module that has just been imported, and which ``builtins`` it hides."""
        self.watch(module, module.__name__, private=True)
        for kind in _classes(module):
            self.watch(kind, f"{module.__name__}.{kind.__name__}", private=True)
        self._tests.append((module, builtins, {*vars(module)} & {*builtins}))

    def code_of(self, function: object) -> str:
        """The label of a function whose code is watched, or nothing."""
        return self._codes.get(function, "") if type(function) is _FUNCTION else ""

    def changed(self) -> str:
        """The first thing that is not what it was, in words, or nothing."""
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                return name
        for owner, label, name, value in self._was:
            if vars(owner).get(name) is not value:
                return label
        for module, builtins, hidden in self._tests:
            names = vars(module)
            if names.get("__builtins__") is not builtins or {*names} & {*builtins} != hidden:
                return f"a builtin of {module.__name__}"
        return ""


def _classes(module: ModuleType) -> list[type]:
    return [
        value
        for value in [*vars(module).values()]
        if isinstance(value, type) and value.__module__.startswith(module.__name__)
    ]
