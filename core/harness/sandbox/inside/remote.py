"""Objects of one process used in another: how tests reach the code under test, which runs
in a process of its own.

Two peers take turns on a pair of pipes, as a caller and its callee do. Plain values go as values.
Lists, dictionaries and sets are the same object to both: each message carries what has changed
in them, so that a default argument that grows or a list that is not copied shows as it would in
one process. Anything else goes as a reference, and is a proxy on the other side.

What the code under test sends is hostile. The tests' side reads it with limits,
gives away the public attributes of objects only, and never tells what it expects without asking
about wrong values too: one that agrees to those is a cheat.
"""

from __future__ import annotations

import json
import operator
import os
import random
import sys
from _frozen_importlib import ModuleSpec
from types import BuiltinFunctionType, FunctionType, GeneratorType, MethodType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

_MOST_BYTES = 32 << 20  # of a message
_MOST_REFERENCES = 200_000
_SWEEP = 64  # requests between two looks for containers that nobody uses any more
_EXACT = 1 << 53
_CAUSES = 4  # exceptions that led to an exception
_LEFT_OVER = 3  # references to a container that only the table holds

_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor", "matmul")
_BINARY += ("lshift", "rshift")
_ORDERS = ("__lt__", "__le__", "__gt__", "__ge__")
_OPERATIONS: dict[str, Callable[..., Any]] = {
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
    _OPERATIONS[f"__{_name}__"] = getattr(operator, _name)
for _name in ("index", "abs", "neg", "pos", "invert"):
    _OPERATIONS[f"__{_name}__"] = getattr(operator, _name)
for _name in _BINARY:
    _does = getattr(operator, _name)
    _bare = _name.rstrip("_")
    _OPERATIONS[f"__{_bare}__"] = _does
    _OPERATIONS[f"__r{_bare}__"] = lambda it, other, _does=_does: _does(other, it)
    if hasattr(operator, f"i{_bare}"):
        _OPERATIONS[f"__i{_bare}__"] = getattr(operator, f"i{_bare}")

# Of an object of the tests the code under test may ask these, and public attributes, but none
# of a function, a class or a module: those lead to all that the tests know.
_OPEN = ("__name__", "__qualname__", "__doc__", "__module__")
_CLOSED = (FunctionType, MethodType, BuiltinFunctionType, ModuleType, GeneratorType, type)
_CONTAINERS: dict[str, type] = {"list": list, "dict": dict, "set": set, "bytearray": bytearray}
# Of the standard library: by value, as the arguments that make it again.
_MADE: dict[tuple[str, str], Callable[[Any], tuple[Any, ...]]] = {
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


class Cheat(AssertionError):
    """An object agrees with what it cannot know to be right."""


class Broken(BaseException):
    """The other side sent what nobody may send."""


class NotSeparable(TypeError):
    """What cannot be done with an object of the other process."""


class Mirror(type):
    """The class of a proxy's class: itself a stand-in for the other side's class."""

    _peer: Peer
    _number: int

    def __new__(mcs, name: str, bases: tuple[type, ...], names: dict[str, Any]) -> Mirror:
        """Made by a peer alone."""
        if "_peer" not in names:
            raise NotSeparable(
                f"{bases[-1].__name__} is a class of the code under test, which runs elsewhere"
            )
        return super().__new__(mcs, name, bases, names)

    def __init__(cls, *_: Any) -> None:
        """Nothing to do."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance, made on the other side."""
        return cls._peer.request("call", cls, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        """An attribute of the class."""
        if name.startswith("__") and name != "__members__":
            raise AttributeError(name)
        return cls._peer.request("get", cls, (name,))

    def __setattr__(cls, name: str, value: Any) -> None:
        """Set on the other side."""
        if name.startswith("__"):
            type.__setattr__(cls, name, value)
        else:
            cls._peer.request("set", cls, (name, value))

    def __iter__(cls) -> Any:
        """The members of an enumeration."""
        return cls._peer.request("__iter__", cls)

    def __len__(cls) -> Any:
        """Their number."""
        return cls._peer.request("__len__", cls)

    def __bool__(cls) -> bool:
        """A class is true."""
        return True

    def __getitem__(cls, name: Any) -> Any:
        """One of them, or the class with parameters."""
        return cls._peer.request("__getitem__", cls, (name,))

    def __contains__(cls, value: Any) -> Any:
        """Whether it is one of them."""
        return cls._peer.request("__contains__", cls, (value,))

    def __repr__(cls) -> str:
        """As over there."""
        return str(cls._peer.request("__repr__", cls))


class Proxy:
    """An object of the other side."""

    __slots__ = ()
    _peer: Any

    def __getattr__(self, name: str) -> Any:
        """An attribute over there."""
        return type(self)._peer.request("get", self, (name,))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set over there."""
        type(self)._peer.request("set", self, (name, value))

    def __delattr__(self, name: str) -> None:
        """Delete over there."""
        type(self)._peer.request("del", self, (name,))

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        """The attributes over there."""
        return type(self)._peer.request("get", self, ("__dict__",))

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        """What it says of itself over there."""
        return type(self)._peer.request("get", self, ("__doc__",))

    @property
    def __module__(self) -> Any:  # type: ignore[override]
        """Where it was made."""
        return type(self)._peer.request("get", self, ("__module__",))

    def __dir__(self) -> Any:
        """Their names."""
        return type(self)._peer.request("dir", self)


def _forward(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        return type(self)._peer.operate(name, self, args)

    return method


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    return type(self)._peer.request("call", self, args, kwargs)


class Peer:
    """One end of the conversation."""

    def __init__(
        self,
        read: int,
        write: int,
        *,
        child: int | None = None,
        end: Callable[[str], NoReturn] | None = None,
    ) -> None:
        """``child`` is the process of the code under test, for the side of the tests.

        ``end`` is called, with a reason or nothing, when the other side cannot go on.
        """
        self.descriptors = (read, write)
        self.end = end or self._end_as_it
        self._child = child
        judge = child is not None
        self._read = read
        self._write = write
        self._judge = judge
        self._pid = os.getpid()
        self._own: dict[int, Any] = {}  # what we gave out, by number
        self._own_numbers: dict[int, int] = {}
        self._far: dict[int, Any] = {}  # what the other side gave out
        self._far_numbers: dict[int, int] = {}
        self._kinds: dict[int, Any] = {}  # classes of the other side, by number
        self._told: set[int] = set()  # our classes that the other side knows
        self._new_kinds: list[Any] = []
        self._shared: dict[int, Any] = {}
        self._keys: dict[int, int] = {}
        self._seen: dict[int, Any] = {}
        self._fresh: set[int] = set()
        self._forgotten: list[int] = []
        self._next = 0 if judge else 1
        self._requests = 0
        self._random = random.Random()  # noqa: S311  nobody can look over its shoulder

    def _end_as_it(self, _: str) -> NoReturn:
        status = 0
        if self._child is not None:
            status = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        os._exit(status if status >= 0 else 128 - status)

    # Conversation

    def request(
        self,
        what: str,
        it: Any,
        args: Iterable[Any] = (),
        kwargs: Any = None,
        *,
        loose: bool = False,
    ) -> Any:
        """Have something done on the other side; returns or raises what came of it."""
        self._requests += 1
        if self._judge and not self._requests % _SWEEP:
            self._sweep()
        encode = self._loose if loose else self._encode
        message = {
            "op": what,
            "it": it if what == "import" else self._encode(it),
            "a": [encode(each) for each in args],
            "k": {name: encode(each) for name, each in (kwargs or {}).items()},
        }
        self._send(message)
        while True:
            message = self._receive()
            if "op" not in message:
                break
            self._answer(message)
        try:
            error = self._error(message["e"]) if "e" in message else None
            value = self._decode(message.get("r"))
        except (Exception, Broken):  # noqa: BLE001  whatever it is, it is no value
            self.end("it sent what is no value")
        if error is not None:
            raise error
        return value

    def finish(self) -> None:
        """Have the other side say what it has not yet said, and wait until it has ended."""
        os.close(self._write)
        while os.read(self._read, 1 << 16):
            pass

    def serve(self) -> NoReturn:
        """Answer until the other side ends."""
        while True:
            message = self._receive()
            if "op" in message:
                self._answer(message)

    def operate(self, name: str, it: Any, args: tuple[Any, ...]) -> Any:
        """An operation on a proxy; the judge's side asks about wrong values before and after."""
        if name == "__exit__":
            args = (*args[:2], None)
        if self._judge and len(args) == 1:
            if name in ("__eq__", "__ne__", "__contains__", *_ORDERS):
                return self._compared(name, it, args[0])
            if name in ("__sub__", "__rsub__") and type(args[0]) in (int, float):
                got = self.request(name, it, args)
                if type(got) in (int, float) and got == self._tried(name, it, args[0] + 1):
                    raise Cheat(f"{_shown(it)} differs from any number by {got!r}")
                return got
        return self.request(name, it, args)

    def _compared(self, name: str, it: Any, value: Any) -> Any:
        agrees = name != "__ne__"
        if name in _ORDERS:
            values = [complex(1, 1), "\0"] if not isinstance(value, str) else [None, b"\0"]
            wrong = [self._tried, self._tried]
        else:
            values = [*_decoys(value), f"\0{self._random.random()}"]
            wrong = [self._tried] * len(values)
        self._random.shuffle(values)
        before = self._random.randrange(1, len(values) + 1)
        for ask, decoy in zip(wrong, values[:before], strict=False):
            self._refuse(ask(name, it, decoy), agrees, it)
        got = self.request(name, it, (value,), loose=not _is_far(value))
        for decoy in values[before:]:
            self._refuse(self._tried(name, it, decoy), agrees, it)
        return got

    def _refuse(self, answer: Any, agrees: bool, it: Any) -> None:  # noqa: FBT001  a truth value
        if answer is agrees:
            raise Cheat(f"{_shown(it)} agrees with values that are wrong")

    def _tried(self, name: str, it: Any, value: Any) -> Any:
        try:
            return self.request(name, it, (value,), loose=True)
        except Exception:  # noqa: BLE001  it does not know the value, as it should be
            return None

    def _answer(self, message: dict[str, Any]) -> None:
        try:
            reply = {"r": self._encode(self._perform(message))}
        except Broken as error:
            self.end(str(error))
        except BaseException as error:  # noqa: BLE001  told to the other side
            reply = {"e": self._encode_error(error)}
        self._send(reply)

    def _perform(self, message: dict[str, Any]) -> Any:
        what = message["op"]
        args = [self._decode(each) for each in message["a"]]
        if what == "import":
            if self._judge:
                raise Broken("it asked for a module of the tests")
            __import__(message["it"])
            return sys.modules[message["it"]]
        it = self._decode(message["it"])
        if self._judge:
            self._check(what, it, args)
        match what:
            case "call":
                kwargs = {name: self._decode(each) for name, each in message["k"].items()}
                return it(*args, **kwargs)
            case "get":
                return getattr(it, *args)
            case "set":
                return setattr(it, *args)
            case "del":
                return delattr(it, *args)
            case "dir":
                return dir(it)
            case _:
                return _OPERATIONS[what](it, *args)

    def _check(self, what: str, it: Any, args: list[Any]) -> None:
        """Refuse what the code under test may not do with an object of the tests."""
        if id(it) not in self._own_numbers:
            raise Broken("it used an object that it was not given")
        if what == "get" and args and args[0] in _OPEN:
            return
        if what in ("get", "set", "del", "dir") and (
            isinstance(it, _CLOSED) or not args or str(args[0]).startswith("_")
        ):
            raise AttributeError(*args[:1])

    def modules(self) -> Modules:
        """What finds the modules of the code under test."""
        return Modules(self)

    # Messages

    def _send(self, message: dict[str, Any]) -> None:
        if os.getpid() != self._pid:  # a copy of the process has nobody to talk to
            os._exit(0)
        message["u"] = self._updates()
        message["c"], self._new_kinds = self._new_kinds, []
        message["f"], self._forgotten = self._forgotten, []
        data = json.dumps(message, separators=(",", ":")).encode("ascii")
        view = memoryview(len(data).to_bytes(4, "little") + data)
        try:
            while view:
                view = view[os.write(self._write, view) :]
        except OSError:
            self.end("")

    def _receive(self) -> dict[str, Any]:
        size = int.from_bytes(self._exactly(4), "little")
        if size > _MOST_BYTES:
            self.end("it sent too much")
        data = self._exactly(size)
        try:
            message = json.loads(data)
            if not isinstance(message, dict):
                raise TypeError
            for kind in message["c"]:
                self._learn(kind)
            self._update(message["u"])
            for key in message["f"]:
                self._forget(key)
        except (Exception, Broken):  # noqa: BLE001  whatever it is, it is no message
            self.end("it sent what is no message")
        return message

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self._read, min(size, 1 << 20))
            if not part:
                self.end("")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    # Values

    def _encode(self, value: Any) -> Any:
        simple = _simple(value, self._encode)
        if simple is not None:
            return simple[0]
        kind = type(value).__name__
        if _CONTAINERS.get(kind) is type(value):
            return ["m", self._share(value), kind]
        return self._reference(value)

    def _loose(self, value: Any) -> Any:
        """The same with containers by value, so that no change of theirs comes back."""
        simple = _simple(value, self._loose)
        if simple is not None:
            return simple[0]
        kind = type(value).__name__
        if _CONTAINERS.get(kind) is type(value):
            return ["v", kind, self._content(value, self._loose)]
        return self._reference(value)

    def _reference(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, Mirror):
            return ["o", value._number, "class"]
        if isinstance(kind, Mirror):
            return ["o", self._far_numbers[id(value)]]
        if isinstance(value, type):
            if _is_standard(value):
                return ["g", value.__module__, value.__qualname__]
            return ["C", self._kind(value)]
        if isinstance(value, BuiltinFunctionType) and value.__module__ in ("builtins", "math"):
            return ["g", value.__module__, value.__qualname__]
        return ["p", self._number(value), self._kind(kind)]

    def _number(self, value: Any) -> int:
        number = self._own_numbers.get(id(value))
        if number is None:
            if len(self._own) > _MOST_REFERENCES:
                raise NotSeparable("there are too many objects for two processes")
            number = len(self._own)
            self._own[number] = value
            self._own_numbers[id(value)] = number
        return number

    def _kind(self, kind: type) -> int:
        """The number of a class of ours; the next message describes it."""
        number = self._number(kind)
        if number in self._told:
            return number
        self._told.add(number)
        bases = [
            base.__name__ if _is_standard(base) else self._kind(base)
            for base in kind.__bases__
            if not _is_standard(base)
            or (issubclass(base, BaseException) and base.__module__ == "builtins")
        ]
        nearest = next((base for base in kind.__mro__ if base.__module__ == "builtins"), object)
        operations = [name for name in (*_OPERATIONS, "__call__") if _supports(kind, name)]
        hashable = getattr(kind, "__hash__", None) is not None
        self._new_kinds.append(
            [number, str(kind.__name__), bases, nearest.__name__, operations, hashable]
        )
        return number

    def _learn(self, described: Any) -> None:
        number, name, bases, nearest, operations, hashable = described
        if number in self._kinds or not isinstance(number, int):
            return
        known = vars(sys.modules["builtins"])
        parents: tuple[type, ...] = tuple(
            known[base] if isinstance(base, str) else self._kinds[base] for base in bases
        )
        names: dict[str, Any] = {"__slots__": (), "_peer": self, "_number": number}
        names |= {each: _forward(each) for each in operations if each in _OPERATIONS}
        if "__call__" in operations:
            names["__call__"] = _call
        if not hashable:
            names["__hash__"] = None
        elif "__eq__" in names and "__hash__" not in names:
            names["__hash__"] = object.__hash__
        builtin = known.get(nearest)
        if isinstance(builtin, type) and issubclass(builtin, BaseException):
            del names["__slots__"]
            parents = parents or (builtin,)
            names["__getattr__"] = Proxy.__getattr__
            names.setdefault("__str__", _forward("__str__"))
        else:
            parents = parents or (Proxy,)
            names |= {each: vars(Proxy)[each] for each in ("__doc__", "__module__")}
            if isinstance(builtin, type) and builtin is not object:
                names["__class__"] = property(lambda _: builtin)
        try:
            self._kinds[number] = Mirror(str(name), parents, names)
        except TypeError:  # no order of its bases, among those that we know
            self._kinds[number] = Mirror(str(name), parents[:1], names)

    def _decode(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        match value:
            case ["i", str(text)]:
                return int(text, 16)
            case ["n", str(text)] if text in ("nan", "inf", "-inf"):
                return float(text)
            case ["b", str(text)]:
                return text.encode("latin-1")
            case ["t", list(items)]:
                return tuple(self._decode(each) for each in items)
            case ["F", list(items)]:
                return frozenset(self._decode(each) for each in items)
            case ["k", "Ellipsis"]:
                return ...
            case ["k", "NotImplemented"]:
                return NotImplemented
            case ["x", str(module), str(name), list(items)] if (module, name) in _MADE:
                made: Any = _global(module, name)
                return made(*(self._decode(each) for each in items))
            case ["g", str(module), str(name)]:
                return self._standard(module, name)
            case ["m", int(key), str(_)]:
                return self._shared[key]
            case ["v", str(kind), content]:
                return self._fill(_CONTAINERS[kind](), content)
            case ["C", int(number)]:
                return self._kinds[number]
            case ["o", int(number), *_]:
                return self._own[number]
            case ["p", int(number), int(kind)]:
                return self._proxy(number, kind)
        raise Broken("the code under test sent what is no value")

    def _proxy(self, number: int, kind: int) -> Any:
        if number not in self._far:
            if len(self._far) > _MOST_REFERENCES:
                raise Broken("the code under test gave out too many objects")
            mirror = self._kinds[kind]
            made = BaseException if issubclass(mirror, BaseException) else object
            self._far[number] = proxy = made.__new__(mirror)
            self._far_numbers[id(proxy)] = number
        return self._far[number]

    def _standard(self, module: str, name: str) -> Any:
        found = (
            _global(module, name)
            if module.split(".", maxsplit=1)[0] in sys.stdlib_module_names
            else None
        )
        if self._judge and not isinstance(found, (type, BuiltinFunctionType)):
            raise Broken("the code under test sent what is no value")
        if self._judge and isinstance(found, BuiltinFunctionType) and module != "math":
            raise Broken("the code under test sent a function of the interpreter")
        return found

    # Containers that both sides hold

    def _share(self, value: Any) -> int:
        key = self._keys.get(id(value))
        if key is None:
            key, self._next = self._next, self._next + 2
            self._shared[key] = value
            self._keys[id(value)] = key
            self._fresh.add(key)
        return key

    def _updates(self) -> list[Any]:
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
            found[key] = [key, type(value).__name__, self._content(value, self._encode)]
            look += self._fresh
        return [*found.values()]

    def _differs(self, key: int) -> bool:
        now, then = _taken(self._shared[key]), self._seen[key]
        return len(now) != len(then) or not all(map(operator.is_, now, then))

    def _content(self, value: Any, encode: Callable[[Any], Any]) -> Any:
        if isinstance(value, bytearray):
            return value.decode("latin-1")
        if isinstance(value, dict):
            return [[encode(key), encode(each)] for key, each in value.items()]
        return [encode(each) for each in value]

    def _update(self, updates: Any) -> None:
        for key, kind, _ in updates:
            if key not in self._shared:
                self._shared[key] = made = _CONTAINERS[kind]()
                self._keys[id(made)] = key
                self._seen[key] = ()
        for key, _, content in updates:
            self._fill(self._shared[key], content)
            self._seen[key] = _taken(self._shared[key])

    def _fill(self, it: Any, content: Any) -> Any:
        if isinstance(it, bytearray):
            it[:] = content.encode("latin-1")
        elif isinstance(it, dict):
            new = {self._decode(key): self._decode(each) for key, each in content}
            it.clear()
            it.update(new)
        else:
            items = [self._decode(each) for each in content]
            it.clear()
            it.update(items) if isinstance(it, set) else it.extend(items)
        return it

    def _sweep(self) -> None:
        """Forget the containers that only the table holds."""
        for key in [*self._shared]:
            if sys.getrefcount(self._shared[key]) < _LEFT_OVER and key not in self._fresh:
                self._forget(key)
                self._forgotten.append(key)

    def _forget(self, key: int) -> None:
        value = self._shared.pop(key, None)
        self._seen.pop(key, None)
        self._fresh.discard(key)
        self._keys.pop(id(value), None)

    # Exceptions

    def _encode_error(self, error: BaseException, depth: int = 0) -> Any:
        """An exception with those that led to it, up to ``_CAUSES``."""
        told = self._encode_one(error)
        linked = [error.__cause__, error.__context__] if depth < _CAUSES else [None, None]
        links = [each and self._encode_error(each, depth + 1) for each in linked]
        return [told, *links, error.__suppress_context__]

    def _encode_one(self, error: BaseException) -> Any:
        frames = vars(error).get("__frames__", []) if not _is_far(error) else []
        frames = [*frames, *_frames(error)]
        kind = type(error)
        if _is_far(error) or not _is_standard(kind):
            return ["r", self._encode(error), [self._encode(each) for each in error.args], frames]
        nearest = next(base for base in kind.__mro__ if base.__module__ == "builtins")
        args = [self._encode(each) for each in error.args]
        return [
            "s",
            kind.__module__,
            kind.__qualname__,
            nearest.__name__,
            args,
            _text(error),
            frames,
        ]

    def _error(self, told: Any) -> BaseException:
        one, cause, context, suppressed = told
        error = self._one_error(one)
        error.__cause__ = self._error(cause) if cause else None
        error.__context__ = self._error(context) if context else None
        error.__suppress_context__ = bool(suppressed)
        return error

    def _one_error(self, told: Any) -> BaseException:
        match told:
            case ["r", value, list(args), list(frames)]:
                error = self._decode(value)
                if not isinstance(error, BaseException):
                    raise Broken("the code under test raised what is no exception")
                if _is_far(error):
                    error.args = tuple(self._decode(each) for each in args)
            case ["s", str(module), str(name), str(nearest), list(args), str(text), list(frames)]:
                values = [self._decode(each) for each in args]
                error = _made_error(module, name, nearest, values, text)
            case _:
                raise Broken("the code under test raised what is no exception")
        known = [str(frame) for frame in frames]
        object.__getattribute__(error, "__dict__")["__frames__"] = known
        return error


def _simple(value: Any, encode: Callable[[Any], Any]) -> list[Any] | None:
    """What goes by value, in a list; None for what does not."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return [value]
    if kind is int:
        return [value if -_EXACT < value < _EXACT else ["i", hex(value)]]
    if kind is float:
        return [["n", repr(value)] if value != value or value in (_INFINITE, -_INFINITE) else value]
    if kind is bytes:
        return [["b", value.decode("latin-1")]]
    if kind is tuple or kind is frozenset:
        return [["t" if kind is tuple else "F", [encode(each) for each in value]]]
    if value is Ellipsis or value is NotImplemented:
        return [["k", repr(value)]]
    name = (kind.__module__, kind.__qualname__)
    if name in _MADE and not isinstance(kind, Mirror) and _global(*name) is kind:
        return [["x", *name, [encode(each) for each in _MADE[name](value)]]]
    return None


_INFINITE = float("inf")


def _global(module: str, name: str) -> Any:
    try:
        found: Any = __import__(module, fromlist=["x"])
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def _is_standard(kind: type) -> bool:
    module = str(getattr(kind, "__module__", ""))
    if module.split(".", maxsplit=1)[0] not in sys.stdlib_module_names:
        return False
    return _global(module, str(kind.__qualname__)) is kind or module == "builtins"


def _is_far(value: Any) -> bool:
    return isinstance(type(value), Mirror) or isinstance(value, Mirror)


def _supports(kind: type, name: str) -> bool:
    found = getattr(kind, name, None)
    if name == "__call__":
        return any("__call__" in vars(base) for base in kind.__mro__)
    return found is not None and found is not getattr(object, name, None)


def _taken(value: Any) -> Any:
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    return bytes(value) if isinstance(value, bytearray) else [*value]


def _decoys(value: Any) -> list[Any]:
    """Values that are like ``value`` and differ from it."""
    kind = type(value)
    if kind is bool or value is None:
        return [not value]
    if kind in (int, float):
        return [value + 1 if value + 1 != value else 0, -value - 3]
    if kind is str:
        return [value + "?", "?" + value[:-1]]
    if kind is bytes:
        return [value + b"?"]
    if kind in (list, tuple):
        return [kind([*value, None]), kind([0, *value[1:], 0])]
    if kind in (set, frozenset):
        return [kind([*value, "\0"])]
    if kind is dict:
        return [{**value, "\0": None}]
    return []


def _shown(value: Any) -> str:
    try:
        return repr(value)[:300]
    except BaseException:  # noqa: BLE001  the code under test wrote it
        return f"<{type(value).__name__}>"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except BaseException:  # noqa: BLE001  the code under test wrote it
        return ""


def _frames(error: BaseException) -> list[str]:
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found[-8:]


def _made_error(module: str, name: str, nearest: str, args: list[Any], text: str) -> BaseException:
    known = module in sys.modules and module.split(".", maxsplit=1)[0] in sys.stdlib_module_names
    found = _global(module, name) if known else None
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        found = getattr(sys.modules["builtins"], nearest, Exception)
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        found = Exception
    try:
        return found(*args)
    except Exception:  # noqa: BLE001  it wants other arguments
        error: BaseException = BaseException.__new__(found, text)
        return error


class Modules:
    """Finds the modules of the code under test, after those of the tests and the interpreter."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec:  # noqa: ARG002
        """As the import system asks; raises what the import raises over there."""
        far = self._peer.request("import", name)
        try:
            package = far.__path__ is not None
        except AttributeError:
            package = False
        loader: Any = Loader(far)
        return ModuleSpec(name, loader, origin=name, is_package=package)


class Loader:
    """Makes the stand-in for one module."""

    def __init__(self, far: Any) -> None:
        self._far = far

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """As the import system asks."""
        return RemoteModule(spec.name, self._far)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""


class RemoteModule(ModuleType):
    """A module of the other process."""

    def __init__(self, name: str, far: Any) -> None:
        super().__init__(name)
        vars(self)["__far__"] = far

    def __getattr__(self, name: str) -> Any:
        """What the module has, or for ``*`` all that it shows."""
        far = vars(self)["__far__"]
        if name == "__all__":
            try:
                return far.__all__
            except AttributeError:
                return [each for each in dir(far) if not each.startswith("_")]
        return getattr(far, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set over there, but for what the import system notes here."""
        if name.startswith("__") or isinstance(value, ModuleType):
            super().__setattr__(name, value)
        else:
            setattr(vars(self)["__far__"], name, value)
