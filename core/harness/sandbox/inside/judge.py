"""What a rewritten test calls: comparisons that cannot be bribed, and values worth showing.

Before two values are compared, each object with an ``__eq__`` of its own is asked whether it equals
an object that nobody has seen before, or the other value changed on purpose. One that says yes is a
cheat, wherever it hides in lists, dictionaries or attributes. Asking first also finds the object
that adopts the first value it meets.
"""

from __future__ import annotations

import _operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None)})
_SHOWN = ".300"
_ENOUGH = 100_000  # pairs of objects looked at for one comparison
_SLOT = type(object.__eq__)
_FUNCTION = type(lambda: None)
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": _operator.eq,
    "!=": _operator.ne,
    "<": _operator.lt,
    "<=": _operator.le,
    ">": _operator.gt,
    ">=": _operator.ge,
    "is": _operator.is_,
    "is not": _operator.is_not,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}
_ORDERS = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Cheat(AssertionError):
    """An object agrees with whatever it is compared with."""


class Tripped(BaseException):
    """In the control run: an assertion that must fail did not."""


class NeverRaisedError(Warning):
    """In the control run: what no code raises, and so no test may see raised."""


class Judge:
    """One for all tests of a run; ``trusted`` holds the ``id`` of each trusted module's globals.

    With None there is nothing to find out: the code under test is in another process, whose
    proxies ask about wrong values themselves.
    """

    __slots__ = ("other", "seen", "trusted")
    Tripped = Tripped
    NeverRaised = NeverRaisedError

    def __init__(self, trusted: set[int] | None) -> None:
        self.trusted = trusted
        self.other = object()
        self.seen = ""

    def begin(self) -> None:
        """Forget what the assertion before this one saw."""
        self.seen = ""

    def compare(self, operator: str, left: Any, right: Any) -> Any:
        """``left operator right``; raises ``Cheat`` when it holds for the wrong reason."""
        if self.trusted is not None and not (type(left) in _PLAIN and type(right) in _PLAIN):
            self._audit(operator, left, right)
        result = _OPERATORS[operator](left, right)
        if not result:
            self.seen = f"{show(left)} {operator} {show(right)} is false"
        return result

    def chain(self, operators: tuple[str, ...], *values: Any) -> Any:
        """A comparison of more than two; all values are evaluated."""
        result: Any = True
        for operator, left, right in zip(operators, values, values[1:], strict=False):
            result = self.compare(operator, left, right)
            if not result:
                break
        return result

    def truth(self, value: Any) -> Any:
        """``value`` as it is; remembered for the message."""
        if not self.seen:
            self.seen = f"it is {show(value)}"
        return value

    def failed(self, source: str, message: Any = None) -> str:
        """What to say of an assertion that does not hold."""
        said = "" if message is None else f"\n{show(message) if _odd(message) else message}"
        return f"{source}\n  {self.seen}{said}"

    def mistaken(self, left: Any, right: Any) -> None:
        """In the control run: compare with wrong expectations, which must not hold."""
        try:
            self._walk(left, right, set())
        except Cheat as error:
            raise Tripped from error

    def honest(self, left: Any, right: Any) -> tuple[Any, Any]:
        """Both as they are, for an assertion method that compares them itself."""
        if self.trusted is not None:
            self._walk(left, right, set())
        return left, right

    def _audit(self, operator: str, left: Any, right: Any) -> None:
        if operator == "==":
            self._walk(left, right, set())
        elif operator == "in":
            self._single(left)
            if self._own(right, "__contains__") and _holds("in", self.other, right):
                raise Cheat(f"{show(right)} claims to contain everything")
            if isinstance(right, (list, tuple, set, frozenset)):
                for each in _items(right):
                    self._pair(each, left)
        elif operator in _ORDERS:
            mirror = _MIRROR[operator]
            for side, sign in ((left, operator), (right, mirror)):
                if self._own(side, _ORDERS[sign]) and _holds(sign, side, self.other):
                    raise Cheat(f"{show(side)} claims to be {sign} everything")

    def _walk(self, left: Any, right: Any, met: set[tuple[int, int]]) -> None:
        if type(left) in _PLAIN and type(right) in _PLAIN:
            return
        if (id(left), id(right)) in met or len(met) > _ENOUGH:
            return
        met.add((id(left), id(right)))
        for one, two in self._parts(left, right):
            self._walk(one, two, met)
        self._pair(left, right)
        self._pair(right, left)

    def _parts(self, left: Any, right: Any) -> list[tuple[Any, Any]]:
        """What inside of the two was compared; what stands alone is looked at here."""
        if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
            return [*zip(_items(left), _items(right), strict=False)]
        if isinstance(left, dict) and isinstance(right, dict):
            shared = [key for key in _items(left) if dict.__contains__(right, key)]
            for key in shared:
                self._single(key)
            return [(dict.__getitem__(left, key), dict.__getitem__(right, key)) for key in shared]
        if isinstance(left, (set, frozenset)):
            for each in _items(left):
                self._single(each)
        elif type(left) is type(right) and self._own(left, "__eq__"):
            return [(_attributes(left), _attributes(right))]
        return []

    def _pair(self, value: Any, counterpart: Any) -> None:
        self._single(value)
        comparable = type(counterpart) in _PLAIN and self._own(value, "__eq__")
        if comparable and _holds("==", value, _changed(counterpart)):
            raise Cheat(f"{show(value)} claims to equal other values too")

    def _single(self, value: Any) -> None:
        if self._own(value, "__eq__") and _holds("==", value, self.other):
            raise Cheat(f"{show(value)} claims to equal everything")

    def _own(self, value: Any, method: str) -> bool:
        """True when the type's ``method`` is neither the interpreter's, the stdlib's nor ours."""
        for kind in type.__dict__["__mro__"].__get__(type(value)):
            found = type.__dict__["__dict__"].__get__(kind).get(method)
            if found is None:
                continue
            if type(found) is _FUNCTION:
                return id(found.__globals__) not in (self.trusted or ())
            return type(found) is not _SLOT
        return False


def show(value: Any) -> str:
    """``repr``, cut, and never failing."""
    try:
        return str.__format__(repr(value), _SHOWN)
    except BaseException:  # noqa: BLE001  the code under test wrote it
        return f"<{type(value).__name__}>"


def _holds(operator: str, left: Any, right: Any) -> bool:
    try:
        return bool(_OPERATORS[operator](left, right))
    except Exception:  # noqa: BLE001  it does not know the other: as it should be
        return False


def _changed(value: Any) -> Any:
    if isinstance(value, str):
        return value + "?"
    if isinstance(value, bytes):
        return value + b"?"
    if isinstance(value, bool) or value is None:
        return not value
    return value + 1 if value + 1 != value else 0


def _items(value: Any) -> list[Any]:
    """What is in a list, tuple, dictionary or set, whatever a subclass says about it."""
    kinds: tuple[Any, ...] = (list, tuple, dict, set, frozenset)
    for kind in kinds:
        if isinstance(value, kind):
            return [*kind.__iter__(value)]
    return []


def _attributes(value: Any) -> dict[str, Any]:
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def _odd(message: Any) -> bool:
    return type(message) is not str
