"""What an installation without extras brings: distributions and megabytes, in a fresh environment.

python benchmarks/installing.py [--quick]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import Given, Result, Row, main, number

ROOT = Path(__file__).parent.parent
MOST_DISTRIBUTIONS = 20
MOST_MB = 30.0
# What an environment has before anything is installed into it.
_BEFORE = {"pip", "setuptools"}


def measure(_: Given) -> Result:
    """Counted after ``pip install`` of the working tree into a new environment."""
    result = Result("installing")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, "-m", "venv", name], check=True)
        python = str(Path(name) / "bin" / "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        # Without byte code, as a wheel brings none: Python writes it when it runs.
        subprocess.run([*pip, "install", "--quiet", "--no-compile", str(ROOT)], check=True)
        told = subprocess.run(
            [*pip, "list", "--format=json"], check=True, capture_output=True, text=True
        )
        found = {entry["name"].lower() for entry in json.loads(told.stdout)} - _BEFORE
        packages = next((Path(name) / "lib").glob("python3*/site-packages"))
        for own in _BEFORE:
            subprocess.run(
                [python, "-c", _REMOVE, str(packages), own], check=True, capture_output=True
            )
        megabytes = size_mb(packages)
    took = f"installed in {number(time.perf_counter() - began)} s"
    result.rows = [
        Row(
            "distributions, without extras",
            "",
            len(found),
            f"≤ {MOST_DISTRIBUTIONS}",
            len(found) <= MOST_DISTRIBUTIONS,
            ratio=took,
        ),
        Row("size, without extras", "MB", megabytes, f"≤ {MOST_MB:g} MB", megabytes <= MOST_MB),
    ]
    result.notes.append("Distributions: " + ", ".join(sorted(found)) + ".")
    return result


_REMOVE = """
import pathlib, shutil, sys
for found in pathlib.Path(sys.argv[1]).glob(sys.argv[2] + "*"):
    shutil.rmtree(found) if found.is_dir() else found.unlink()
"""


def size_mb(directory: Path) -> float:
    """Of all files below, byte code aside, in 10⁶ bytes."""
    sizes = (
        path.stat().st_size
        for path in directory.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    return sum(sizes) / 1e6


if __name__ == "__main__":
    os.environ["PIP_NO_INPUT"] = "1"
    main(measure)
