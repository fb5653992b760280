"""Reading stage0.toml strictly: every mistake names file, line, key and what was expected."""

from __future__ import annotations

import codecs
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel, ValidationError

from core.errors import ConfigError
from core.plain import plain
from core.settings.find import Source, find
from core.settings.model import (
    Cloud,
    Document,
    Fallback,
    LocalBackend,
    Monitor,
    Notify,
    Reflex,
    Serve,
    Shadow,
    StageRule,
    Thresholds,
)
from core.settings.suites import accepted as suites_accepted
from core.settings.suites import added, effective_suites
from core.settings.thresholds import (
    DEFAULTS,
    accepted,
    effective_monitor,
    effective_thresholds,
    loosened,
    slackened,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

MAX_BYTES = 64 << 10
MAX_LINE_BYTES = 4 << 10
_MAX_SHOWN = 60
# Each part can end in one place only: a line of blanks costs no more than its length.
_TABLE = re.compile(r"^\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_LONG_STRINGS = {
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+"{3,5}'),
    "'''": re.compile(r".*?'{3,5}"),
}
# What a line is made of, as far as a string of several lines could begin in it.
_WORDS = re.compile(r"""\"{3}|'{3}|"(?:[^"\\]|\\.)*+"|'[^']*+'|\#.*|[^"'#]++|.""")
_ONE = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_PART = re.compile(_ONE)
_KEY = re.compile(rf"^\s*({_ONE}(?:\s*\.\s*{_ONE})*)\s*=")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line (from 1) of each table header and key, by full dotted path; tomllib does not say.

    A key inside an inline table is found by its table.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    string = ""  # the quotes that will end a string of several lines
    for number, line in enumerate(text.split("\n"), 1):
        within, string = string, _open_string(line, string)
        if within:
            continue
        if header := _TABLE.match(line):
            table = _parts(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(table + _parts(key[1]), number)
    return lines


def _open_string(line: str, string: str) -> str:
    """The quotes of a string of several lines that is open at the line's end; empty: none is.

    ``string`` is what was open at its beginning.
    """
    at = 0
    while at < len(line):
        if string:
            end = _LONG_STRINGS[string].match(line, at)
            if end is None:
                return string
            at, string = end.end(), ""
            continue
        word = _WORDS.match(line, at)
        if word is None:
            return ""
        at = word.end()
        string = word[0] if word[0] in _LONG_STRINGS else ""
    return string


def line_of(path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> int | None:
    """The line of ``path``, else of the nearest table around it, else None."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(map(_named, _PART.findall(dotted)))


def _named(part: str) -> str:
    """The key that ``part`` writes, with its escapes."""
    if "\\" not in part:
        return part.strip("\"'")
    try:
        return next(iter(tomllib.loads(f"{part} = 0")))
    except tomllib.TOMLDecodeError:
        return part


_THRESHOLDS = ("reflex", "thresholds")
_MONITOR = ("reflex", "monitor")


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration as read: values, where they came from, and the workspace's root.

    ``refused`` are the file's thresholds where some of them loosen the gate without the user's
    consent; those in ``reflex`` are the ones that count. ``unwatched`` is likewise its
    ``[reflex.monitor]`` where that switches off the watch over live calls, and ``refused_suites``
    are the suites it adds to those whose passes count.
    """

    reflex: Reflex
    cloud: Cloud
    source: Source
    lines: dict[tuple[str, ...], int] = field(default_factory=dict, repr=False)
    refused: Thresholds | None = None
    serve: Serve = field(default_factory=Serve)
    unwatched: Monitor | None = None
    refused_suites: tuple[str, ...] = ()

    @property
    def state_dir(self) -> Path:
        """``.speckit`` of this workspace."""
        return self.source.root / ".speckit"

    def origin(self, *path: str) -> str:
        """Where the value at ``path`` came from: ``default``, or ``file:line``."""
        line = self.lines.get(path)
        if line is None or self.source.path is None or self._ignores(path):
            return "default"
        return f"{self.source.path.name}:{line}"

    def _ignores(self, path: tuple[str, ...]) -> bool:
        if path[:-1] == _THRESHOLDS:
            return self.refused is not None and path[-1] in loosened(self.refused)
        off = slackened(self.unwatched) if self.unwatched else {}
        return path[:-1] == _MONITOR and path[-1] in off

    def names(self, *path: str) -> bool:
        """Whether the file itself sets the value at ``path``."""
        return path in self.lines

    @property
    def warning(self) -> str:
        """What of the file does not count as it loosens the gate, and what to do; else empty."""
        if self.source.path is None or not (self._ignored or self.refused_suites):
            return ""
        wanted, flags = list(self._ignored), ["--thresholds"] if self._ignored else []
        if self.refused_suites:
            wanted.append(f"suites: {plain(', '.join(self.refused_suites), 200)}")
            flags.append("--suites")
        commands = " and ".join(f"code reflex trust {flag}" for flag in flags)
        return (
            f"{plain(self.source.path.name)} loosens the gate, which a project's file may not: "
            f"{', '.join(wanted)} ignored. To accept it in this workspace: {commands}"
        )

    @property
    def _ignored(self) -> list[str]:
        """The thresholds and switches that do not count, each with its default."""
        values = loosened(self.refused) if self.refused else {}
        off = slackened(self.unwatched) if self.unwatched else {}
        return [
            *(
                f"{name} = {value:g} (default {getattr(DEFAULTS, name):g})"
                for name, value in values.items()
            ),
            *(f"monitor.{name} = false (default true)" for name in off),
        ]


def load_settings(path: Path | None = None, *, cwd: Path | None = None) -> Settings:
    """Find and read the configuration.

    Raises:
        ConfigError: the file cannot be read or used.
    """
    source = find(path, cwd=cwd)
    if source.path is None:
        return Settings(Reflex(), Cloud(), source)
    text = read_text(source.path)
    document, lines = parse(text, str(source.path))
    reflex, asked, watch = document.reflex, document.reflex.thresholds, document.reflex.monitor
    looser = bool(loosened(asked) or slackened(watch))
    consent = source.trusted or not looser or accepted(source.root, asked, watch)
    further = added(reflex.suites)
    trusts_suites = source.trusted or not further or suites_accepted(source.root, further)
    effective = {
        "suites": effective_suites(reflex.suites, consent=trusts_suites),
        "thresholds": effective_thresholds(asked, consent=consent),
        "monitor": effective_monitor(watch, consent=consent),
    }
    return Settings(
        reflex.model_copy(update=effective),
        document.cloud,
        source,
        lines,
        refused=asked if not consent and loosened(asked) else None,
        serve=document.serve,
        unwatched=watch if not consent and slackened(watch) else None,
        refused_suites=() if trusts_suites else further,
    )


def read_text(path: Path) -> str:
    """The file's text, refused before parsing when it is no small regular UTF-8 file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path}: not a regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if data.startswith(codecs.BOM_UTF8):
        raise ConfigError(f"{path}:1: begins with a byte order mark; save it as UTF-8 without one")
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: over {MAX_BYTES >> 10} KiB; a configuration is small")
    for number, line in enumerate(data.split(b"\n"), 1):
        if len(line) > MAX_LINE_BYTES:
            raise ConfigError(f"{path}:{number}: line over {MAX_LINE_BYTES >> 10} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{at}: not UTF-8") from None


def parse(text: str, name: str) -> tuple[Document, dict[tuple[str, ...], int]]:
    """The document and the line of each key it sets; ``name`` is the file's, for messages.

    Tables of other tools may stand in the same file and are left alone, unless their name looks
    like a misspelt one of ours.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _fail_syntax(name, text, str(error))
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None
    lines = key_lines(text)
    ours: dict[str, Any] = {}
    for key, value in raw.items():
        if key in Document.model_fields:
            ours[key] = value
        elif not isinstance(value, dict) or _nearest(key, Document.model_fields):
            _fail(name, lines, (key,), _unknown(key, Document.model_fields))
    try:
        document = Document.model_validate(ours)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        loc = tuple(str(part) for part in first["loc"])
        _fail(name, lines, *_explain(loc, first))
    return document, {path: line_of(path, lines) or 1 for path in _leaves(ours)}


def _leaves(raw: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each value that is set, however its key is written."""
    for name, value in raw.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name)


def _explain(loc: tuple[str, ...], error: ErrorDetails) -> tuple[tuple[str, ...], str]:
    if error["type"] == "extra_forbidden":
        return loc, _unknown(loc[-1], _fields_at(loc[:-1]))
    message = error["msg"].removeprefix("Value error, ")
    head, colon, rest = message.partition(": ")
    if error["type"] == "value_error" and colon and " " not in head:
        return (*loc, *head.split(".")), rest
    if error["type"] == "missing":
        return loc, "is required"
    return loc, f"{message[0].lower()}{message[1:]}, got {_shown(error['input'])}"


def _fields_at(path: tuple[str, ...]) -> dict[str, Any]:
    tables: dict[tuple[str, ...], type[BaseModel]] = {
        (): Document,
        ("reflex",): Reflex,
        ("reflex", "fallback"): Fallback,
        ("reflex", "thresholds"): Thresholds,
        ("reflex", "shadow"): Shadow,
        ("reflex", "monitor"): Monitor,
        ("cloud",): Cloud,
        ("serve",): Serve,
        ("notify",): Notify,
    }
    if path[:2] == ("serve", "stages"):
        return dict(StageRule.model_fields)
    return dict(tables.get(path, LocalBackend).model_fields)


def _unknown(key: str, known: dict[str, Any]) -> str:
    near = _nearest(key, known)
    options = f"did you mean {near!r}?" if near else f"known here: {', '.join(known)}"
    return f"unknown key; {options}"


def _takes(path: tuple[str, ...]) -> str:
    """Which keys the table takes that ``path`` lies in."""
    fields = ", ".join(_fields_at(path[:-1]))
    return f"{_table(path[:-1])} takes: {fields}." if path[:-1] else f"Tables: {fields}."


def _table(path: tuple[str, ...]) -> str:
    return f"[{plain('.'.join(path), 120)}]"


def _nearest(key: str, known: dict[str, Any]) -> str | None:
    import difflib  # mistakes are rare

    return next(iter(difflib.get_close_matches(key[:_MAX_SHOWN], list(known), 1)), None)


def _shown(value: Any) -> str:
    try:
        return plain(repr(value), _MAX_SHOWN)
    except ValueError:  # Python writes no integer of thousands of digits
        return "a number of thousands of digits"


def _fail_syntax(name: str, text: str, message: str) -> NoReturn:
    problem, _, place = message.partition(" (at ")
    number = place.removeprefix("line ").partition(",")[0]
    line = number if number.isdigit() else str(text.count("\n") + 1)
    raise ConfigError(f"{name}:{line}: not valid TOML: {plain(problem, 200)}")


def _fail(
    name: str, lines: dict[tuple[str, ...], int], path: tuple[str, ...], problem: str
) -> NoReturn:
    line = line_of(path, lines)
    where = f"{name}:{line}" if line else name
    key = plain(".".join(path), 120)
    raise ConfigError(f"{where}: {key}: {problem}", remedy=_takes(path))
