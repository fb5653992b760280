"""``enable`` and ``disable``: let reflex serve Implement calls, or send them to the cloud."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from core.errors import ReflexError
from core.plain import plain
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from core.settings import Settings
    from reflex_tui.cli.parser import Commands


class NotPassed(ReflexError):
    """There is no valid gate pass for the configuration as it is."""

    code = "thresholds_not_met"


def add(commands: Commands) -> None:
    """Declare both commands."""
    enable = commands.add(
        "enable", run, "let reflex serve Implement calls; needs a valid gate pass", "enable"
    )
    enable.add_argument(
        "--force", action="store_true", help="also without a gate pass; the log records it"
    )
    commands.add("disable", run_disable, "send Implement calls to the cloud", "disable")


def run(arguments: argparse.Namespace) -> int:
    """Set ``enabled = true`` over a valid gate pass, or on record with ``--force``."""
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    detail = asyncio.run(_gate_detail(settings))
    if detail and not arguments.force:
        raise NotPassed(
            f"reflex is not enabled: no valid gate pass ({detail})",
            remedy="Run a bakeoff: code reflex bakeoff. To override at your own risk: --force",
        )
    if detail:
        _record_force(settings, detail)
    return _switch(settings, on=True, as_json=arguments.json, forced=detail)


def run_disable(arguments: argparse.Namespace) -> int:
    """Set ``enabled = false``; a file in which nothing was on is left alone."""
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    if settings.reflex.enabled:
        return _switch(settings, on=False, as_json=arguments.json)
    place = settings.source.path
    if arguments.json:
        print_json({"file": place and str(place), "line": None, "enabled": False, "forced": None})
    else:
        print("reflex is not enabled; nothing was changed")
    return 0


async def _gate_detail(settings: Settings) -> str | None:
    from core.router.view import RoutingViewer

    viewer = RoutingViewer(settings)
    try:
        gate = (await viewer.look()).gate
    finally:
        await viewer.aclose()
    return None if gate.valid else gate.detail


def _record_force(settings: Settings, detail: str) -> None:
    from core.capsule import EventLog
    from core.capsule.events import EnableForcedEvent
    from core.settings.edit import edited_reflex

    edited_reflex(
        settings, {"enabled": True}
    )  # a file that cannot be changed is not recorded as forced
    reflex = settings.reflex
    event = EnableForcedEvent(
        run_id=uuid.uuid4().hex, detail=detail, endpoint=reflex.endpoint, model=reflex.model
    )
    with EventLog(settings.state_dir / "capsule") as log:
        log.append(event)


def _switch(settings: Settings, *, on: bool, as_json: bool, forced: str | None = None) -> int:
    from core.settings.edit import set_enabled

    path, line = set_enabled(settings, on=on)
    if as_json:
        print_json({"file": str(path), "line": line, "enabled": on, "forced": forced})
    else:
        print(f"{plain(path)}:{line}: enabled = {str(on).lower()}")
        if forced:
            print(f"enabled, but calls stay on the cloud until a bakeoff passes ({forced})")
    return 0
