"""How long commands take from nothing to their end, in turn, in fresh processes.

python benchmarks/starting.py [--quick]
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from processes import MODEL, stub
from table import Given, Result, Row, main, middle, number

CODE = Path(sys.executable).with_name("code")
PEER_COMMANDS = {"guidellm --help": "guidellm", "posting --help": "posting"}


def measure(given: Given) -> Result:
    """Medians in ms."""
    result = Result("starting")
    with stub() as address, tempfile.TemporaryDirectory() as name:
        endpoint = f"{address}/instant/v1"
        config = Path(name) / "stage0.toml"
        config.write_text(f'[reflex]\nendpoint = "{endpoint}"\nmodel = "{MODEL}"\n')
        get = f"import httpx; httpx.get({endpoint + '/models'!r}).raise_for_status()"
        commands = {
            "pass": [sys.executable, "-c", "pass"],
            "code reflex --help": [str(CODE), "reflex", "--help"],
            "httpx GET": [sys.executable, "-c", get],
            "code reflex health": [str(CODE), "reflex", "health", "--config", str(config)],
        }
        for peer, script in PEER_COMMANDS.items():
            program = Path(given.peers).with_name(script)
            if program.exists():
                commands[peer] = [str(program), "--help"]
        found, cpu = turns(commands, given.times(15, 60), Path(name))
    peers = {peer: found[peer] for peer in PEER_COMMANDS if peer in found}
    for what, floor, most in (
        ("code reflex --help", "pass", 4.0),
        ("code reflex health", "httpx GET", 1.6),
    ):
        label = "python -c pass" if floor == "pass" else "bare httpx GET"
        result.rows.append(
            Row(
                what,
                "ms",
                found[what],
                f"≤ {most:g} × {label}",
                found[what] <= most * found[floor],
                floor=(label, found[floor]),
                ratio=f"{number(found[what] / found[floor])} ×;"
                f" CPU {number(cpu[what])} ms, {number(cpu[what] / cpu[floor])} ×",
                peers=peers if floor == "pass" else {},
            )
        )
    return result


def turns(
    commands: dict[str, list[str]], repetitions: int, cwd: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """The median ms of each command, and of CPU; it must succeed; slow ones get fewer turns."""
    samples: dict[str, list[float]] = {name: [] for name in commands}
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("SPECKIT")}
    for turn in range(repetitions + 1):
        for name, command in commands.items():
            if turn > 3 and samples[name][-1] > 500:
                continue
            began, cpu_began = time.perf_counter(), of_children()
            subprocess.run(command, check=True, capture_output=True, cwd=cwd, env=quiet)
            if turn:  # the first fills the caches
                samples[name].append(1000 * (time.perf_counter() - began))
                cpu[name].append(1000 * (of_children() - cpu_began))
    medians = [{name: middle(taken) for name, taken in each.items()} for each in (samples, cpu)]
    return medians[0], medians[1]


def of_children() -> float:
    """Seconds of CPU of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(measure)
