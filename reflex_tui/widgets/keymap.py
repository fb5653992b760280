"""The user's own keys: ``keys.toml`` beside the user's configuration, read strictly but kindly.

A project's file has no say in it. What is wrong in the file is told in one notice, and the rest
of it is in force.

Which key does it now: keys that are named in a text follow the user's own.
"""

from __future__ import annotations

import difflib
import string
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from textual.app import App
    from textual.dom import DOMNode

MAX_BYTES = 64 << 10
_MOST_TOLD = 5
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMED = frozenset(key.value for key in Keys)


def shown_key(app: App[Any], binding_id: str, default: str) -> str:
    """The key that does it now, as a person reads it; ``default`` unless the user changed it."""
    changed: str = getattr(app, "keymap", {}).get(binding_id, "")
    if not changed:
        return default
    return app.get_key_display(Binding(changed.split(",", maxsplit=1)[0], ""))


def _name_of(sign: str) -> str:
    """What Textual calls the key of a sign: ``slash``, ``question_mark``."""
    name = unicodedata.name(sign).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


_SIGNS = {sign: _name_of(sign) for sign in string.punctuation}


@dataclass(frozen=True, slots=True)
class Keymap:
    """Keys by binding id, as Textual takes them, and what of the file could not be used."""

    keys: Mapping[str, str]
    problems: tuple[str, ...] = ()

    def summary(self) -> str:
        """The problems, a line each, the first few of many."""
        more = len(self.problems) - _MOST_TOLD
        rest = [f"… and {more} more"] if more > 0 else []
        return "\n".join([*self.problems[:_MOST_TOLD], *rest, "All other keys are used."])


def keymap_file() -> Path:
    """Where the user's keys are kept; not created."""
    from core.settings.find import user_config_dir  # pydantic costs the first paint

    return user_config_dir() / "keys.toml"


def read_keymap(file: Path, known: Iterable[Mapping[str, str]]) -> Keymap:
    """The keys in ``file``; none where there is no such file.

    ``known`` are the bindings that act together, each group with its default keys by id: within
    one no key may do two things.
    """
    import tomllib  # only for those who have the file

    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            return Keymap({}, ("is larger than 64 KiB and was not read",))
        document = tomllib.loads(raw.decode())
    except FileNotFoundError:
        return Keymap({})
    except OSError as error:
        return Keymap({}, (f"cannot be read: {error.strerror}",))
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or nested without end
        return Keymap({}, (f"is not TOML: {plain(error, 120)}",))
    return checked(document, known)


def checked(document: Mapping[str, Any], known: Iterable[Mapping[str, str]]) -> Keymap:
    """What of a document, ``action = "key"`` or ``["key", "key"]`` each, can be used."""
    groups = list(known)
    ids = {each for group in groups for each in group}
    keys: dict[str, str] = {}
    problems: list[str] = []
    for name, value in _leaves(document):
        told = plain(name, 60)
        listed = [value] if isinstance(value, str) else value
        if name not in ids:
            near = difflib.get_close_matches(name[:60], ids, 1, cutoff=0.5)
            problems.append(
                f"{told}: no such action" + (f"; did you mean {near[0]}?" if near else "")
            )
        elif not isinstance(listed, list) or not listed:
            problems.append(f'{told}: must be a key such as "p" or ["p", "f5"]')
        elif odd := [each for each in listed if not is_key(each)]:
            problems.append(
                f"{told}: {plain(odd[0], 30)!r} is not a key; write p, f5, ctrl+p or space"
            )
        else:
            keys[name] = ",".join(listed)
    for first, second, key in _clashes(groups, keys):
        keys.pop(first, None)
        keys.pop(second, None)
        problems.append(f"{first} and {second} have the same key {plain(key, 30)!r}")
    return Keymap(keys, tuple(problems))


def is_key(value: object) -> bool:
    """Whether a terminal can send such a key: a character, a name, or either with modifiers."""
    if not isinstance(value, str) or "," in value:
        return False
    *modifiers, base = value.split("+") if value != "+" else ("plus",)
    if not _MODIFIERS.issuperset(modifiers):
        return False
    if len(base) == 1:
        return base.isprintable() and not base.isspace()
    return base in _NAMED or base in _SIGNS.values()


def bindings_of(nodes: Iterable[type[DOMNode]]) -> Iterator[dict[str, str]]:
    """Each class's bindings as default keys by id."""
    for node in nodes:
        group: dict[str, str] = {}
        for binding in node.__dict__.get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.id:
                group[binding.id] = binding.key
        if group:
            yield group


def _leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """``health.probe = "p"`` is a table to TOML, and an id to us."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _clashes(
    groups: Iterable[Mapping[str, str]], keys: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    for group in groups:
        taken: dict[str, str] = {}
        for name, default in group.items():
            for written in keys.get(name, default).split(","):
                key = _SIGNS.get(written, written)
                if key in taken and (name in keys or taken[key] in keys):
                    yield taken[key], name, key
                taken[key] = name
