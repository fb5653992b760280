"""Every command's name, arguments and help; what it does is imported when it is run."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from core.plain import plain
from core.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

_Number = TypeVar("_Number", int, float)

_EPILOG = """\
examples:
  {prog} health
  {prog} status --json
  {prog} demo

exit status: 0 good · 1 unhealthy or gate failed · 2 configuration or usage · 3 inconclusive ·
130 interrupted"""
_SINCE = "only newer ones: 30s, 15m, 2h, 7d, or a date and time"


def build_parser(prog: str) -> argparse.ArgumentParser:
    """The whole command line; ``arguments.handler(arguments)`` runs what was asked for."""
    parser = _Parser(
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
    _add_bakeoff(commands)
    _add_check(commands)
    _add_running(commands)
    _add_serve(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, not in the ten that some commands' usage takes."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As it is, but for ``--option=--``, over which argparse stumbles."""
        for word in args or ():
            if word.startswith("-") and word.endswith("=--"):
                self.error(f"argument {word.removesuffix('=--')}: expected one argument")
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """What was typed may have come from a file: it is shown as plain text."""
        self.exit(2, f"error: {plain(message, 300)}\nSee: {self.prog} --help\n")


class _Commands:
    """Adds subcommands that share ``--config`` and ``--json``."""

    def __init__(
        self, parser: argparse.ArgumentParser, prog: str, *, of_a_command: bool = False
    ) -> None:
        self._prog = prog
        self._subparsers = parser.add_subparsers(
            title="actions" if of_a_command else "commands",
            metavar="ACTION" if of_a_command else "COMMAND",
            required=not of_a_command,
        )
        # What an action's parser does not find must not undo what the command's had found.
        default: dict[str, Any] = {"default": argparse.SUPPRESS} if of_a_command else {}
        self._shared = argparse.ArgumentParser(add_help=False)
        self._shared.add_argument(
            "--config", type=Path, metavar="PATH", help="the stage0.toml to go by", **default
        )
        self._shared.add_argument(
            "--json", action="store_true", help="one JSON document on standard output", **default
        )

    def actions(self, command: argparse.ArgumentParser) -> _Commands:
        """Actions of ``command``, none of which need be given."""
        return _Commands(command, self._prog, of_a_command=True)

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
        "show the newest events of the capsule, follow it, verify or export it",
        "events -n 50",
        "events -f --mode reflex",
        "events --type RoutingDecision --since 15m",
        "events verify",
        "events export --out events.jsonl",
    )
    events.add_argument("-f", "--follow", action="store_true", help="go on with new ones")
    events.add_argument("-n", type=_count, default=20, metavar="N", help="how many (default 20)")
    events.add_argument("--type", metavar="TYPE", help="only events of this type")
    events.add_argument("--mode", choices=["reflex", "cloud"], help="only events of this mode")
    events.add_argument("--reason", metavar="REASON", help="only decisions with this reason")
    events.add_argument("--since", metavar="WHEN", help=_SINCE)
    actions = commands.actions(events)
    verify = actions.add(
        "verify",
        "events:verify",
        "check the whole hash chain",
        "events verify",
        "events verify --head sha256:…",
    )
    verify.add_argument("--head", metavar="HASH", help="the chain must contain this hash")
    _add_export(actions)
    _add_replay(commands)


def _add_export(actions: _Commands) -> None:
    export = actions.add(
        "export",
        "export:export",
        "copy events out as JSON Lines, or ship them to an OpenTelemetry collector; recorded",
        "events export --out events.jsonl",
        "events export --since 7d --with-io > week.jsonl",
        "events export --otlp http://127.0.0.1:4318 -f",
    )
    add = export.add_argument
    add("--out", type=Path, metavar="FILE", help="where to (default: standard output)")
    add("--with-io", action="store_true", help="with requests, replies and servers' own words")
    add("--since", metavar="WHEN", default=argparse.SUPPRESS, help=_SINCE)
    add("--otlp", metavar="URL", help="ship spans to the collector at URL, from where it ended")
    add(
        "-f",
        "--follow",
        action="store_true",
        default=argparse.SUPPRESS,
        help="with --otlp: go on with new ones until Ctrl-C",
    )


def _add_replay(commands: _Commands) -> None:
    replay = commands.add(
        "replay",
        "replay:replay",
        "give a call's recorded reply again, offline; or ask a backend the same anew",
        "replay 3f2a",
        "replay 3f2a --against reflex",
        "replay 3f2a --json | jq .text",
    )
    replay.add_argument("call_id", metavar="CALL_ID", help="the call's id, or how it begins")
    replay.add_argument(
        "--against",
        metavar="BACKEND",
        help="ask reflex, cloud or a [reflex.backends] name, and show both replies",
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


def _add_bakeoff(commands: _Commands) -> None:
    bakeoff = commands.add(
        "bakeoff",
        "bakeoff:bakeoff",
        "run repair tasks with reflex and cloud, and judge whether reflex has earned its place",
        "bakeoff",
        "bakeoff --tasks 'c*' --candidates 4",
        "bakeoff --suite path/to/QuixBugs --trials 3",
        "bakeoff --resume",
        "bakeoff --reuse-cloud .speckit/eval/reflex-bakeoff-20260112T103016Z.json",
        "bakeoff --shard 1/4 --out shards",
        "bakeoff merge shards/*.json",
        "bakeoff --aa",
    )
    add = bakeoff.add_argument
    add("action", nargs="?", choices=["merge"], help="merge: one report of a run's shards")
    add("reports", nargs="*", type=Path, metavar="REPORT", help="with merge: the shards' reports")
    add(
        "--suite",
        metavar="NAME|PATH",
        default="reflex_patchloop_v1",
        help="a suite of the package, or the path of one (default: %(default)s)",
    )
    add(
        "--arms",
        metavar="A,B",
        default="reflex,cloud",
        help="the backend on trial, and the one it is held against (default: %(default)s)",
    )
    add("--tasks", metavar="GLOB", default="*", help="only tasks whose id matches")
    add("--trials", type=_from_one, default=1, metavar="N", help="goes at each task (default 1)")
    add("--attempts", type=_from_one, metavar="N", help="attempts a go (default: the suite's)")
    add(
        "--candidates",
        type=_from_one,
        metavar="N",
        help="replies asked of a local arm at once (default: that of [reflex])",
    )
    add(
        "--edit-format",
        choices=["auto", "whole_file", "search_replace", "line_range"],
        help="how edits are written (default: the suite's)",
    )
    add(
        "--concurrency",
        type=_from_one,
        default=1,
        metavar="N",
        help="goes under way at once; they share the servers, so latencies rise (default 1)",
    )
    add("--seed", type=_count, metavar="N", help="of the random order (default: random, recorded)")
    add("--shard", type=_shard, metavar="I/N", help="only the Ith of N parts of the tasks")
    add(
        "--reuse-cloud",
        type=Path,
        metavar="REPORT",
        help="take the cloud's trials from this report instead of paying again; it is stamped",
    )
    add("--baseline", type=Path, metavar="REPORT", help="fail on what is worse beyond noise")
    add("--junit", type=Path, metavar="FILE", help="write the reflex arm's trials as JUnit XML")
    add("--resume", action="store_true", help="go on with the run that was stopped last")
    add("--aa", action="store_true", help="the cloud against itself: how often the gate errs")
    add("--out", type=Path, metavar="DIR", help="where reports go (default: .speckit/eval)")
    add(
        "--allow-unsandboxed",
        action="store_true",
        help="run model-written code even where no sandbox holds; it is stamped, never promotes",
    )


def _add_check(commands: _Commands) -> None:
    check = commands.add(
        "check",
        "check:check_report",
        "derive the gate's verdict from a report's trials: 0 pass, 1 fail, 3 inconclusive",
        "check",
        "check --report .speckit/eval/reflex-bakeoff-20260112T103016Z.json",
        "check --baseline main.json --junit reflex.xml",
        "check --json | jq -r .headline",
    )
    check.add_argument(
        "--report",
        type=Path,
        metavar="PATH",
        help="the JSON report (default: the newest whole one of .speckit/eval)",
    )
    check.add_argument(
        "--baseline",
        type=Path,
        metavar="REPORT",
        help="an earlier report of the same suite: fail on what is worse beyond noise",
    )
    check.add_argument(
        "--junit", type=Path, metavar="FILE", help="write the reflex arm's trials as JUnit XML"
    )


def _add_running(commands: _Commands) -> None:
    engine = commands.add(
        "engine",
        "engine:engine",
        "serve a model by the embedded llama.cpp until Ctrl-C",
        "engine",
        "engine --gguf qwen2.5-coder-7b-instruct-q4_k_m.gguf --port 3009",
        "engine --hf Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:qwen2.5-coder-7b-instruct-q4_k_m.gguf",
    )
    weights = engine.add_mutually_exclusive_group()
    weights.add_argument("--gguf", type=Path, metavar="FILE", help="the model (default: SmolLM2)")
    weights.add_argument("--hf", metavar="REPO[:FILE]", help="fetch the model from Hugging Face")
    engine.add_argument("--port", type=_port, metavar="PORT", help="default: that of [reflex]")
    engine.add_argument("--model", metavar="NAME", help="the id to serve it under")
    engine.add_argument(
        "--write", action="store_true", help="put endpoint and model into the configuration"
    )
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
    completion = commands.add(
        "completion",
        "completion:completion",
        "print a script that completes this command line in your shell",
        "completion bash",
        "completion fish | source",
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="your shell")


def _add_serve(commands: _Commands) -> None:
    serve = commands.add(
        "serve",
        "serve:serve",
        "serve an OpenAI-compatible API over the router, for agents whose base URL can be set",
        "serve",
        "serve --port 3011 --stage plan",
        "serve --host 0.0.0.0 --token-env REFLEX_TOKEN --allow-host host.docker.internal",
    )
    add = serve.add_argument
    add("--port", type=_port, default=3010, metavar="PORT", help="default %(default)s; 0: any")
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="default %(default)s; others need --token-env",
    )
    add(
        "--stage",
        choices=[stage.value for stage in Stage],
        default=Stage.IMPLEMENT.value,
        help="of calls without the header X-Speckit-Stage (default: %(default)s)",
    )
    add(
        "--token-env",
        metavar="NAME",
        help="the environment variable with the bearer token that every request must carry",
    )
    add(
        "--allow-host",
        action="append",
        metavar="NAME",
        help="a further name under which clients reach this server; may be given several times",
    )
    add(
        "--grace",
        type=_count,
        default=30,
        metavar="SECONDS",
        help="how long calls under way may go on after SIGTERM or Ctrl-C (default: %(default)s)",
    )


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


def _read(kind: type[_Number], text: str) -> _Number:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{plain(text, 40)!r} is no number") from None


def _positive(text: str) -> float:
    value = _read(float, text)
    if not 0 < value <= 600_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 600000")
    return value


def _count(text: str) -> int:
    value = _read(int, text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value


def _from_one(text: str) -> int:
    value = _read(int, text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def _shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: write I/N, for example 1/4")
    return int(part), int(parts)


def _port(text: str) -> int:
    value = _read(int, text)
    if not 0 <= value <= 65_535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is no port (0 to 65535; 0 takes a free one)")
    return value
