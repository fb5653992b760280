"""What every benchmark shares: rows, curves, the machine they come from, and their three forms.

A benchmark is a file with ``measure(given) -> Result`` and ``main(measure)``; it prints a table and
writes it as JSON (``--json``) or Markdown (``--markdown``). Ratios compare within one run only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PEERS_VARIABLE = "REFLEX_BENCH_PEERS"
TOOLS_VARIABLE = "REFLEX_BENCH_TOOLS"


@dataclass(frozen=True)
class Given:
    """What a run was asked for: few repetitions or many, and where the peers are.

    ``peers`` is the Python that has the libraries, ``tools`` a path of folders with commands.
    """

    quick: bool
    peers: str
    tools: str = ""

    def times(self, quick: int, full: int) -> int:
        """How often to repeat."""
        return quick if self.quick else full

    def installed(self, distribution: str) -> str | None:
        """A peer's version, or None where it is not installed."""
        return self._versions.get(distribution.lower())

    @property
    def _versions(self) -> Mapping[str, str]:
        if self.peers not in _versions_by_python:
            program = (
                "import json, importlib.metadata as m;"
                "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
            )
            told = subprocess.run(
                [self.peers, "-c", program], check=True, capture_output=True, text=True
            )
            _versions_by_python[self.peers] = json.loads(told.stdout)
        return _versions_by_python[self.peers]


_versions_by_python: dict[str, dict[str, str]] = {}
_load_at_start = os.getloadavg()[0]


@dataclass(frozen=True)
class Row:
    """One promise and its figures, all in ``unit``; ``met`` is None where nothing can be told.

    ``ratio`` says in words what the target compares, such as ``5.1 × httpx``.
    """

    what: str
    unit: str
    ours: float | None
    target: str
    met: bool | None
    ratio: str = ""
    floor: tuple[str, float] | None = None
    peers: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Curve:
    """How cost grows with load: one line a measured point."""

    title: str
    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    knee: str = ""


@dataclass
class Result:
    """What one benchmark found; ``versions`` are of the peers that took part."""

    name: str
    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def main(measure: Callable[[Given], Result]) -> None:
    """Parse the command line, measure, and show what was found."""
    given, arguments = parse()
    result = measure(given)
    print(as_text([result]))
    save([result], arguments)


def parse() -> tuple[Given, argparse.Namespace]:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    parser.add_argument(
        "--peers",
        metavar="PYTHON",
        default=os.environ.get(PEERS_VARIABLE) or sys.executable,
        help=f"the Python that has the peers installed (${PEERS_VARIABLE}; default: this one)",
    )
    parser.add_argument(
        "--tools",
        metavar="DIR[:DIR]",
        default=os.environ.get(TOOLS_VARIABLE, ""),
        help=f"where peers that are commands are, before PATH (${TOOLS_VARIABLE})",
    )
    arguments = parser.parse_args()
    return Given(arguments.quick, arguments.peers, arguments.tools), arguments


def save(results: Sequence[Result], arguments: argparse.Namespace) -> None:
    """Write what ``--json`` and ``--markdown`` ask for."""
    for path in filter(None, (arguments.json, arguments.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if arguments.json:
        content = {"machine": machine(), "results": [asdict(result) for result in results]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(results), encoding="utf-8")


def load(path: Path) -> list[Result]:
    """The results of a ``--json`` file."""
    found = []
    for entry in json.loads(path.read_text(encoding="utf-8"))["results"]:
        rows = [Row(**row) for row in entry["rows"]]
        curves = [Curve(**curve) for curve in entry["curves"]]
        found.append(Result(**{**entry, "rows": rows, "curves": curves}))
    return found


def machine() -> dict[str, Any]:
    """Where and when, and how busy it was: the figures mean little without."""
    return {
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load": round(_load_at_start, 1),
        "reflex": metadata.version("speckit-reflex"),
        "httpx": metadata.version("httpx"),
    }


def as_text(results: Sequence[Result]) -> str:
    """For a terminal."""
    cells = [_HEADER, *(_cells(row) for result in results for row in result.rows)]
    parts = [_aligned(cells)]
    for result in results:
        for curve in result.curves:
            parts.append(f"{curve.title}\n{_aligned([curve.columns, *curve.lines])}")
            if curve.knee:
                parts[-1] += f"\nKnee: {curve.knee}"
        parts += result.notes
    parts.append(_colophon(results))
    return "\n\n".join(parts)


def as_markdown(results: Sequence[Result]) -> str:
    """For docs/performance.md: one section a benchmark."""
    parts = ["## Figures", _colophon(results)]
    for result in results:
        parts.append(f"### {result.name}\n\n`python benchmarks/{result.name}.py`")
        if result.rows:
            parts.append(_piped([_HEADER, *(_cells(row) for row in result.rows)]))
        for curve in result.curves:
            parts.append(f"{curve.title}\n\n{_piped([curve.columns, *curve.lines])}")
            if curve.knee:
                parts.append(f"Knee: {curve.knee}")
        parts += result.notes
    return "\n\n".join(parts) + "\n"


def number(value: float | str | None) -> str:
    """Three significant digits at most places, and no more than anybody reads."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.3g}"


def percentile(samples: Iterable[float], share: float) -> float:
    """By nearest rank; ``share`` from 0 to 1."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def middle(samples: Iterable[float]) -> float:
    """The median."""
    return median(list(samples))


_HEADER = ("what", "ours", "floor", "peers", "ratio", "target", "met")


def _cells(row: Row) -> tuple[str, ...]:
    unit = f" {row.unit}" if row.unit else ""
    peers = ", ".join(
        f"{name} {value if isinstance(value, str) else number(value) + unit}"
        for name, value in row.peers.items()
    )
    met = {True: "yes", False: "NO", None: "?"}[row.met]
    floor = f"{row.floor[0]} {number(row.floor[1])}{unit}" if row.floor else "–"
    ours = "–" if row.ours is None else f"{number(row.ours)}{unit}"
    return (row.what, ours, floor, peers or "–", row.ratio or "–", row.target, met)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _piped(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join((head, f"|{' --- |' * len(lines[0])}", *rest))


def _colophon(results: Sequence[Result]) -> str:
    where = machine()
    versions = {"httpx": where["httpx"]}
    versions |= {name: v for result in results for name, v in result.versions.items()}
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return (
        f"{where['cpus']} × {where['cpu']}, {where['system']}, Python {where['python']},"
        f" {where['date']}, load {where['load']}; {listed}."
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
