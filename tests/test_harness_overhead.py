"""The benchmark of the harness's own time: what it measures is still there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_the_parts_that_are_timed_exist() -> None:
    """It replaces functions of the product by name, and each name has moved before."""
    code = "import harness_overhead; harness_overhead.instrument()"
    subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, check=True)
