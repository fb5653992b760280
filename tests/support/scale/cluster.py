"""A Dask scheduler and its workers as processes of their own, started as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DASK = Path(sys.executable).with_name("dask")
PATIENCE_S = 60
KEY_OF_THE_WORKERS = "sk-of-the-workers-0123456789"


@dataclass(frozen=True)
class Cluster:
    """Where the scheduler listens, the home that the workers' user has, and all processes."""

    address: str
    home: Path
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def executor(self) -> str:
        """As ``--executor`` wants it."""
        return self.address.replace("tcp://", "dask://")

    def environment(self) -> dict[str, str]:
        """What the workers were started with."""
        places = {f"XDG_{name}_HOME": str(self.home / name) for name in ("CONFIG", "DATA", "STATE")}
        return {**os.environ, **places, "OPENAI_API_KEY": KEY_OF_THE_WORKERS}

    @property
    def capsules(self) -> list[Path]:
        """The capsules that the workers keep, one a run."""
        return sorted(self.home.glob("STATE/speckit-reflex/workers/*/.speckit/capsule"))


@contextmanager
def cluster(directory: Path, *, workers: int) -> Iterator[Cluster]:
    """Run one on loopback with so many workers of one thread each."""
    told = directory / "scheduler.json"
    with ExitStack() as stack:
        arguments = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                     "--scheduler-file", str(told))  # fmt: skip
        scheduler = _start(stack, directory, os.environ, *arguments)
        _until(lambda: told.exists() and told.read_text(encoding="utf-8").endswith("}"),
               "the scheduler did not start")  # fmt: skip
        address = json.loads(told.read_text(encoding="utf-8"))["address"]
        made = Cluster(address, directory / "home", scheduler)
        for number in range(workers):
            given = ("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny",
                     "--host", "127.0.0.1", "--name", str(number),
                     "--local-directory", str(directory / "scratch"),
                     "--preload", str(Path(__file__).with_name("once.py")))  # fmt: skip
            made.workers.append(_start(stack, directory, made.environment(), *given))
        _until(lambda: _workers(directory) == workers, "the workers did not come")
        yield made


def _start(
    stack: ExitStack, directory: Path, environ: os._Environ[str] | dict[str, str], *arguments: str
) -> subprocess.Popen[bytes]:
    log = stack.enter_context((directory / f"{arguments[0]}.log").open("ab"))
    process = subprocess.Popen(
        [DASK, *arguments], cwd=directory, env=dict(environ), stdout=log, stderr=log
    )
    stack.callback(process.wait, PATIENCE_S)
    stack.callback(process.terminate)
    return process


def _workers(directory: Path) -> int:
    log = (directory / "scheduler.log").read_text(encoding="utf-8", errors="replace")
    return log.count("Register worker")


def _until(holds: object, otherwise: str) -> None:
    assert callable(holds)
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
