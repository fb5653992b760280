"""Lists, dictionaries and sets that two processes hold as one object each.

Every message carries the content of those that are new or have changed since the last one, so that
what one side does to them the other side sees, as in one process.
"""

from __future__ import annotations

import operator
import sys

from .wire import CONTAINERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LEFT_OVER = 3  # references to a container that only the table holds


class Containers:
    """The containers that both sides know, by a number that either gave them."""

    def __init__(self, first: int) -> None:
        """The sides number theirs from 0 and from 1, in steps of two."""
        self._shared: dict[int, Any] = {}
        self._keys: dict[int, int] = {}
        self._seen: dict[int, Any] = {}
        self._fresh: set[int] = set()
        self._forgotten: list[int] = []
        self._next = first

    def __getitem__(self, key: int) -> Any:
        """The container of that number."""
        return self._shared[key]

    def number_of(self, value: Any) -> int:
        """Its number, given now if it has none."""
        key = self._keys.get(id(value))
        if key is None:
            key, self._next = self._next, self._next + 2
            self._shared[key] = value
            self._keys[id(value)] = key
            self._fresh.add(key)
        return key

    def changes(self, encode: Callable[[Any], Any]) -> list[Any]:
        """Every shared container that is new or not as the other side knows it."""
        found: dict[int, Any] = {}
        look = [
            key for key, value in self._shared.items() if key in self._fresh or self._differs(key)
        ]
        while look:
            key = look.pop()
            if key in found:
                continue
            self._fresh.discard(key)
            value = self._shared[key]
            self._seen[key] = _taken(value)
            found[key] = [key, type(value).__name__, content(value, encode)]
            look += self._fresh
        return [*found.values()]

    def _differs(self, key: int) -> bool:
        now, then = _taken(self._shared[key]), self._seen[key]
        return len(now) != len(then) or not all(map(operator.is_, now, then))

    def apply(self, changes: Any, decode: Callable[[Any], Any]) -> None:
        """Take over the changes that the other side told."""
        for key, kind, _ in changes:
            if key not in self._shared:
                self._shared[key] = made = CONTAINERS[kind]()
                self._keys[id(made)] = key
                self._seen[key] = ()
        for key, _, new in changes:
            fill(self._shared[key], new, decode)
            self._seen[key] = _taken(self._shared[key])

    def sweep(self) -> None:
        """Forget the containers that only the table holds."""
        for key in [*self._shared]:
            if sys.getrefcount(self._shared[key]) < _LEFT_OVER and key not in self._fresh:
                self.forget(key)
                self._forgotten.append(key)

    def forget(self, key: int) -> None:
        """Keep a container no longer."""
        value = self._shared.pop(key, None)
        self._seen.pop(key, None)
        self._fresh.discard(key)
        self._keys.pop(id(value), None)

    def forgotten(self) -> list[int]:
        """The numbers that the other side need not keep either, once."""
        found, self._forgotten = self._forgotten, []
        return found


def content(value: Any, encode: Callable[[Any], Any]) -> Any:
    """What is in a container, encoded."""
    if isinstance(value, bytearray):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return [[encode(key), encode(each)] for key, each in value.items()]
    return [encode(each) for each in value]


def fill(it: Any, new: Any, decode: Callable[[Any], Any]) -> Any:
    """Make the content of a container the one that was told; returns the container."""
    if isinstance(it, bytearray):
        it[:] = new.encode("latin-1")
    elif isinstance(it, dict):
        pairs = {decode(key): decode(each) for key, each in new}
        it.clear()
        it.update(pairs)
    else:
        items = [decode(each) for each in new]
        it.clear()
        it.update(items) if isinstance(it, set) else it.extend(items)
    return it


def _taken(value: Any) -> Any:
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    return bytes(value) if isinstance(value, bytearray) else [*value]
