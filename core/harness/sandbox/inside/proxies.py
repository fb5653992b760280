"""Stand-ins for objects, classes and modules of the other process."""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from types import ModuleType

from .wire import OPERATIONS, NotSeparable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Mirror(type):
    """The class of a proxy's class: itself a stand-in for the other side's class."""

    __peer__: Any
    __number__: int

    def __new__(mcs, name: str, bases: tuple[type, ...], names: dict[str, Any]) -> Mirror:
        """Made by a peer alone."""
        if "__peer__" not in names:
            raise NotSeparable(
                f"{bases[-1].__name__} is a class of the code under test, which runs elsewhere"
            )
        return super().__new__(mcs, name, bases, names)

    def __init__(cls, *_: Any) -> None:
        """Nothing to do."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance, made on the other side."""
        return cls.__peer__.request("call", cls, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        """An attribute of the class."""
        if name.startswith("__") and name != "__members__":
            raise AttributeError(name)
        return cls.__peer__.request("get", cls, (name,))

    def __setattr__(cls, name: str, value: Any) -> None:
        """Set on the other side."""
        if name.startswith("__"):
            type.__setattr__(cls, name, value)
        else:
            cls.__peer__.request("set", cls, (name, value))

    def __iter__(cls) -> Any:
        """The members of an enumeration."""
        return cls.__peer__.request("__iter__", cls)

    def __len__(cls) -> Any:
        """Their number."""
        return cls.__peer__.request("__len__", cls)

    def __bool__(cls) -> bool:
        """A class is true."""
        return True

    def __getitem__(cls, name: Any) -> Any:
        """One of them, or the class with parameters."""
        return cls.__peer__.request("__getitem__", cls, (name,))

    def __contains__(cls, value: Any) -> Any:
        """Whether it is one of them."""
        return cls.__peer__.request("__contains__", cls, (value,))

    def __repr__(cls) -> str:
        """As over there."""
        return str(cls.__peer__.request("__repr__", cls))


class Proxy:
    """An object of the other side."""

    __slots__ = ()
    __peer__: Any

    def __getattr__(self, name: str) -> Any:
        """An attribute over there."""
        return type(self).__peer__.request("get", self, (name,))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set over there."""
        type(self).__peer__.request("set", self, (name, value))

    def __delattr__(self, name: str) -> None:
        """Delete over there."""
        type(self).__peer__.request("del", self, (name,))

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        """The attributes over there."""
        return type(self).__peer__.request("get", self, ("__dict__",))

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        """What it says of itself over there."""
        return type(self).__peer__.request("get", self, ("__doc__",))

    @property
    def __module__(self) -> Any:  # type: ignore[override]
        """Where it was made."""
        return type(self).__peer__.request("get", self, ("__module__",))

    def __dir__(self) -> Any:
        """Their names."""
        return type(self).__peer__.request("dir", self)


def _forward(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        return type(self).__peer__.operate(name, self, args)

    return method


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    return type(self).__peer__.request("call", self, args, kwargs)


def make_mirror(
    peer: Any, kinds: dict[int, Any], described: tuple[int, str, list[Any], str, list[str], bool]
) -> type:
    """The stand-in for a class of the other side, from its description.

    That is its number, its name, its bases (numbers in ``kinds``, names of built-in exceptions),
    the nearest built-in class, the operations of its instances, and whether they have a hash.
    """
    number, name, bases, nearest, operations, hashable = described
    known = vars(sys.modules["builtins"])
    parents: tuple[type, ...] = tuple(
        known[base] if isinstance(base, str) else kinds[base] for base in bases
    )
    names: dict[str, Any] = {"__slots__": (), "__peer__": peer, "__number__": number}
    names |= {each: _forward(each) for each in operations if each in OPERATIONS}
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
        return Mirror(str(name), parents, names)
    except TypeError:  # no order of its bases, among those that we know
        return Mirror(str(name), parents[:1], names)


def is_far(value: Any) -> bool:
    """True for a stand-in, of an object or a class."""
    return isinstance(type(value), Mirror) or isinstance(value, Mirror)


class Modules:
    """Finds the modules of the code under test, after those of the tests and the interpreter."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        """As the import system asks; raises what the import raises over there."""
        if name.partition(".")[0] in sys.stdlib_module_names:
            return None
        far = self.peer.request("import", name)
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
        vars(self).update(__far__=far, __doc__=far.__doc__)

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
