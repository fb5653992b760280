"""``trust``, ``enable`` and ``disable``: the commands that change a configuration."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from core.errors import ConfigError, ReflexError
from core.plain import plain
from core.settings import load_settings, thresholds
from core.settings import trust as trusting
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from core.settings import Settings


def trust(arguments: argparse.Namespace) -> int:
    """Remember a server as trusted, or a workspace's loosened thresholds as accepted."""
    if arguments.thresholds:
        return _trust_thresholds(load_settings(arguments.config), as_json=arguments.json)
    origin = trusting.trust(arguments.url)
    if arguments.json:
        print_json({"trusted": origin, "file": str(trusting.store())})
    else:
        print(f"trusted: {plain(origin)} (in {plain(trusting.store())})")
    return 0


def _trust_thresholds(settings: Settings, *, as_json: bool) -> int:
    root, given = settings.source.root, settings.refused or settings.reflex.thresholds
    if not thresholds.loosened(given):
        raise ConfigError(
            "nothing to accept: no threshold is looser than its default",
            remedy="Only thresholds that loosen the gate need it; see docs/gate.md.",
        )
    now = thresholds.accept(root, given)
    if as_json:
        print_json({"accepted": now, "workspace": str(root), "file": str(thresholds.store())})
    else:
        values = ", ".join(f"{name} = {value:g}" for name, value in now.items())
        print(
            f"accepted for {plain(root)}: {values} (in {plain(thresholds.store())})\n"
            "Reports and gate passes by them are marked loosened."
        )
    return 0


def enable(arguments: argparse.Namespace) -> int:
    """Set ``enabled = true`` over a valid gate pass, or on record with ``--force``."""
    settings = load_settings(arguments.config)
    detail = asyncio.run(_gate_detail(settings))
    if detail and not arguments.force:
        raise ReflexError(
            f"reflex is not enabled: no valid gate pass ({detail})",
            remedy="Run a bakeoff: code reflex bakeoff. Or, on your own head: --force",
        )
    if detail:
        _record_force(settings, detail)
    return _switch(settings, on=True, as_json=arguments.json, forced=detail)


def disable(arguments: argparse.Namespace) -> int:
    """Set ``enabled = false``."""
    return _switch(load_settings(arguments.config), on=False, as_json=arguments.json)


async def _gate_detail(settings: Settings) -> str | None:
    from core.router.view import RoutingState  # disable needs none of it

    lookout = RoutingState(settings)
    try:
        gate = (await lookout.look()).gate
    finally:
        await lookout.aclose()
    return None if gate.valid else gate.detail


def _record_force(settings: Settings, detail: str) -> None:
    from core.capsule import EventLog  # disable needs none of it
    from core.capsule.events import EnableForcedEvent  # the same
    from core.settings.edit import edited_reflex  # the same

    edited_reflex(settings, {"enabled": True})  # what cannot be changed is not on record as forced
    reflex = settings.reflex
    event = EnableForcedEvent(
        run_id=uuid.uuid4().hex, detail=detail, endpoint=reflex.endpoint, model=reflex.model
    )
    with EventLog(settings.state_dir / "capsule") as log:
        log.append(event)


def _switch(settings: Settings, *, on: bool, as_json: bool, forced: str | None = None) -> int:
    from core.settings.edit import set_enabled  # tomlkit costs start-up

    path, line = set_enabled(settings, on=on)
    if as_json:
        print_json({"file": str(path), "line": line, "enabled": on, "forced": forced})
    else:
        print(f"{plain(path)}:{line}: enabled = {str(on).lower()}")
        if forced:
            print(f"forced without a gate pass ({forced}): calls still go to the cloud until one")
    return 0
