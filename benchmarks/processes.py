"""The processes of a measurement: the stub, and one client a process, each on a core of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from table import Given

HERE = Path(__file__).parent
MODEL = "stub"
# The distribution that has each client, and whose Python runs it.
CLIENTS = {
    "reflex": None,
    "bare asyncio": None,
    "httpx": "httpx",
    "httpx, one a worker": "httpx",
    "aiohttp": "aiohttp",
    "openai": "openai",
    "litellm": "litellm",
}


_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


class Driver:
    """A client in a process of its own; see ``drivers.py``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, concurrency: int, **order: Any) -> dict[str, Any]:
        """Make calls (``calls`` many, or for ``seconds``) and return what was measured."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"concurrency": concurrency, **order}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended: its standard error says why")
        told: dict[str, Any] = json.loads(line)
        return told


def pin(process: int = 0, *, first_core: bool = False) -> None:
    """Keep a process (this one) to the first core or to the last, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process, {_CORES[0 if first_core else -1]})


@contextmanager
def stub() -> Iterator[str]:
    """The stub on the first core; yields ``http://127.0.0.1:PORT``."""
    with _child([sys.executable, str(HERE / "stub.py")], first_core=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"


@contextmanager
def drivers(
    given: Given, names: Sequence[str], endpoint: str, model: str = MODEL
) -> Iterator[dict[str, Driver]]:
    """The clients of ``names`` that are installed, each in a process on the last core."""
    with ExitStack() as stack:
        found = {}
        for name in names:
            distribution = CLIENTS[name]
            if distribution and not given.installed(distribution):
                continue
            python = given.peers if distribution else sys.executable
            command = [python, str(HERE / "drivers.py"), name, endpoint, model]
            found[name] = Driver(stack.enter_context(_child(command, first_core=False)))
        yield found


def versions(given: Given, names: Sequence[str]) -> dict[str, str]:
    """The versions of the peers among ``names``."""
    distributions = {CLIENTS.get(name, name) for name in names}
    found = {d: given.installed(d) for d in distributions if d}
    return {name: version for name, version in found.items() if version}


def litellm(given: Given, what: str, address: str, repetitions: int) -> dict[str, list[float]]:
    """What ``litellm_peer.py`` measures, on the last core; empty where it is not installed."""
    if not given.installed("litellm"):
        return {}
    command = [given.peers, str(HERE / "litellm_peer.py"), what, address, str(repetitions)]
    with _child(command, first_core=False) as process:
        assert process.stdout
        told: dict[str, list[float]] = json.loads(process.stdout.readlines()[-1])
        return told


@contextmanager
def _child(command: Sequence[str], *, first_core: bool) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        # LiteLLM would first try for ten seconds to fetch prices.
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    try:
        pin(process.pid, first_core=first_core)
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
