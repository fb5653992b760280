"""Reading bakeoff reports, as what a stranger wrote, and finding the newest."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError

from core.errors import ReportError
from core.harness.report.model import Report
from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 64 << 20
_MOST_DIGITS = 15
_NAME = re.compile(r"reflex-bakeoff-(\d{8}T\d{6}Z)(?:-(\d{1,4}))?\.json")


def read(path: Path) -> Report:
    """A report that anybody may have written.

    Raises:
        ReportError: It is no readable regular file of at most 64 MiB, or not such a report; the
            text names the field.
    """
    return read_hashed(path)[0]


def read_hashed(path: Path) -> tuple[Report, str]:
    """As ``read``, with the sha256 of the file's bytes."""
    data, name = _bytes(path), plain(path, 300)
    try:
        _DECODER.decode(data.decode())
        report = Report.model_validate_json(data)
    except ValidationError as error:
        raise _broken(name, first_fault(error)) from None
    except RecursionError:
        raise _broken(name, "it is nested too deeply") from None
    except ValueError as error:  # of JSON and of UTF-8
        raise _broken(name, plain(error, 200)) from None
    return report, hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest report that is the suite's verdict, None when there is none.

    ``passed_over`` names what is newer, newest first: ``reflex-bakeoff-….json (subset)``.
    """

    path: Path | None
    passed_over: tuple[str, ...] = ()


def newest(directory: Path) -> Newest:
    """The newest report there, by its name, that is of a whole run over the whole suite.

    Partial reports, shards, subsets of the tasks and A/A runs are passed over: none of them is the
    suite's verdict.

    Raises:
        ReportError: A newer one cannot be read, so that nobody can say what it is.
    """
    passed_over: list[str] = []
    named = [(match, path) for path in directory.glob("*.json") if (match := _match(path))]
    for _, path in sorted(named, key=lambda one: (one[0][1], int(one[0][2] or 1)), reverse=True):
        less = _less_than_whole(read(path))
        if not less:
            return Newest(path, tuple(passed_over))
        passed_over.append(f"{path.name} ({less})")
    return Newest(None, tuple(passed_over))


def _less_than_whole(report: Report) -> str:
    """Why it is not the suite's verdict; empty when it is."""
    reasons = {
        "partial": report.partial,
        "A/A": "aa" in report.stamps,
        f"shard {report.settings.shard}": bool(report.settings.shard),
        "subset": report.subset,
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)


def _match(path: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(path.name)


def _bytes(path: Path) -> bytes:
    name = plain(path, 300)
    try:
        # A pipe under this name must not make us wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ReportError(f"{name}: not a regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ReportError(
            f"{name}: cannot be read: {error.strerror}",
            remedy="Make one with: code reflex bakeoff",
        ) from error
    if len(data) > MAX_BYTES:
        raise ReportError(f"{name}: over {MAX_BYTES >> 20} MiB, which no report is")
    return data


def _broken(name: str, fault: str) -> ReportError:
    return ReportError(
        f"{name}: not a bakeoff report: {fault}",
        remedy="Make a new one with: code reflex bakeoff",
    )


def first_fault(error: ValidationError) -> str:
    """Where and what the first thing is that a model refused, in one clean line."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return plain(f"{where}: {first['msg']}" if where else first["msg"], 300)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer)
