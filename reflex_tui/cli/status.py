"""``status``: what is configured and where it says so, and what the next call would do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from core.router.outlook import Lookout, Outlook
from core.settings import load_settings
from reflex_tui.cli.output import coloured, columns, print_json

if TYPE_CHECKING:
    import argparse

    from core.settings import Settings


def status(arguments: argparse.Namespace) -> int:
    """Show everything a decision rests on; 0 unless the configuration cannot be used."""
    settings = load_settings(arguments.config)
    seen = asyncio.run(_look(settings))
    if arguments.json:
        print_json(_document(seen))
    else:
        print("\n".join(_lines(seen)))
    return 0


async def _look(settings: Settings) -> Outlook:
    lookout = Lookout(settings)
    try:
        return await lookout.look()
    finally:
        await lookout.aclose()


def _document(seen: Outlook) -> dict[str, Any]:
    settings = seen.settings
    return {
        "config": str(settings.source.path) if settings.source.path else None,
        "workspace": str(settings.source.root),
        "policy_hash": seen.policy.policy_hash,
        "settings": {
            ".".join(path): {"value": value, "source": settings.origin(*path)}
            for path, value in _values(settings)
        },
        "health": seen.health.as_json(),
        "breaker": {
            "state": str(seen.breaker.state),
            "failure_count": seen.breaker.failure_count,
            "max_failures": seen.breaker.max_failures,
            "retry_in_s": seen.breaker.retry_in_s,
        },
        "gate": {
            "valid": seen.gate.valid,
            "detail": seen.gate.detail,
            "age_days": seen.gate.age_days,
            "event": seen.gate.event,
        },
        "next_implement_call": {
            "mode": str(seen.decision.mode),
            "reason": str(seen.decision.reason),
            "detail": seen.decision.detail,
        },
    }


def _lines(seen: Outlook) -> list[str]:
    health = seen.health
    state = coloured("● up", "green") if health.ok else coloured("✖ down", "red")
    decision = seen.decision
    why = f"{decision.reason}" + (f" ({decision.detail})" if decision.detail else "")
    lines = [
        f"server    {state}  {health.summary}",
        f"breaker   {_breaker(seen)}",
        f"gate      {_gate(seen)}",
        f"next Implement call → {coloured(str(decision.mode), 'bold')}: {why}",
    ]
    if not health.ok:
        lines += ["", *health.remedy]
    settings = seen.settings
    lines += [
        "",
        f"workspace {settings.source.root}",
        f"config    {settings.source.path or 'none: built-in defaults'}",
        f"policy    {seen.policy.policy_hash}",
        "",
    ]
    rows = [
        (".".join(path), _shown(value), settings.origin(*path)) for path, value in _values(settings)
    ]
    return lines + columns(rows)


def _breaker(seen: Outlook) -> str:
    breaker = seen.breaker
    wait = f", next probe in {breaker.retry_in_s:.0f} s" if breaker.retry_in_s else ""
    state = str(breaker.state).replace("_", "-")
    return f"{state}, {breaker.failure_count} of {breaker.max_failures} failures{wait}"


def _gate(seen: Outlook) -> str:
    gate = seen.gate
    if gate.event is None:
        return "not passed: no bakeoff yet (code reflex bakeoff)"
    stamps = gate.event.get("stamps") or []
    age = "" if gate.age_days is None else f", {gate.age_days:.0f} days ago"
    stamped = f" [{', '.join(map(str, stamps))}]" if stamps else ""
    verdict = coloured("✓ pass", "green") if gate.valid else f"✖ not met: {gate.detail}"
    return f"{verdict}, {gate.event.get('suite')}{age}{stamped}"


def _values(settings: Settings) -> list[tuple[tuple[str, ...], Any]]:
    document = {
        "reflex": settings.reflex.model_dump(mode="json"),
        "cloud": settings.cloud.model_dump(mode="json"),
    }
    return list(_leaves((), document))


def _leaves(path: tuple[str, ...], value: Any) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves((*path, key), inner)]
    return [(path, value)]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
