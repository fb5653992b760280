"""Writes the reference pages and the picture: ``make docs``, or ``python docs/generate.py``.

The picture is one of those that the dashboard's tests hold it against. A test compares
each page with what this makes, so that none of them can go stale.
"""
# ruff: noqa: INP001  a script beside the pages, no package

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import errors
from core.capsule import events
from core.router.lapses import LAPSES, MARKS
from core.settings.model import (
    Cloud,
    Fallback,
    LocalBackend,
    Monitor,
    Notify,
    Reflex,
    Shadow,
    StageRule,
    Thresholds,
)
from core.stages import Stage
from reflex_tui.cli.completion import Argument, Outline, outline
from reflex_tui.cli.parser import build_parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel

DOCS = Path(__file__).parent
PICTURES = DOCS.parent / "snapshots" / "test_health_snapshots"
PICTURE = PICTURES / "test_health[healthy-dark-120x40].svg"
_NOTE = "<!-- Made by docs/generate.py; change the code and run `make docs`. -->\n"

_CONFIGURATION = """\
# Configuration

Reflex reads `stage0.toml`, or `speckit.toml`: the nearest one from the working directory up to
the repository's root, else the user's own, else the defaults below. `--config PATH` and
`$SPECKIT_CONFIG` name a file outright. [`stage0.toml.sample`](../stage0.toml.sample) has every
key; `code reflex status` shows each value and the line it came from.

The file is read strictly. An unknown key, a wrong type or a value out of range is an error with
file, line and key, and exit status 2. Tables of other tools may stand in the same file. A project's
file is untrusted: see [SECURITY.md](../SECURITY.md).
"""

_CLI = """\
# Command line

`code reflex COMMAND`, or `speckit-reflex COMMAND`, which is the same. `code` hands whatever is not
`reflex` to the next `code` on your `PATH`. `reflex-tui` is `code reflex tui`.

{statuses}
`--json` prints one document on standard output. When the command fails it is
`{"error": {"code": …, "message": …, "do": …}}`, and each kind of error has a `code` of its own.

`code reflex completion SHELL` prints a script that completes all of this. Put one of these into
your shell's start-up file:

```sh
eval "$(code reflex completion bash)"     # ~/.bashrc
eval "$(code reflex completion zsh)"      # ~/.zshrc, after compinit
code reflex completion fish | source      # ~/.config/fish/config.fish
```
"""

_STATUSES = (
    ("0", "good"),
    ("1", "unhealthy, or the gate failed"),
    ("2", "configuration or usage"),
    ("3", "inconclusive"),
    ("130", "interrupted"),
    ("143", "terminated (SIGTERM); serve ends with 0"),
)

_EVENTS = """\
# Events

The capsule is the event log of a workspace: what was decided, what was asked, what came of it.
Every line of `.speckit/capsule/events-NNNNNN.jsonl` is one event: a JSON object in UTF-8. Besides
the fields of its type it has those that the log adds:

| field | type | meaning |
| --- | --- | --- |
| `event_type` | string | One of the types below. |
| `seq` | integer | From 1, without a gap. |
| `time` | string | When it was appended; RFC 3339, UTC, milliseconds. |
| `schema_version` | integer | Of this format. |
| `prev` | string | `hash` of the record before; zeroes in the first. |
| `hash` | string | sha256 of the line's bytes up to this field; it stands last. |

`code reflex events verify` checks the chain, and that your gate decisions follow each other. What
is kept of requests and responses is `capture_mode` of the run's policy; see
[configuration](configuration.md). Secrets are taken out before anything is stored.

The dashboard reads large capsules through an index. It is not part of the evidence: it lies in your
own state directory (`~/.local/state/speckit-reflex/index` on Linux), is built from the log, and may
be deleted at any time. An `index.sqlite` in a workspace is of an earlier version, or planted; it is
never opened.
"""


_TROUBLE = """\
# Troubleshooting

Ask Reflex first: `code reflex status` says who answers the next Implement call and why, and
`code reflex health` says what is wrong with the local server and which command puts it right.

## It does not start

"""

_STARTING = (
    ("`code` opens an editor", "use `speckit-reflex`, which is the same command"),
    ("`needs the package …, which is not installed`", "install the extra that the message names"),
    ("`there is no home directory`", "set `HOME`, or the four `XDG_…_HOME` variables"),
    ("`TERM=dumb` is declined", "use a real terminal, or `code reflex health --watch`"),
    ("`stage0.toml:7: …`, status 2", "change that line; the message says what may stand there"),
)

_REASONS = (
    ("not_implement_stage", "only the Implement stage may use reflex", "[Name the stage]({stage})"),
    ("reflex_disabled", "reflex is switched off", "After a pass: `code reflex enable`"),
    ("server_unhealthy", "the local server is down or answers wrongly", "`code reflex health`"),
    ("model_not_available", "the local server serves another model", "`code reflex models`"),
    ("thresholds_not_met", "no bakeoff counts now", "See the details below"),
    ("max_failures_reached", "it failed too often in a row", "`code reflex events`; it is retried"),
    ("backend_failed", "one call failed there, so the cloud answered", "Nothing, if it is rare"),
    ("needs_cloud", "it holds what no local server takes, as an image", "Nothing"),
    ("prompt_exceeds_context", "the prompt is too long for it", "Start it with a longer context"),
    ("holdout", "the cloud answers a share of the calls, for comparison", "Nothing: you set it"),
)

_WHY = """
## Why is it still the cloud?

`code reflex status` and each event of a decision name a reason:

"""

_DETAILS = """
With `thresholds_not_met` a detail says what is missing:

"""

_ERRORS = """
## What a mark on a report means

"""

_CODES = """
## Error codes

What `--json` and the events call an error. A *counted* failure of a local server brings its circuit
breaker nearer to opening; one that *opens* it does so at once.

"""


def pages() -> dict[str, str]:
    """The text of each file in this directory by its name."""
    return {
        "configuration.md": _NOTE + _CONFIGURATION + "".join(_sections()),
        "cli.md": _NOTE
        + _CLI.replace("{statuses}", _table(("exit status", "means"), _STATUSES))
        + "".join(_commands(outline(build_parser("code reflex")))),
        "troubleshooting.md": _NOTE + _TROUBLE + "".join(_troubles()),
        "speckit-reflex.1": "".join(_manual(outline(build_parser("speckit-reflex")))),
        "events.md": _NOTE + _EVENTS + "".join(_event_types()),
        "dashboard.svg": PICTURE.read_text(encoding="utf-8"),
    }


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")


def _sections() -> Iterable[str]:
    tables: dict[str, type[BaseModel]] = {
        "reflex": Reflex,
        "reflex.fallback": Fallback,
        "reflex.thresholds": Thresholds,
        "reflex.shadow": Shadow,
        "reflex.monitor": Monitor,
        "reflex.backends.NAME": LocalBackend,
        "cloud": Cloud,
        "serve.stages.NAME": StageRule,
        "notify": Notify,
    }
    for name, model in tables.items():
        properties = model.model_json_schema()["properties"]
        rows = [
            (f"`{key}`", _type(model, key, one), _default(model, key), one["description"])
            for key, one in properties.items()
            if "description" in one and key != "backends"
        ]
        does = (model.__doc__ or "").partition(": ")[2]
        yield f"\n## `[{name}]`\n\n{_sentence(does)}\n\n"
        yield _table(("key", "type", "default", "meaning"), rows)


def _type(model: type[BaseModel], key: str, schema: dict[str, Any]) -> str:
    """The kind and range of a key's value, in words."""
    one = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)
    if one.get("$ref") == "#/$defs/Stage":
        return " or ".join(f"`{stage}`" for stage in Stage)
    if "enum" in one:
        return " or ".join(f"`{_toml(word)}`" for word in one["enum"])
    validators = {getattr(each, "func", None) for each in model.model_fields[key].metadata}
    if "_endpoint" in {getattr(each, "__name__", "") for each in validators}:
        return "URL"
    if one["type"] == "array":
        kind = "words" if key == "command" else "names"
        return f"list of {kind}, at most {one['maxItems']}"
    words = {"number": "number", "integer": "whole number", "boolean": "true or false"}
    limits = [
        (f"≥ {one['minimum']:g}" if "minimum" in one else ""),
        (f"> {one['exclusiveMinimum']:g}" if "exclusiveMinimum" in one else ""),
        (f"≤ {one['maximum']:g}" if "maximum" in one else ""),
        (f"< {one['exclusiveMaximum']:g}" if "exclusiveMaximum" in one else ""),
    ]
    return ", ".join([words.get(one["type"], "text"), *filter(None, limits)])


def _default(model: type[BaseModel], key: str) -> str:
    field = model.model_fields[key]
    if field.is_required():
        return "required"
    return "none" if field.default is None else f"`{_toml(field.default)}`"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _commands(root: Outline) -> Iterable[str]:
    shared = {one.flags for one in root.actions[0].options if one.flags in _SHARED}
    own = [one for one in root.actions[0].options if one.flags in shared]
    yield "\nEvery command takes these, before it or after it:\n\n" + _table(
        ("option", "does"), map(_argument, own)
    )
    for command in root.walk()[1:]:
        level = "#" * (1 + len(command.path))
        yield f"\n{level} `code reflex {command.name}`\n\n{command.about}\n"
        arguments = [*command.positionals, *command.options]
        if rows := [_argument(one) for one in arguments if one.flags not in shared]:
            yield "\n" + _table(("argument", "does"), rows)
        if command.examples:
            lines = [line.strip() for line in command.examples.splitlines()[1:]]
            yield "\n```sh\n" + "\n".join(lines) + "\n```\n"


_SHARED = {("-h", "--help"), ("--config",), ("--json",)}


def _argument(one: Argument) -> tuple[str, str]:
    value = f"[{one.metavar}]" if one.optional and one.metavar else one.metavar
    flags = " ".join(filter(None, [", ".join(one.flags), value]))
    return f"`{flags}`", _sentence(one.does)


def _event_types() -> Iterable[str]:
    for model in events.Event.__subclasses__():
        if model.__module__ != events.__name__:
            continue
        schema = model.model_json_schema()
        rows = [
            (f"`{name}`", _json_type(one, schema), one["description"])
            for name, one in schema["properties"].items()
        ]
        yield f"\n## {model.event_type}\n\n{_sentence(model.__doc__ or '')}\n\n"
        yield _table(("field", "type", "meaning"), rows)


def _manual(root: Outline) -> Iterable[str]:
    """The manual page, in the macros of man(7)."""
    yield '.TH SPECKIT\\-REFLEX 1 "" "speckit-reflex" "User Commands"\n'
    yield f".SH NAME\nspeckit\\-reflex \\- {_roff(root.about.removesuffix('.').lower())}\n"
    yield ".SH SYNOPSIS\n.B speckit\\-reflex\n.I COMMAND\n[option ...]\n"
    yield ".SH OPTIONS OF EVERY COMMAND\n" + "".join(map(_entry, root.options))
    yield ".SH COMMANDS\n"
    shared = {one.flags for one in root.options}
    for command in root.walk()[1:]:
        yield f".SS {_roff(command.name)}\n{_roff(command.about)}\n"
        arguments = [*command.positionals, *command.options]
        yield "".join(_entry(one) for one in arguments if one.flags not in shared | _SHARED)
    yield ".SH EXIT STATUS\n" + "".join(
        f".TP\n.B {status}\n{_roff(means)}\n" for status, means in _STATUSES
    )


def _entry(one: Argument) -> str:
    flags = f".B {_roff(', '.join(one.flags))}\n" if one.flags else ""
    value = f".I {_roff(one.metavar)}\n" if one.metavar else ""
    if flags and value:
        flags, value = f'.BI "{_roff(", ".join(one.flags))} " "{_roff(one.metavar)}"\n', ""
    return f".TP\n{flags}{value}{_roff(_sentence(one.does))}\n"


def _roff(text: str) -> str:
    """As plain text: no line of it is a request, and no character an escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return "\n".join(
        f"\\&{line}" if line[:1] in {".", "'"} else line for line in escaped.split("\n")
    )


def _troubles() -> Iterable[str]:
    """Lapse reasons, marks and error codes, as the code words them."""
    yield _table(("you see", "do this"), _STARTING)
    reasons = [
        (f"`{name}`", _sentence(means), do.format(stage="agents.md#the-stage"))
        for name, means, do in _REASONS
    ]
    yield _WHY + _table(("reason", "means", "do this"), reasons) + _DETAILS
    lapses = [(f"`{name}`", _sentence(one.sentence), one.next_step) for name, one in LAPSES.items()]
    yield _table(("detail", "means", "do this"), lapses)
    marks = [
        (f"`{name}`", _sentence(one.consequence), one.next_step) for name, one in MARKS.items()
    ]
    yield _ERRORS + _table(("mark", "means", "do this"), marks)
    codes = {}
    for each in _all_errors(errors.ReflexError):
        counting = getattr(each, "counting", None)
        does = "" if counting is None else str(counting).replace("_", " ")
        codes.setdefault(each.code, (f"`{each.code}`", _first_line(each), does))
    yield _CODES + _table(("code", "means", "for the breaker"), list(codes.values())[1:])


def _all_errors(base: type[errors.ReflexError]) -> Iterable[type[errors.ReflexError]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _all_errors(each)


def _first_line(model: type) -> str:
    return _sentence((model.__doc__ or "").partition("\n\n")[0].partition("; ``")[0])


def _json_type(one: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in one:
        return " or ".join(_json_type(each, schema) for each in one["anyOf"])
    if "$ref" in one:
        one = schema["$defs"][one["$ref"].rpartition("/")[2]]
    if "const" in one:
        return f"`{json.dumps(one['const'])}`"
    if "enum" in one:
        return " or ".join(f"`{json.dumps(each)}`" for each in one["enum"])
    if one.get("type") == "array":
        return f"array of {_json_type(one['items'], schema)}s"
    return str(one.get("type", "any"))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    # A bar within a cell would end it, also within code.
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _sentence(text: str) -> str:
    text = " ".join(text.split()).replace("``", "`")
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}." if text else ""


if __name__ == "__main__":
    main()
