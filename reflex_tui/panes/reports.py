"""Earlier bakeoffs, from their JSON reports; a report that cannot be read is shown as such."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.plain import plain
from reflex_tui.panes.rows import moment, word

if TYPE_CHECKING:
    from pathlib import Path

PATTERN = "reflex-bakeoff-*.json"
MOST = 200
_MAX_BYTES = 16 << 20
_GATE = ("verdict", "misses", "criteria", "metrics")
_STEM = "reflex-bakeoff-%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Report:
    """One report; ``problem`` says why it cannot be read, and then the rest is empty.

    ``gate`` is what the gate table is drawn from; ``decides`` is what an inconclusive one lacks.
    """

    path: Path
    at: datetime | None = None
    verdict: str = ""
    suite: str = ""
    arms: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    gate: dict[str, Any] | None = None
    decides: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return plain(self.path.name, 120)

    def read(self) -> Any:
        """The whole document, or what is wrong with it."""
        if self.problem:
            return {"problem": self.problem}
        try:
            return json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            return {"problem": plain(error, 200)}


Stamp = tuple[str, int, int]


def newest(directory: Path) -> list[tuple[Path, Stamp]]:
    """The newest reports' files, newest first by name, with what tells that one has changed."""
    found = []
    for path in sorted(directory.glob(PATTERN), reverse=True)[:MOST]:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((path, (path.name, status.st_mtime_ns, status.st_size)))
    return found


def read_report(path: Path) -> Report:
    """The report in ``path``; never raises."""
    at = _time_in_name(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            return Report(path, at, problem=f"over {_MAX_BYTES >> 20} MiB")
        document = json.loads(path.read_bytes())
    except OSError as error:
        return Report(path, at, problem=error.strerror or "cannot be read")
    except (ValueError, RecursionError):
        return Report(path, at, problem="not JSON")
    if not isinstance(document, dict):
        return Report(path, at, problem="not a report")
    gate = document.get("gate")
    gate = gate if isinstance(gate, dict) else document
    created = document.get("created_at")
    return Report(
        path,
        at if created is None else moment(created),
        verdict=word(document, "verdict") or word(gate, "verdict"),
        suite=_suite(document),
        arms=_names(document.get("arms")),
        stamps=_names(document.get("stamps")),
        gate={key: gate.get(key) for key in _GATE},
        decides=word(gate, "decides"),
    )


def _suite(document: dict[str, Any]) -> str:
    suite = document.get("suite")
    return word(suite, "name") if isinstance(suite, dict) else word(document, "suite")


def _names(value: object) -> tuple[str, ...]:
    """Names from a list of names, a list of objects with ``name``, or an object by name."""
    if isinstance(value, dict):
        value = list(value)
    if not isinstance(value, list):
        return ()
    names = (each.get("name") if isinstance(each, dict) else each for each in value[:16])
    return tuple(plain(name, 40) for name in names)


def _time_in_name(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.stem, _STEM).replace(tzinfo=UTC)
    except ValueError:
        return None
