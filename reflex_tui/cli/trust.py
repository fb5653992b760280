"""``trust``: allows a server, looser thresholds, or suites whose passes count, of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.plain import plain
from reflex_tui.cli.kinds import words
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    trust = commands.add(
        "trust",
        run,
        "trust https://llm.example.com/v1",
        "trust --thresholds",
        "trust --suites",
    )
    what = trust.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "url", nargs="?", type=words, metavar="URL", help="the server; scheme, host and port count"
    )
    what.add_argument(
        "--suites",
        action="store_true",
        help="accept that passes on the suites this workspace's file names count",
    )
    what.add_argument(
        "--thresholds",
        action="store_true",
        help="accept this workspace's looser thresholds; passes by them are marked",
    )


def run(arguments: argparse.Namespace) -> int:
    """Remember a server as trusted, or a workspace's looser thresholds or suites as accepted."""
    from core.settings import trust as trusting

    if arguments.thresholds:
        return _accept_thresholds(arguments)
    if arguments.suites:
        return _accept_suites(arguments)
    origin = trusting.trust(arguments.url)
    if arguments.json:
        print_json({"trusted": origin, "file": str(trusting.store())})
    else:
        print(f"trusted: {plain(origin)} (in {plain(trusting.store())})")
    return 0


def _accept_thresholds(arguments: argparse.Namespace) -> int:
    from core.settings import load_settings, thresholds
    from core.settings.consent import store

    settings = load_settings(arguments.config)
    root, given = settings.source.root, settings.refused or settings.reflex.thresholds
    watch = settings.unwatched or settings.reflex.monitor
    if not thresholds.loosened(given) and not thresholds.slackened(watch):
        raise ConfigError(
            "nothing to accept: no threshold is looser than its default",
            remedy="Only thresholds that loosen the gate need it; see docs/gate.md.",
        )
    now = thresholds.accept(root, given, watch)
    if arguments.json:
        print_json({"accepted": now, "workspace": str(root), "file": str(store())})
        return 0
    values = ", ".join(f"{name} = {_toml(value)}" for name, value in now.items())
    print(f"accepted for {plain(root)}: {values} (in {plain(store())})")
    if thresholds.loosened(given):
        print("Reports and gate passes by them are marked loosened.")
    return 0


def _accept_suites(arguments: argparse.Namespace) -> int:
    from core.settings import load_settings, suites
    from core.settings.consent import store

    settings = load_settings(arguments.config)
    root = settings.source.root
    further = settings.refused_suites or suites.added(settings.reflex.suites)
    if not further:
        raise ConfigError(
            "nothing to accept: [reflex] suites names no suite beyond the default",
            remedy='Name it first: suites = ["reflex_patchloop_v1", "mine"] in [reflex].',
        )
    now = suites.accept(root, further)
    if arguments.json:
        print_json({"accepted": list(now), "workspace": str(root), "file": str(store())})
    else:
        names = plain(", ".join(now), 500)
        print(f"accepted for {plain(root)}: passes on {names} count (in {plain(store())})")
    return 0


def _toml(value: float | bool) -> str:  # noqa: FBT001  a setting's value, not a switch
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
