"""``trust``, ``enable`` and ``disable``: the commands that change a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import ConfigError
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
    return _switch(arguments, on=True, force=arguments.force)


def disable(arguments: argparse.Namespace) -> int:
    """Set ``enabled = false``."""
    return _switch(arguments, on=False)


def _switch(arguments: argparse.Namespace, *, on: bool, force: bool = False) -> int:
    from core.router.enable import switch  # trust needs none of it

    done = switch(load_settings(arguments.config), on=on, force=force)
    if arguments.json:
        document = {"file": str(done.path), "line": done.line, "enabled": on, "forced": done.forced}
        print_json(document)
    elif done.line is None:
        print(f"nothing to write: reflex is {'enabled' if on else 'disabled'} already")
    else:
        print(f"{plain(done.path)}:{done.line}: enabled = {str(on).lower()}")
        if done.forced:
            print("enabled, but calls stay on the cloud until a bakeoff passes")
    return 0
