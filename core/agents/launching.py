"""An agent and a gateway of its own: started together, and ended together."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.agents.profiles import AGENTS, CALLER_KEYS, Access
from core.errors import ConfigError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from core.agents.profiles import Agent, AgentSetup
    from core.settings import Settings
    from core.stages import Stage

_GRACE_S = 5
_MOST_WARNINGS = 20
# An agent that a terminal's Ctrl-C reaches decides itself what it means.
_AGENTS_OWN = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_NO_PROXY = ("no_proxy", "NO_PROXY")  # programs look at either
_GATEWAYS_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Launched:
    """How the agent ended: its exit status (128 + N by signal N), our runs, and our warnings.

    ``after`` is the log's last ``seq`` before the agent began.
    """

    status: int
    runs: tuple[str, ...]
    after: int
    warnings: tuple[str, ...]


def program_of(agent: Agent, environ: Mapping[str, str]) -> str:
    """The path of the agent's program.

    Raises:
        ConfigError: It is not installed.
    """
    found = shutil.which(agent.program, path=environ.get("PATH"))
    if found is None:
        raise ConfigError(
            f"{agent.title} is not installed: there is no {agent.program} on PATH",
            remedy=f"For example: {agent.install}",
        )
    return found


async def launch(
    settings: Settings,
    name: str,
    arguments: Sequence[str],
    *,
    stage: Stage,
    callers_key: bool = False,
    reload: Callable[[], Settings] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Launched:
    """Run the agent called ``name`` in ``AGENTS`` over a gateway of its own, to its end.

    The agent has the terminal. With ``callers_key`` it keeps its own credential, where it can, and
    the gateway asks for no token. What the gateway has to say meanwhile is kept for afterwards.

    Raises:
        ConfigError: It is not installed, cannot be started, or no address can be had.
    """
    from core.capsule import EventLog
    from core.gateway import listener

    agent, environ = AGENTS[name], dict(os.environ if environ is None else environ)
    program = program_of(agent, environ)
    token = None if callers_key and name in CALLER_KEYS else secrets.token_urlsafe(32)
    with EventLog(settings.state_dir / "capsule") as log:
        after, _ = log.head()
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    with _warnings_kept() as warnings:
        serving = asyncio.ensure_future(
            listener.serve(
                settings,
                listener.Address(port=0, token=token),
                ready.set_result,
                stop,
                reload=reload,
                stage=stage,
                grace_s=_GRACE_S,
            )
        )
        try:
            await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
            status = 0
            if ready.done():
                access = Access(ready.result().removesuffix("/v1"), token)
                with _with_file(agent.setup(access)) as setup:
                    status = await _run(program, setup, arguments, environ)
        finally:
            stop.set()
            runs = await serving
    return Launched(status, runs, after, tuple(warnings))


@contextmanager
def _with_file(setup: AgentSetup) -> Iterator[AgentSetup]:
    """With the file, if there is one, for as long as the agent lives; readable by its user only."""
    if setup.file is None:
        yield setup
        return
    with tempfile.TemporaryDirectory(prefix="reflex-") as directory:
        path = Path(directory, "reflex.js")
        path.write_text(setup.file, encoding="utf-8")
        words = tuple(str(path) if word == "{file}" else word for word in setup.arguments)
        yield type(setup)(setup.environ, setup.unset, words)


async def _run(
    program: str, setup: AgentSetup, arguments: Sequence[str], environ: Mapping[str, str]
) -> int:
    kept = {name: value for name, value in environ.items() if name not in setup.unset}
    kept |= _beside_proxies(kept)
    with _signals_left_to_it() as follow:
        try:
            process = await asyncio.create_subprocess_exec(
                program, *setup.arguments, *arguments, env=kept | dict(setup.environ)
            )
        except (OSError, ValueError) as error:
            reason = plain(getattr(error, "strerror", None) or error)
            raise ConfigError(f"{plain(program, 200)} cannot be started: {reason}") from None
        follow(process)
        status = await process.wait()
    return status if status >= 0 else 128 - status


def _beside_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """What keeps the agent from asking a proxy for the gateway, which would be sent the token."""
    if not any(name.lower() in _PROXIES for name in environ):
        return {}
    hosts = [host for name in _NO_PROXY for host in environ.get(name, "").split(",") if host]
    listed = ",".join(dict.fromkeys([*hosts, _GATEWAYS_HOST]))
    return dict.fromkeys(_NO_PROXY, listed)


@contextmanager
def _signals_left_to_it() -> Iterator[Callable[[asyncio.subprocess.Process], None]]:
    """The terminal's signals are the agent's; those sent to us alone are passed on to it.

    Also one that came before it was there to get it.
    """
    loop = asyncio.get_running_loop()
    processes: list[asyncio.subprocess.Process] = []
    early: list[signal.Signals] = []

    def pass_on(number: signal.Signals) -> None:
        if not processes:
            early.append(number)
        for process in processes:
            if process.returncode is None:
                process.send_signal(number)

    def follow(process: asyncio.subprocess.Process) -> None:
        processes.append(process)
        for number in early:
            pass_on(number)

    before = {number: signal.getsignal(number) for number in (*_AGENTS_OWN, *_PASSED_ON)}
    for number in _AGENTS_OWN:
        # Not SIG_IGN, which the agent would inherit.
        loop.add_signal_handler(number, lambda: None)
    for number in _PASSED_ON:
        loop.add_signal_handler(number, pass_on, number)
    try:
        yield follow
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextmanager
def _warnings_kept() -> Iterator[list[str]]:
    """Warnings that would be written over the agent's screen, the first of them kept."""
    kept: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(kept) < _MOST_WARNINGS:
                kept.append(plain(record.getMessage(), 600))

    handler = Keeping(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield kept
    finally:
        logging.getLogger().removeHandler(handler)
