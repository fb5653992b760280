"""``health`` and ``models``: what the reflex server says of itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reflex_tui.cli.kinds import positive
from reflex_tui.cli.output import coloured, columns, milliseconds, print_json

if TYPE_CHECKING:
    import argparse

    from core.client.backend import Backend
    from core.client.keywords import Grammar
    from core.client.load import EngineLoad
    from core.router.condition import Health
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands


_TOOLS = {
    "called": "a call came back as one",
    "not_called": "offered, and the model did not call it",
    "malformed": "the model's call was not valid",
    "unparsed": "the call came back as text",
    "refused": "requests with tools are refused",
    "failed": "the request failed",
}


def add(commands: Commands) -> None:
    """Declare both commands."""
    health = commands.add(
        "health",
        run,
        "health",
        "health --deep",
        "health --watch 5",
    )
    health.add_argument(
        "--deep", action="store_true", help="also generate by a schema, and call a tool"
    )
    health.add_argument(
        "--schema",
        action="store_true",
        help="ask what the server makes of each keyword of JSON schema",
    )
    health.add_argument(
        "--watch",
        type=positive,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="check again every 2 (or SECONDS) seconds until Ctrl-C",
    )
    health.add_argument(
        "--timeout", type=positive, metavar="MS", help="timeout of a check (default: timeout_ms)"
    )
    commands.add("models", run_models, "models")


def run(arguments: argparse.Namespace) -> int:
    """0 when the server is healthy, 1 with what to do when not."""
    import asyncio

    from core.client.server import grammar_of
    from core.router.backends import primary
    from core.router.health import probe
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    backend = primary(settings)
    timeout_ms = arguments.timeout or backend.timeout_ms
    if arguments.watch is None:
        found = asyncio.run(probe(backend, timeout_ms=timeout_ms, deep=arguments.deep, load=True))
        if arguments.schema and found.ok:
            return asyncio.run(_schema(backend, grammar_of(found.engine), as_json=arguments.json))
        return _show(found, settings, as_json=arguments.json)
    return asyncio.run(_watch(backend, timeout_ms, arguments))


def run_models(arguments: argparse.Namespace) -> int:
    """The ids the server serves, the configured one marked; 1 when it is not among them."""
    import asyncio

    from core.router.backends import primary
    from core.router.health import probe
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    backend = primary(settings)
    found = asyncio.run(probe(backend, timeout_ms=backend.timeout_ms))
    if arguments.json:
        print_json(
            {
                "endpoint": found.endpoint,
                "configured": found.model,
                "models": [{"id": m, "configured": m == found.model} for m in found.models],
            }
        )
    elif found.models:
        rows = [
            ("●" if m == found.model else " ", m, "configured" if m == found.model else "")
            for m in found.models
        ]
        print("\n".join(columns(rows)))
    else:
        print(f"{_state(found)}  {found.summary}")
    if found.model in found.models:
        return 0
    if not arguments.json:
        _explain(found, settings)
    return 1


async def _schema(backend: Backend, grammar: Grammar, *, as_json: bool) -> int:
    """One line a keyword as it is asked; 0, or 1 where the server refuses one that calls send."""
    from core.client.keywords import Grammar
    from core.router.schema_table import KeywordVerdict, schema_rows

    if not as_json:
        known = f"{grammar}: calls send what it takes"
        unknown = "not known: calls send what nearly all take"
        print("grammar ", unknown if grammar is Grammar.PORTABLE else known)
    rows = []
    async for row in schema_rows(backend, grammar):
        rows.append(row)
        if not as_json:
            note = "" if row.sent else "not sent"
            print(f"{row.keyword:<34}  {row.verdict:<8}  {note:<8}  {row.said}".rstrip())
            sys.stdout.flush()
    if as_json:
        told = [row.as_json() for row in rows]
        print_json({"endpoint": backend.endpoint, "grammar": str(grammar), "keywords": told})
    return 1 if any(row.sent and row.verdict is KeywordVerdict.REFUSED for row in rows) else 0


async def _watch(backend: Backend, timeout_ms: float, arguments: argparse.Namespace) -> int:
    import asyncio

    from core.router.health import probe

    while True:
        found = await probe(backend, timeout_ms=timeout_ms, deep=arguments.deep)
        if arguments.json:
            print_json(found.as_json(), indent=None)
        else:
            time = found.checked_at.astimezone().strftime("%H:%M:%S")
            print(f"{time}  {_state(found)}  {milliseconds(found.latency_ms):>7}  {found.summary}")
        sys.stdout.flush()
        await asyncio.sleep(arguments.watch)


def _show(found: Health, settings: Settings, *, as_json: bool) -> int:
    if as_json:
        print_json(found.as_json())
    else:
        print(f"{_state(found)}  {found.summary}  ({milliseconds(found.latency_ms)})")
        if rows := _figures(found):
            print("\n".join(columns(rows)))
        for notice in found.notices:
            print(f"{coloured('▲', 'yellow')} {notice}")
        if not found.ok:
            _explain(found, settings)
    return 0 if found.ok else 1


def _figures(found: Health) -> list[tuple[str, str]]:
    """What the server tells of itself, and what a deep look measured."""
    context = found.engine.setup.context_tokens if found.engine and found.ok else None
    rows = [("context", f"{context:,} tokens")] if context else []
    rows += [("load", _load(found.load))] if found.load else []
    deep = found.deep
    if deep is None or deep.error is not None:
        return rows
    return [
        *rows,
        ("TTFT", milliseconds(deep.ttft_ms)),
        ("total", milliseconds(deep.total_ms)),
        ("speed", f"{deep.tokens_per_s:.0f} tokens/s" if deep.tokens_per_s else "–"),
        ("cached", f"{deep.cached_tokens} tokens" if deep.cached_tokens is not None else "–"),
        ("schema", "kept" if deep.schema_held else "not kept"),
        ("tools", _TOOLS[deep.tools] if deep.tools else "–"),
    ]


def _load(load: EngineLoad) -> str:
    from reflex_tui.model.engine_load import refused, shares, speed

    now = (f"{load.running} running", f"{load.queued} queued", speed(load))
    return ", ".join(filter(None, (*now, *shares(load), refused(load))))


def _explain(found: Health, settings: Settings) -> None:
    from core.plain import plain
    from reflex_tui.model.first_config import example, place_of

    sentence, *commands = found.remedy or ("",)
    print(f"\n{sentence}")
    for line in commands:
        print(f"  {line}")
    if settings.source.path is None:
        place = plain(place_of(settings), 500)
        print(f"\nThese are the built-in defaults. For a server of your own, write {place}:")
        known = (found.endpoint, found.models[0]) if found.models else ()
        for line in example(*known):
            print(f"  {line}")


def _state(found: Health) -> str:
    return coloured("● up", "green") if found.ok else coloured("✖ down", "red")
