"""What the gateway adds to an agent's call, over HTTP with keep-alive, two durable events included.

The same call to the instant stub directly, through ``code reflex serve``, through LiteLLM's proxy
where the command ``litellm`` is found (``--tools``), and through NVIDIA's Switchyard where the
Python of the peers (``--peers``) has nemo-switchyard; one after another on one connection: plain
and streamed. Then 32 callers at once for some seconds, and the memory of each process. The ways
take turns, so that other work on the machine meets them all alike.

    python benchmarks/gateway.py [--quick] [--tools DIR[:DIR]] [--peers PYTHON]
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import h11
from processes import MODEL, pin, stub, versions
from table import Given, Result, Row, main, number
from workspace import promoted

from core.figures import nearest_rank
from core.start import python_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    # An endpoint, and the process that answers there; None for the stub itself.
    _Way = tuple[str, subprocess.Popen[str] | None]

ADDED_MS, ADDED_P95_MS, A_SECOND, MEMORY_MB = 1.5, 4.0, 800, 60
CALLERS = 32
ROUNDS = 10
# Without a key of its own it starts for local development only.
_LITELLM = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}
_SWITCHYARD = """
import signal, sys
from switchyard_rust.server import Server
with Server(sys.argv[1]) as server:
    print(server.base_url, flush=True)
    signal.pause()
"""
_STARTING_S = 120
_ADDRESS = re.compile(r"http://[\d.]+:\d+")


class Caller:
    """One keep-alive connection."""

    def __init__(self, endpoint: str) -> None:
        self._parts = urlsplit(endpoint)
        self._http = h11.Connection(h11.CLIENT)

    async def __aenter__(self) -> Self:
        """Connect."""
        host, port = self._parts.hostname, self._parts.port
        self._reader, self._writer = await asyncio.open_connection(host, port)
        self._writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        self._writer.close()

    async def ask(self, *, stream: bool) -> float:
        """Milliseconds from the request to the last byte of the reply."""
        message = {"role": "user", "content": "Which line is wrong?"}
        body = json.dumps({"model": MODEL, "messages": [message], "stream": stream}).encode()
        headers = [
            ("host", self._parts.netloc),
            ("content-type", "application/json"),
            ("authorization", "Bearer none"),
            ("content-length", str(len(body))),
        ]
        path = f"{self._parts.path}/chat/completions"
        request = h11.Request(method="POST", target=path, headers=headers)
        sent = time.perf_counter()
        data = self._http.send(request) + self._http.send(h11.Data(body))
        self._writer.write(data + self._http.send(h11.EndOfMessage()))
        await self._answer()
        took_ms = 1000 * (time.perf_counter() - sent)
        self._http.start_next_cycle()
        return took_ms

    async def _answer(self) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(65_536))
            elif isinstance(event, h11.Response) and event.status_code != 200:
                raise RuntimeError(f"the gateway answered {event.status_code}")
            elif isinstance(event, h11.EndOfMessage):
                return


@dataclass
class Measured:
    """What one way to the stub took, in ms, and how many streamed calls a second it made."""

    plain: list[float] = field(default_factory=list)
    streamed: list[float] = field(default_factory=list)
    a_second: float = 0.0
    memory_mb: float = 0.0


def measure(given: Given) -> Result:
    """Milliseconds that each gateway adds, its rate and its memory."""
    result = Result("gateway", versions=_versions(given))
    with stub() as address, ExitStack() as stack:
        found = asyncio.run(_measured(given, f"{address}/instant/v1", stack))
    direct, ours = found["direct"], found["reflex"]
    peers = {name: one for name, one in found.items() if name not in {"direct", "reflex"}}
    for what in ("plain", "streamed"):
        for percent, most in ((50, ADDED_MS), (95, ADDED_P95_MS)):
            floor = _rank(getattr(direct, what), percent)
            added = _rank(getattr(ours, what), percent) - floor
            others = {n: _rank(getattr(one, what), percent) - floor for n, one in peers.items()}
            best = min(others.values(), default=None)
            result.rows.append(
                Row(
                    f"added to a {what} call, p{percent}",
                    "ms",
                    added,
                    f"≤ {most:g} ms",
                    added <= most,
                    floor=("direct call", floor),
                    ratio=f"{number(best / added)} × less than the best peer" if best else "",
                    peers=others,
                )
            )
    rates = {name: one.a_second for name, one in peers.items()}
    rate, memory = ours.a_second, ours.memory_mb
    result.rows += [
        Row(
            f"streamed calls a second, {CALLERS} callers",
            "/s",
            rate,
            f"≥ {A_SECOND}",
            rate >= A_SECOND,
            floor=("direct", direct.a_second),
            peers=rates,
        ),
        Row(
            "memory of the gateway, at most",
            "MB",
            memory,
            f"≤ {MEMORY_MB}",
            memory <= MEMORY_MB,
            peers={name: one.memory_mb for name, one in peers.items()},
        ),
    ]
    return result


async def _measured(given: Given, direct: str, stack: ExitStack) -> dict[str, Measured]:
    async with _gateway(direct) as (ours, process):
        ways = {"direct": (direct, None), "reflex": (ours, process), **_peers(given, direct, stack)}
        found = {name: Measured() for name in ways}
        async with AsyncExitStack() as callers:
            asks = {}
            for name, (endpoint, _) in ways.items():
                asks[name] = (await callers.enter_async_context(Caller(endpoint))).ask
                for _ in range(20):
                    await asks[name](stream=True)
            for _ in range(ROUNDS):
                for name, ask in asks.items():
                    for _ in range(given.times(20, 100)):
                        found[name].plain.append(await ask(stream=False))
                        found[name].streamed.append(await ask(stream=True))
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.times(3, ROUNDS)):
            for name, (endpoint, _) in ways.items():
                rates[name].append(await _rate(endpoint, 1.0))
        for name, (_, child) in ways.items():
            found[name].a_second = statistics.median(rates[name])
            found[name].memory_mb = _peak_mb(child) if child else 0.0
        return found


def _peers(given: Given, direct: str, stack: ExitStack) -> dict[str, _Way]:
    found: dict[str, _Way] = {}
    if proxy := shutil.which("litellm", path=given.tools or None):
        found["LiteLLM proxy"] = stack.enter_context(_litellm(proxy, direct))
    if given.installed("nemo-switchyard"):
        found["Switchyard"] = stack.enter_context(_switchyard(given.peers, direct))
    return found


async def _rate(endpoint: str, seconds: float) -> float:
    ends = time.perf_counter() + seconds
    done = 0

    async def one() -> None:
        nonlocal done
        async with Caller(endpoint) as caller:
            while time.perf_counter() < ends:
                await caller.ask(stream=True)
                done += 1

    await asyncio.gather(*(one() for _ in range(CALLERS)))
    return done / seconds


@asynccontextmanager
async def _gateway(endpoint: str) -> AsyncIterator[tuple[str, subprocess.Popen[str]]]:
    """Ours, in a workspace whose local model has a pass; the stub is both backends."""
    async with promoted(endpoint, endpoint) as settings:
        command = [*python_module("reflex_tui"), "serve", "--port", "0"]
        command += ["--stage", "implement", "--config", str(settings.source.path)]
        with _child(command) as process:
            assert process.stdout
            for line in process.stdout:
                if address := _ADDRESS.search(line):
                    yield f"{address[0]}/v1", process
                    return
            raise RuntimeError("code reflex serve ended before it served")


@contextmanager
def _litellm(program: str, endpoint: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with tempfile.TemporaryDirectory() as directory, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        config = Path(directory) / "config.yaml"
        config.write_text(
            f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n"
            f"      model: openai/{MODEL}\n      api_base: {endpoint}\n      api_key: none\n"
        )
        command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        with _child(command) as process:
            _wait(port)
            yield f"http://127.0.0.1:{port}/v1", process


@contextmanager
def _switchyard(python: str, endpoint: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its own server, which the wheel brings, with one model and nothing to decide."""
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "routes.toml"
        config.write_text(
            f'schema_version = 1\n[llm_clients.stub]\nformat = "openai_chat"\n'
            f'base_url = "{endpoint}"\napi_key_env = "SWITCHYARD_KEY"\n'
            f'[targets.stub]\nid = "{MODEL}"\nllm_client = "stub"\n'
            f'[routes.stub]\nid = "{MODEL}"\ntype = "passthrough"\ntarget = "stub"\n'
        )
        with _child([python, "-c", _SWITCHYARD, str(config)]) as process:
            assert process.stdout
            yield f"{process.stdout.readline().strip()}/v1", process


def _wait(port: int) -> None:
    ends = time.monotonic() + _STARTING_S
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > ends:
            raise RuntimeError(f"nothing listens at port {port}")
        time.sleep(0.2)


@contextmanager
def _child(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A gateway on the last core, ended as Ctrl-C would."""
    environment = {**os.environ, **_LITELLM, "SWITCHYARD_KEY": "none", "NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            pin(process.pid)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _peak_mb(process: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(peak[1]) / 1000 if peak else 0.0


def _rank(samples: list[float], percent: int) -> float:
    value = nearest_rank(samples, percent)
    assert value is not None
    return value


def _versions(given: Given) -> dict[str, str]:
    return {"python": sys.version.split()[0], **versions(given, ["nemo-switchyard"])}


if __name__ == "__main__":
    main(measure)
