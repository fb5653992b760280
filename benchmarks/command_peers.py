"""Peers that are command lines, found and run against the stub.

guidellm, aiperf and sglang's Rust client are looked for in the folders of ``--tools`` and of PATH,
each beside the Python that has it installed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from peer_tools import TOOLS, Load, Report, Tool
from session_cpu import SessionCpu
from table import Given

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_S = 300


class Broken(Exception):
    """A tool did not do what it was told."""


class Tools:
    """The tools that were found; ``notes`` says of the others why they are not in the table."""

    def __init__(self, given: Given) -> None:
        self.versions: dict[str, str] = {}
        self.notes: list[str] = []
        self._folders: dict[str, Path] = {}
        for name in TOOLS:
            for folder in _folders(given):
                version = _version(folder, name)
                if version:
                    self._folders[name], self.versions[name] = folder, version
                    break
            else:
                self.notes.append(f"{name}: not found in --tools or on PATH, so not measured.")

    def run(self, load: Load, *, rate: bool = False) -> Iterator[tuple[str, Report]]:
        """Each tool's report of a load; of more calls where its rate is what is asked for.

        One that breaks is noted, and left out from then on.
        """
        for name, folder in list(self._folders.items()):
            tool = TOOLS[name]
            calls = load.calls * (tool.fast if rate else 1)
            try:
                report = _run(tool, folder, replace(load, calls=calls))
            except Broken as error:
                del self._folders[name]
                self.notes.append(f"{name} {self.versions[name]} broke: {error}")
            else:
                yield name, report


def _folders(given: Given) -> list[Path]:
    listed = os.pathsep.join((given.tools, os.environ.get("PATH", os.defpath)))
    return [Path(folder).absolute() for folder in listed.split(os.pathsep) if folder]


def _version(folder: Path, name: str) -> str | None:
    python = folder / "python"
    if not ((folder / name).exists() and python.exists()):
        return None
    return Given(quick=True, peers=str(python)).installed(name)


def _run(tool: Tool, bin_: Path, load: Load) -> Report:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        words = folder / "words.txt"
        with words.open("w", encoding="utf-8") as said:
            process = subprocess.Popen(
                tool.command(bin_, load, folder),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            with SessionCpu(process.pid) as cpu:
                process.wait(LONGEST_S)
            report = tool.read(folder)
        except subprocess.TimeoutExpired:
            raise Broken(f"no end after {LONGEST_S} s") from None
        except (OSError, ValueError, LookupError) as error:
            last = words.read_text("utf-8", "replace").strip()[-300:]
            raise Broken(f"exit {process.returncode}, {error!r}: {last}") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    failed = load.calls - len(report.samples)
    if failed:
        raise Broken(f"{failed} of {load.calls} calls at {load.concurrency} at once failed")
    return replace(report, cpu_s=cpu.between(report.began, report.ended))
