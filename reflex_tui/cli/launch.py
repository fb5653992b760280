"""``launch``: a coding agent with a gateway of its own, for as long as the agent lives."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from core.agents.profiles import AGENTS
from core.agents.session_summary import Summary
from core.figures import plural
from core.plain import plain
from core.stages import Stage
from reflex_tui.cli.output import coloured, columns, print_json

if TYPE_CHECKING:
    import argparse

    from core.agents.launching import Launched
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands

_DESCRIPTION = """\
Start a coding agent that uses Reflex, with a gateway on a free port for its lifetime.

The agent is told by environment and options of this one process: no file of yours is changed. Words
after -- are the agent's own. Its exit status is passed on, and at its end you see how many calls
stayed local (on standard error, with --json as one line). Without AGENT it lists what there is."""


def add(commands: Commands) -> None:
    """Declare the command."""
    launch = commands.add(
        "launch",
        run,
        "launch",
        "launch claude",
        "launch codex -- exec 'Fix the failing test.'",
        "launch opencode --stage plan",
    )
    launch.description = _DESCRIPTION
    launch.add_argument(
        "--stage",
        choices=[stage.value for stage in Stage],
        default=Stage.IMPLEMENT.value,
        help="stage of calls that do not name one (default: %(default)s)",
    )
    launch.add_argument("agent", nargs="?", choices=list(AGENTS), metavar="AGENT", help=_names())
    launch.add_argument(
        "arguments", nargs="*", metavar="ARG", help="after --: what the agent itself is given"
    )


def _names() -> str:
    *most, last = AGENTS
    return f"{', '.join(most)} or {last}"


def run(arguments: argparse.Namespace) -> int:
    """The agent's exit status; 0 for the list, 2 where it cannot be started."""
    import asyncio

    from core.settings import load_settings

    if arguments.agent is None and arguments.arguments:
        from reflex_tui.cli.parser import UsageError

        raise UsageError("there are words for an agent, and none is named before --")
    settings = load_settings(arguments.config)
    if arguments.agent is None:
        return _list(as_json=arguments.json)
    from core.agents.launching import launch
    from reflex_tui.cli.serve import gateway

    gateway()  # the extra
    launched = asyncio.run(
        launch(
            settings,
            arguments.agent,
            arguments.arguments,
            stage=Stage(arguments.stage),
            callers_key=settings.cloud.auth == "caller",
            reload=partial(load_settings, arguments.config),
        )
    )
    _tell(launched, settings, as_json=arguments.json)
    return launched.status


def _list(*, as_json: bool) -> int:
    import shutil

    found = {name: shutil.which(agent.program) for name, agent in AGENTS.items()}
    if as_json:
        print_json({"agents": [{"name": name, "path": path} for name, path in found.items()]})
        return 0
    rows = [
        (name, AGENTS[name].title, plain(path, 200) if path else f"not installed: {install}")
        for name, path in found.items()
        for install in (AGENTS[name].install,)
    ]
    print("\n".join([*columns(rows), "", "start one: code reflex launch NAME"]))
    return 0


def _tell(launched: Launched, settings: Settings, *, as_json: bool) -> None:
    """What came of it, on standard error: standard output is the agent's, and the exit status."""
    from core.agents.session_summary import summarize
    from core.capsule import EventLog
    from core.errors import ReflexError

    try:
        with EventLog(settings.state_dir / "capsule") as log:
            summary = summarize(log, launched.runs, settings.cloud, after=launched.after)
    except ReflexError as error:
        summary = Summary(damage=error.message)
    if as_json:
        print_json({"status": launched.status, **asdict(summary)}, indent=None, to=sys.stderr)
        return
    lines = [f"warning: {warning}" for warning in launched.warnings]
    sys.stderr.write("".join(f"{line}\n" for line in (*lines, *summary_lines(summary))))


def summary_lines(summary: Summary) -> list[str]:
    """The summary in words; the last line says whether the evidence holds."""
    if not summary.calls:
        answered = "no call came through the gateway"
    else:
        percent = round(100 * summary.local / summary.calls)
        answered = (
            f"{plural(summary.calls, 'call')}: {summary.local} stayed local ({percent} %), "
            f"{summary.cloud} by the cloud"
        )
        if summary.fallbacks:
            answered += f", {summary.fallbacks} of them after reflex had failed"
        if summary.failed:
            answered += f", {summary.failed} failed"
    lines = [f"reflex: {answered}"]
    if summary.local_tokens:
        saved = "" if summary.saved_usd is None else f", ${summary.saved_usd:,.2f} saved"
        lines.append(
            f"        {summary.local_tokens:,} of {summary.tokens:,} tokens stayed local{saved}"
        )
    held = coloured("✖ evidence damaged", "red") + f": {plain(summary.damage, 400)}"
    if not summary.damage:
        held = f"✓ evidence verified: {plural(summary.events, 'event')}"
    return [*lines, f"        {held}"]
