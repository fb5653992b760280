"""Every command's name, arguments and help; what it does is imported when it is run."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_EPILOG = """\
examples:
  {prog} health
  {prog} status --json
  {prog} demo

exit status: 0 good · 1 unhealthy or gate failed · 2 configuration or usage · 3 inconclusive ·
130 interrupted"""


def build_parser(prog: str) -> argparse.ArgumentParser:
    """The whole command line; ``arguments.handler(arguments)`` runs what was asked for."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Let a local model serve the Implement stage once it has earned it.",
        epilog=_EPILOG.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = _Commands(parser, prog)
    _add_looking(commands)
    _add_evidence(commands)
    _add_settings(commands)
    _add_running(commands)
    return parser


class _Commands:
    """Adds subcommands that share ``--config`` and ``--json``."""

    def __init__(self, parser: argparse.ArgumentParser, prog: str) -> None:
        self._prog = prog
        self._subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
        self._shared = argparse.ArgumentParser(add_help=False)
        self._shared.add_argument(
            "--config", type=Path, metavar="PATH", help="the stage0.toml to go by"
        )
        self._shared.add_argument(
            "--json", action="store_true", help="one JSON document on standard output"
        )

    def add(self, name: str, handler: str, does: str, *examples: str) -> argparse.ArgumentParser:
        """A command; ``handler`` is ``module:function`` within this package."""
        lines = "\n".join(f"  {self._prog} {example}" for example in examples)
        parser = self._subparsers.add_parser(
            name,
            help=does,
            description=does[0].upper() + does[1:] + ".",
            epilog=f"examples:\n{lines}" if examples else None,
            parents=[self._shared],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.set_defaults(handler=_later(handler))
        return parser


def _add_looking(commands: _Commands) -> None:
    health = commands.add(
        "health",
        "health:health",
        "check the reflex server; 0 when healthy, else what to do",
        "health",
        "health --deep",
        "health --watch 5",
    )
    health.add_argument("--deep", action="store_true", help="add one constrained generation")
    health.add_argument(
        "--watch",
        type=_positive,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="look again every 2 (or SECONDS) seconds until Ctrl-C",
    )
    health.add_argument(
        "--timeout", type=_positive, metavar="MS", help="deadline of the look (default: timeout_ms)"
    )
    commands.add("models", "health:models", "list the models the reflex server serves", "models")
    commands.add(
        "status",
        "status:status",
        "show the configuration and its sources, breaker, gate, and the next call's route",
        "status",
        "status --json",
    )


def _add_evidence(commands: _Commands) -> None:
    events = commands.add(
        "events",
        "events:events",
        "show the newest events of the capsule, follow it, or verify it",
        "events -n 50",
        "events -f --mode reflex",
        "events --type RoutingDecision --since 15m",
        "events verify",
    )
    events.add_argument(
        "action", nargs="?", choices=["verify"], help="verify: check the whole hash chain"
    )
    events.add_argument("-f", "--follow", action="store_true", help="go on with new ones")
    events.add_argument("-n", type=_count, default=20, metavar="N", help="how many (default 20)")
    events.add_argument("--type", metavar="TYPE", help="only events of this type")
    events.add_argument("--mode", choices=["reflex", "cloud"], help="only events of this mode")
    events.add_argument("--reason", metavar="REASON", help="only decisions with this reason")
    events.add_argument(
        "--since", metavar="WHEN", help="only newer ones: 30s, 15m, 2h, 7d, or a date and time"
    )
    events.add_argument(
        "--head", metavar="HASH", help="with verify: the chain must contain this hash"
    )


def _add_settings(commands: _Commands) -> None:
    trust = commands.add(
        "trust",
        "settings:trust",
        "allow a server off this machine that a project's file names",
        "trust https://llm.example.com/v1",
    )
    trust.add_argument("url", metavar="URL", help="the server; scheme, host and port count")
    enable = commands.add(
        "enable",
        "settings:enable",
        "let reflex serve Implement calls; refused without a valid gate pass",
        "enable",
    )
    enable.add_argument("--force", action="store_true", help="even without a pass; the log says so")
    commands.add("disable", "settings:disable", "send Implement calls to the cloud again")


def _add_running(commands: _Commands) -> None:
    engine = commands.add(
        "engine",
        "engine:engine",
        "serve a model by the embedded llama.cpp until Ctrl-C",
        "engine",
        "engine --gguf qwen2.5-coder-7b-instruct-q4_k_m.gguf --port 3009",
    )
    engine.add_argument("--gguf", type=Path, metavar="FILE", help="the model (default: SmolLM2)")
    engine.add_argument("--port", type=_port, metavar="PORT", help="default: that of [reflex]")
    engine.add_argument("--model", metavar="NAME", help="the id to serve it under")
    demo = commands.add(
        "demo",
        "demo:demo",
        "the dashboard over an embedded engine, in a workspace of its own",
        "demo",
    )
    demo.add_argument(
        "--headless", action="store_true", help="one call without the dashboard, then end"
    )
    commands.add("tui", "tui:tui", "open the dashboard", "tui", "tui --config path/stage0.toml")


def _later(handler: str) -> Callable[[argparse.Namespace], int]:
    module, function = handler.split(":")

    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(import_module(f"reflex_tui.cli.{module}"), function)(arguments))

    return run


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"{parser.prog} {version('speckit-reflex')}")
        parser.exit()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 600000")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is no port (0 to 65535; 0 takes a free one)")
    return value
