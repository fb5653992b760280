"""Run every benchmark in turn, and print one table at the end: ``make bench``.

python benchmarks/run.py [--quick] [--peers PYTHON] [--tools DIR[:DIR]]
    [--json FILE] [--markdown FILE]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import Result, as_text, load, parse, save

HERE = Path(__file__).parent
BENCHMARKS = (
    "ttft_accuracy",
    "throughput",
    "first_tokens",
    "drafts",
    "deciding",
    "routing_cost",
    "gateway",
    "fallback",
    "appending",
    "reading",
    "validating",
    "starting",
    "dashboard",
    "harness_overhead",
    "installing",
)
LONGEST_S = 1800


def run() -> int:
    """1 where a benchmark broke; a target that was missed is a figure, not a failure."""
    given, arguments = parse()
    results: list[Result] = []
    broken = []
    for name in BENCHMARKS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            told = Path(directory) / "told.json"
            command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(told)]
            command += ["--peers", given.peers, "--tools", given.tools]
            command += ["--quick"] if given.quick else []
            try:
                done = subprocess.run(
                    command, check=False, capture_output=True, text=True, timeout=LONGEST_S
                )
            except subprocess.TimeoutExpired:
                done = None
            if done and done.returncode == 0:
                results += load(told)
            else:
                broken.append(name)
                print(done.stderr[-2000:] if done else "no end", file=sys.stderr)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        save(results, arguments)
    print(as_text(results))
    if broken:
        print(f"\nBroken: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(run())
