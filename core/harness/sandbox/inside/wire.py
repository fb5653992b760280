"""What goes between the process of the tests and that of the code, and what it is told by.

Plain values and those of the standard library go by value; the names of operations that one side
may ask for; values that resemble another and are wrong.
"""

from __future__ import annotations

import operator
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_EXACT = 1 << 53  # larger numbers would not survive every reader of JSON
_INFINITE = float("inf")

_BINARY: tuple[str, ...] = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and_",
    "or_",
    "xor",
    "matmul",
)
_BINARY += ("lshift", "rshift")
ORDERS = ("__lt__", "__le__", "__gt__", "__ge__")
OPERATIONS: dict[str, Callable[..., Any]] = {
    "__len__": len,
    "__iter__": iter,
    "__next__": next,
    "__reversed__": reversed,
    "__hash__": hash,
    "__bool__": bool,
    "__str__": str,
    "__repr__": repr,
    "__format__": format,
    "__int__": int,
    "__float__": float,
    "__complex__": complex,
    "__bytes__": bytes,
    "__round__": round,
    "__fspath__": os.fspath,
    "__enter__": lambda it: type(it).__enter__(it),
    "__exit__": lambda it, *rest: type(it).__exit__(it, *rest),
    "__divmod__": divmod,
}
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "getitem", "setitem", "delitem", "contains"):
    OPERATIONS[f"__{_name}__"] = getattr(operator, _name)
for _name in ("index", "abs", "neg", "pos", "invert"):
    OPERATIONS[f"__{_name}__"] = getattr(operator, _name)
for _name in _BINARY:
    _does = getattr(operator, _name)
    _bare = _name.rstrip("_")
    OPERATIONS[f"__{_bare}__"] = _does
    OPERATIONS[f"__r{_bare}__"] = lambda it, other, _does=_does: _does(other, it)
    if hasattr(operator, f"i{_bare}"):
        OPERATIONS[f"__i{_bare}__"] = getattr(operator, f"i{_bare}")

CONTAINERS: dict[str, type] = {"list": list, "dict": dict, "set": set, "bytearray": bytearray}
# Of the standard library: by value, as the arguments that make it again.
MADE: dict[tuple[str, str], Callable[[Any], tuple[Any, ...]]] = {
    ("decimal", "Decimal"): lambda it: (str(it),),
    ("fractions", "Fraction"): lambda it: (it.numerator, it.denominator),
    ("datetime", "date"): lambda it: (it.year, it.month, it.day),
    ("datetime", "timedelta"): lambda it: (it.days, it.seconds, it.microseconds),
    ("datetime", "timezone"): lambda it: (it.utcoffset(None),),
    ("datetime", "time"): lambda it: (it.hour, it.minute, it.second, it.microsecond, it.tzinfo),
    ("datetime", "datetime"): lambda it: (
        *(it.year, it.month, it.day, it.hour, it.minute, it.second, it.microsecond, it.tzinfo),
    ),
    ("uuid", "UUID"): lambda it: (str(it),),
    ("pathlib", "PosixPath"): lambda it: (str(it),),
    ("pathlib", "PurePosixPath"): lambda it: (str(it),),
    ("builtins", "range"): lambda it: (it.start, it.stop, it.step),
    ("builtins", "slice"): lambda it: (it.start, it.stop, it.step),
    ("builtins", "complex"): lambda it: (it.real, it.imag),
    ("collections", "OrderedDict"): lambda it: ([*it.items()],),
    ("collections", "Counter"): lambda it: (dict(it),),
    ("collections", "deque"): lambda it: ([*it], it.maxlen),
    ("collections", "defaultdict"): lambda it: (it.default_factory, dict(it)),
}


class Broken(BaseException):
    """The other side sent what nobody may send."""


class NotSeparable(TypeError):
    """What cannot be done with an object of the other process."""


def as_value(value: Any, encode: Callable[[Any], Any]) -> list[Any] | None:
    """What goes by value, in a list; None for what does not."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return [value]
    if kind is int:
        return [value if -_EXACT < value < _EXACT else ["i", hex(value)]]
    if kind is float:
        return [value if -_INFINITE < value < _INFINITE else ["n", repr(value)]]
    if kind is bytes:
        return [["b", value.decode("latin-1")]]
    if kind is tuple or kind is frozenset:
        return [["t" if kind is tuple else "F", [encode(each) for each in value]]]
    if value is Ellipsis or value is NotImplemented:
        return [["k", repr(value)]]
    name = (kind.__module__, kind.__qualname__)
    if name in MADE and standard_object(*name) is kind:
        return [["x", *name, [encode(each) for each in MADE[name](value)]]]
    return None


def from_value(told: list[Any], decode: Callable[[Any], Any]) -> list[Any] | None:
    """The value that ``as_value`` made this of, in a list; None for anything else."""
    match told:
        case ["i", str(text)]:
            return [int(text, 16)]
        case ["n", str(text)] if text in ("nan", "inf", "-inf"):
            return [float(text)]
        case ["b", str(text)]:
            return [text.encode("latin-1")]
        case ["t" | "F" as kind, list(items)]:
            values = [decode(each) for each in items]
            return [tuple(values) if kind == "t" else frozenset(values)]
        case ["k", str(name)]:
            return [... if name == "Ellipsis" else NotImplemented]
        case ["x", str(module), str(name), list(items)] if (module, name) in MADE:
            return [standard_object(module, name)(*(decode(each) for each in items))]
    return None


def standard_object(module: str, name: str) -> Any:
    """Something of an importable module by its qualified name; None where there is none."""
    try:
        __import__(module)
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def is_standard(kind: type) -> bool:
    """True for a class that both sides have of the interpreter."""
    module = str(getattr(kind, "__module__", ""))
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return False
    return standard_object(module, str(kind.__qualname__)) is kind or module == "builtins"


def supports(kind: type, name: str) -> bool:
    """True when instances of a class know an operation, and not just as every object does."""
    found = getattr(kind, name, None)
    if name == "__call__":
        return any("__call__" in vars(base) for base in kind.__mro__)
    return found is not None and found is not getattr(object, name, None)


def decoys(value: Any) -> list[Any]:
    """Values that are like ``value`` and differ from it."""
    kind = type(value)
    if kind is bool or value is None:
        return [not value]
    if kind in (int, float):
        return [value + 1 if value + 1 != value else 0, -value - 3, 2 * value + 5, value - 7.5]
    if kind is str:
        return [value + "?", "?" + value[:-1], value + value + "!", value[1:] + "_"]
    if kind is bytes:
        return [value + b"?"]
    if kind in (list, tuple):
        return [kind([*value, None]), kind([0, *value[1:], 0])]
    if kind in (set, frozenset):
        return [kind([*value, "\0"])]
    if kind is dict:
        return [{**value, "\0": None}]
    return []


def shown(value: Any) -> str:
    """``repr``, cut, and never failing."""
    try:
        return repr(value)[:300]
    except BaseException:  # noqa: BLE001  the code under test wrote it
        return f"<{type(value).__name__}>"


def text_of(error: BaseException) -> str:
    """What an exception says, cut, and never failing."""
    try:
        return str(error)[:2000]
    except BaseException:  # noqa: BLE001  the code under test wrote it
        return ""


def frames_of(error: BaseException) -> list[str]:
    """``file:line`` of the last frames that an exception went through."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found[-8:]


def make_error(module: str, name: str, nearest: str, args: list[Any], text: str) -> BaseException:
    """An exception of a class that is loaded, or else of its nearest built-in one."""
    known = module in sys.modules and module.partition(".")[0] in sys.stdlib_module_names
    found = standard_object(module, name) if known else None
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        found = getattr(sys.modules["builtins"], nearest, Exception)
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        found = Exception
    try:
        return found(*args)
    except Exception:  # noqa: BLE001  it wants other arguments
        error: BaseException = BaseException.__new__(found, text)
        return error
