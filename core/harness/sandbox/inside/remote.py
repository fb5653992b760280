"""How tests reach the code under test, which runs in a process of its own.

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
import os
import random
import sys
from types import (
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    TracebackType,
)

from .containers import Containers, content, fill
from .proxies import Mirror, Modules, is_far, make_mirror
from .wire import (
    CONTAINERS,
    OPERATIONS,
    ORDERS,
    Broken,
    NotSeparable,
    as_value,
    decoys,
    frames_of,
    from_value,
    is_standard,
    make_error,
    shown,
    standard_object,
    supports,
    text_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

_MOST_BYTES = 32 << 20  # of a message
_MOST_REFERENCES = 200_000
_SWEEP = 64  # requests between two looks for containers that nobody uses any more
_CAUSES = 4  # exceptions that led to an exception
_UNKNOWN = object()
# Of an object of the tests the code under test may ask these, and public attributes, but none
# of a function, a class or a module: those lead to all that the tests know.
_OPEN = ("__name__", "__qualname__", "__doc__", "__module__")
_CLOSED = (
    *(FunctionType, MethodType, BuiltinFunctionType, ModuleType, GeneratorType, CoroutineType),
    *(CodeType, FrameType, TracebackType, type),
)


class LearningObject(AssertionError):
    """An object agrees with what it cannot know to be right."""


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
        self._containers = Containers(0 if judge else 1)
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
            self._containers.sweep()
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
            if name in ("__eq__", "__ne__", "__contains__", *ORDERS):
                return self._compared(name, it, args[0])
            if name in ("__sub__", "__rsub__") and type(args[0]) in (int, float):
                got = self.request(name, it, args)
                if type(got) in (int, float) and got == self._tried(name, it, args[0] + 1):
                    raise LearningObject(f"{shown(it)} differs from any number by {got!r}")
                return got
        return self.request(name, it, args)

    def _compared(self, name: str, it: Any, value: Any) -> Any:
        agrees = name != "__ne__"
        if name in ORDERS:
            values: list[Any] = [None, "\0"] if not isinstance(value, str) else [None, b"\0"]
        else:
            values = [
                *decoys(value),
                f"\0{self._random.random()}",
                self._random.random(),
                (0, None),
            ]
        self._random.shuffle(values)
        before = self._random.randrange(1, len(values) + 1)
        for decoy in values[:before]:
            self._refuse(self._tried(name, it, decoy), agrees, it)
        got = self.request(name, it, (value,), loose=not is_far(value))
        if is_far(got):  # it may know later what it was about
            got = bool(got)
        for decoy in values[before:]:
            self._refuse(self._tried(name, it, decoy), agrees, it)
        return got

    def _refuse(self, answer: Any, agrees: bool, it: Any) -> None:  # noqa: FBT001  a truth value
        if answer is not _UNKNOWN and bool(answer) is agrees:
            raise LearningObject(f"{shown(it)} agrees with values that are wrong")

    def _tried(self, name: str, it: Any, value: Any) -> Any:
        try:
            return self.request(name, it, (value,), loose=True)
        except Exception:  # noqa: BLE001  it does not know the value, as it should be
            return _UNKNOWN

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
                return OPERATIONS[what](it, *args)

    def _check(self, what: str, it: Any, args: list[Any]) -> None:
        """Refuse what the code under test may not do with an object of the tests."""
        if id(it) not in self._own_numbers:
            raise Broken("it used an object that it was not given")
        if what == "call" and isinstance(it, type) and is_standard(it):
            raise Broken("it used a class that it was not given")
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
        message["u"] = self._containers.changes(self._encode)
        message["c"], self._new_kinds = self._new_kinds, []
        message["f"] = self._containers.forgotten()
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
            message: dict[str, Any] = json.loads(data)
            for kind in message["c"]:
                if isinstance(kind[0], int) and kind[0] not in self._kinds:
                    self._kinds[kind[0]] = make_mirror(self, self._kinds, kind)
            self._containers.apply(message["u"], self._decode)
            for key in message["f"]:
                self._containers.forget(key)
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
        simple = as_value(value, self._encode)
        if simple is not None:
            return simple[0]
        kind = type(value).__name__
        if CONTAINERS.get(kind) is type(value):
            return ["m", self._containers.number_of(value), kind]
        return self._reference(value)

    def _loose(self, value: Any) -> Any:
        """The same with containers by value, so that no change of theirs comes back."""
        simple = as_value(value, self._loose)
        if simple is not None:
            return simple[0]
        kind = type(value).__name__
        if CONTAINERS.get(kind) is type(value):
            return ["v", kind, content(value, self._loose)]
        return self._reference(value)

    def _reference(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, Mirror):
            return ["o", value.__number__, "class"]
        if isinstance(kind, Mirror):
            return ["o", self._far_numbers[id(value)]]
        if isinstance(value, type):
            if is_standard(value):
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
            base.__name__ if is_standard(base) else self._kind(base)
            for base in kind.__bases__
            if not is_standard(base)
            or (issubclass(base, BaseException) and base.__module__ == "builtins")
        ]
        nearest = next((base for base in kind.__mro__ if base.__module__ == "builtins"), object)
        operations = [name for name in (*OPERATIONS, "__call__") if supports(kind, name)]
        hashable = getattr(kind, "__hash__", None) is not None
        self._new_kinds.append(
            [number, str(kind.__name__), bases, nearest.__name__, operations, hashable]
        )
        return number

    def _decode(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        known = from_value(value, self._decode)
        if known is not None:
            return known[0]
        match value:
            case ["g", str(module), str(name)]:
                return self._standard(module, name)
            case ["m", int(key), str(_)]:
                return self._containers[key]
            case ["v", str(kind), new]:
                return fill(CONTAINERS[kind](), new, self._decode)
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
            standard_object(module, name)
            if module.partition(".")[0] in sys.stdlib_module_names
            else None
        )
        if self._judge and not isinstance(found, (type, BuiltinFunctionType)):
            raise Broken("the code under test sent what is no value")
        if self._judge and isinstance(found, BuiltinFunctionType) and module != "math":
            raise Broken("the code under test sent a function of the interpreter")
        return found

    # Exceptions

    def _encode_error(self, error: BaseException, depth: int = 0) -> Any:
        """An exception with those that led to it, up to ``_CAUSES``."""
        told = self._encode_one(error)
        linked = [error.__cause__, error.__context__] if depth < _CAUSES else [None, None]
        links = [each and self._encode_error(each, depth + 1) for each in linked]
        return [told, *links, error.__suppress_context__]

    def _encode_one(self, error: BaseException) -> Any:
        frames = vars(error).get("__frames__", []) if not is_far(error) else []
        frames = [*frames, *frames_of(error)]
        kind = type(error)
        if is_far(error) or not is_standard(kind):
            return ["r", self._encode(error), [self._encode(each) for each in error.args], frames]
        nearest = next(base for base in kind.__mro__ if base.__module__ == "builtins")
        args = [self._encode(each) for each in error.args]
        return [
            "s",
            kind.__module__,
            kind.__qualname__,
            nearest.__name__,
            args,
            text_of(error),
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
                if is_far(error):
                    error.args = tuple(self._decode(each) for each in args)
            case ["s", str(module), str(name), str(nearest), list(args), str(text), list(frames)]:
                values = [self._decode(each) for each in args]
                error = make_error(module, name, nearest, values, text)
            case _:
                raise Broken("the code under test raised what is no exception")
        known = [str(frame) for frame in frames]
        object.__getattribute__(error, "__dict__")["__frames__"] = known
        return error
