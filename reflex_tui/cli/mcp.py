"""``mcp``: what a coding agent may ask of Reflex, as tools of an MCP server on standard streams.

The agent works on: it may hand a task of named files to the model that has earned it, and ask how
the server is, who would answer next, and why a call went where it did. The check of a task is a
command that runs as the user, so the agent may choose only among those given on the command line.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError, ReflexError
from core.extras import how_to_install
from core.plain import plain
from reflex_tui.cli.kinds import positive

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from mcp.server.mcpserver import MCPServer

    from core.settings import Settings
    from reflex_tui.cli.parser import Commands

_DESCRIPTION = """\
Serve tools for a coding agent over MCP, on standard input and output, in the current directory.

Tools: health, status, why, and, where --check is given, implement: the patch loop on named files
until that check passes. It returns the diff, and writes your files only when the agent asks it to.
A check runs as you, without a sandbox, on a copy of the repository."""
_INSTRUCTIONS = (
    "Reflex lets a local model do implement tasks once it has earned that in a bakeoff. Use "
    "implement for a small change of a few named files whose success a check can see."
)


def add(commands: Commands) -> None:
    """Declare the command."""
    mcp = commands.add(
        "mcp",
        run,
        "mcp",
        "mcp --check 'pytest -q' --check 'make lint'",
    )
    mcp.description = _DESCRIPTION
    mcp.add_argument(
        "--check",
        action="append",
        metavar="CMD",
        help="a command that an agent may use as the check of a task; may be repeated",
    )
    mcp.add_argument(
        "--check-timeout",
        type=positive,
        default=300.0,
        metavar="SECONDS",
        help="timeout of a check, which then has failed (default: 300)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until the client closes its end."""
    import asyncio

    from core.implement.command import words_of
    from core.settings import load_settings

    checks = tuple(arguments.check or ())
    for check in checks:
        words_of(check)
    load_settings(arguments.config)  # a mistake is said now, and not to a model
    served = server(arguments.config, checks, check_timeout_s=arguments.check_timeout)
    asyncio.run(served.run_stdio_async())
    return 0


def server(
    config: Path | None = None, checks: tuple[str, ...] = (), *, check_timeout_s: float = 300.0
) -> MCPServer[Any]:
    """The MCP server over the workspace of the current directory, or of ``config``.

    The configuration is read again for each call. ``checks`` are the commands that ``implement``
    may run; without any it is not offered.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp_types import ToolAnnotations
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"`mcp` needs the package {error.name}, which is not installed",
            remedy=how_to_install("mcp"),
        ) from error

    from core.settings import load_settings

    served: MCPServer[Any] = MCPServer("reflex", instructions=_INSTRUCTIONS, log_level="ERROR")

    def settings() -> Settings:
        return load_settings(config)

    looking = ToolAnnotations(read_only_hint=True)

    @served.tool(annotations=looking)
    async def health() -> dict[str, Any]:
        """How the local model server is: up or down, its model, and what to do when it is down."""
        from core.router.backends import primary
        from core.router.health import probe

        return await _answered(
            lambda given: _as_json(probe(primary(given), timeout_ms=given.reflex.timeout_ms)),
            settings,
        )

    @served.tool(annotations=looking)
    async def status() -> dict[str, Any]:
        """Who would answer the next implement call (reflex or cloud) and everything it rests on."""
        return await _answered(_status, settings)

    @served.tool(annotations=looking)
    async def why(call_id: str) -> dict[str, Any]:
        """Why a call went where it did: its decisions and attempts, by (the beginning of) its id.

        The id is that of the header X-Reflex-Call-Id, or of an implement result.
        """
        return await _answered(lambda given: _why(given, call_id), settings)

    if checks:

        @served.tool(annotations=ToolAnnotations(destructive_hint=True, open_world_hint=False))
        async def implement(
            prompt: str, files: list[str], check: str = checks[0], *, write: bool = False
        ) -> dict[str, Any]:
            """Change the named files until the check passes, by the model that may; see the diff.

            Nothing is written unless write is true. check must be one of the allowed commands.

            Args:
                prompt: What is to be done, in a sentence or a few.
                files: The files that may be changed, relative to the repository; no others are.
                check: The command that ends with 0 when the task is done.
                write: Write the files when the check has passed; else only the diff is returned.
            """
            if check not in checks:
                allowed = ", ".join(repr(plain(one, 200)) for one in checks)
                raise _tool_error(f"the check must be one of: {allowed}")
            return await _answered(
                lambda given: _implement(
                    given, prompt, files, check, check_timeout_s=check_timeout_s, write=write
                ),
                settings,
            )

    return served


async def _answered(
    work: Callable[[Settings], Awaitable[dict[str, Any]]], settings: Callable[[], Settings]
) -> dict[str, Any]:
    """What ``work`` finds; an error of ours is the tool's, in words and with what to do."""
    try:
        return await work(settings())
    except ReflexError as error:
        raise _tool_error(f"{error.message}. {error.remedy}".strip(". ")) from error


def _tool_error(words: str) -> Exception:
    from mcp.server.mcpserver.exceptions import ToolError

    return ToolError(plain(words, 2000))


async def _as_json(looking: Awaitable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await looking).as_json()
    return found


async def _status(settings: Settings) -> dict[str, Any]:
    from core.router.view import look_once

    return (await look_once(settings)).as_json()


async def _why(settings: Settings, call_id: str) -> dict[str, Any]:
    import asyncio

    from core.capsule import EventLog
    from core.capsule.replay import find_call
    from core.router.lapses import explained

    def found() -> dict[str, Any]:
        with EventLog(settings.state_dir / "capsule") as log:
            call = find_call(log, call_id)
        told = []
        for body in call.decisions:
            shown = ("mode", "reason", "detail", "backend", "model", "stage", "is_fallback", "time")
            decision = {name: body.get(name) for name in shown}
            if isinstance(body.get("detail"), str):
                means = explained(body["detail"])
                decision["means"] = means.sentence
                decision["next_step"] = means.next_step
            told.append(decision)
        names = ("backend", "success", "error", "error_message", "latency_ms", "ttft_ms", "attempt")
        attempts = [{name: body.get(name) for name in names} for body in call.attempts]
        return {"call_id": call.call_id, "decisions": told, "attempts": attempts}

    if not call_id.strip():
        raise ConfigError("a call id is needed, or its beginning")
    return await asyncio.to_thread(found)


async def _implement(
    settings: Settings,
    prompt: str,
    files: list[str],
    check: str,
    *,
    check_timeout_s: float,
    write: bool,
) -> dict[str, Any]:
    from core.implement.command import words_of
    from core.implement.undo import apply_solution
    from core.implement.user_files import place_of
    from core.implement.work import Wanted, prepare, work
    from reflex_tui.cli.implement_text import document

    if not prompt.strip() or not files:
        raise ConfigError("implement needs a prompt and at least one file")
    wanted = Wanted(prompt, tuple(files), words_of(check), check_timeout_s=check_timeout_s)
    place = place_of(settings)
    solved = await work(
        settings,
        prepare(settings, wanted, place),
        on_before=lambda _: None,
        on_tried=lambda _: None,
    )
    warning = None
    written = write and bool(solved.changes)
    if written:
        warning = apply_solution(settings, place.root, solved)
    if warning:
        sys.stderr.write(f"warning: {plain(warning, 600)}\n")
    return document(solved, written=written)
