"""Bakeoff reports on disk: made of a run's trials, written whole or not at all, and read again.

Anybody may have written a report, so reading follows no link, opens regular files only, and has
limits on bytes, depth, values and text before anything is parsed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from pydantic import ValidationError

from core.errors import ReportError, UnsafeFile
from core.files import make_private, names_in, read_state, staged, sync_directory
from core.harness import bounded_json
from core.harness.gate.judge import conclude
from core.harness.report.derived import rederive
from core.harness.report.document import STAMPS, Report
from core.harness.report.summary import summaries
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from core.harness.gate.criteria import GateThresholds
    from core.harness.gate.looks import GatePlan
    from core.harness.report.document import (
        ArmRecord,
        Environment,
        RunSettings,
        SandboxRecord,
        SuiteRecord,
    )
    from core.patchloop.trial import Trial


MAX_BYTES = 64 << 20
# A workspace has some dozen reports; whoever plants thousands does not keep us busy with them.
MOST_PASSED_OVER = 200
MOST_PASSED_BYTES = 4 * MAX_BYTES
_BEGINNING = "reflex-bakeoff-"
PATTERN = f"{_BEGINNING}*.json"
_NAME = re.compile(rf"{_BEGINNING}(\d{{8}}T\d{{6}}Z)(?:-(\d{{1,4}}))?\.json")


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
    if not data.lstrip().startswith(b"{"):
        raise _no_report(name, "no JSON object")
    try:
        if "run_id" not in bounded_json.loads(data):
            raise _no_report(name, "it has no run_id")
        report = Report.model_validate_json(data)
    except ValidationError as error:
        raise _broken(name, first_fault(error)) from None
    except ValueError as error:  # of JSON and of UTF-8
        raise _broken(name, plain(error, 200)) from None
    return report, hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class NewestReport:
    """The newest report that is the suite's verdict, None when there is none.

    ``passed_over`` names what is newer, newest first: ``reflex-bakeoff-….json (subset)``.
    """

    path: Path | None
    passed_over: tuple[str, ...] = ()


def newest(directory: Path) -> NewestReport:
    """The newest report there, by its name, that is of a whole run over the whole suite.

    Partial reports, shards, subsets of the tasks, A/A runs and the demo's recorded one are passed
    over: none of them is the suite's verdict.

    Raises:
        ReportError: A newer one cannot be read, so that nobody can say what it is.
    """
    passed_over: list[str] = []
    left_bytes = MOST_PASSED_BYTES
    for path in _reports_in(directory):
        left_bytes -= path.lstat().st_size
        if len(passed_over) == MOST_PASSED_OVER or left_bytes < 0:
            raise ReportError(
                f"{plain(directory)}: too many reports that are no verdict on their suite",
                remedy="Move the newest ones away, or name a report: --report PATH",
            )
        less = _less_than_whole(read(path))
        if not less:
            return NewestReport(path, tuple(passed_over))
        passed_over.append(f"{path.name} ({less})")
    return NewestReport(None, tuple(passed_over))


def _reports_in(directory: Path) -> list[Path]:
    """What has the name of a report there, newest first.

    Raises:
        ReportError: The directory is a link, cannot be read, or holds too many files.
    """
    try:
        names = names_in(directory)
    except OSError as error:
        raise ReportError(
            f"{plain(directory)}: cannot be read: {error.strerror or error}"
        ) from None
    found = sorted((name for name in names if _NAME.fullmatch(name)), key=order_made, reverse=True)
    return [directory / name for name in found]


def order_made(name: str) -> tuple[str, int]:
    """What names of reports are sorted by, oldest first: ``…Z-2.json`` came after ``…Z.json``.

    A name that somebody else gave keeps its place by its letters.
    """
    match = _NAME.fullmatch(name)
    return (f"{_BEGINNING}{match[1]}", int(match[2] or 1)) if match else (name, 0)


def _less_than_whole(report: Report) -> str:
    """Why it is not the suite's verdict; empty when it is."""
    reasons = {
        "partial": report.partial,
        "A/A": "aa" in report.stamps,
        "recorded": "recorded" in report.stamps,
        f"shard {report.settings.shard}": bool(report.settings.shard),
        "subset": report.subset,
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)


def _bytes(path: Path) -> bytes:
    name = plain(path, 300)
    try:
        return read_state(path, limit=MAX_BYTES)
    except UnsafeFile as error:
        raise ReportError(error.message, remedy="Name the report's own file.") from error
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        why = getattr(error, "strerror", None) or error
        raise ReportError(
            f"{name}: cannot be read: {plain(why, 200)}",
            remedy="Make one with: code reflex bakeoff",
        ) from error


def _no_report(name: str, why: str) -> ReportError:
    return ReportError(
        f"{name} is not a bakeoff report ({why})", remedy="Make one with: code reflex bakeoff"
    )


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


__all__ = ["build", "newest", "read", "read_hashed", "rederive", "summaries", "write"]


def build(
    *,
    run_id: str,
    created_at: datetime,
    finished_at: datetime,
    suite: SuiteRecord,
    arms: Mapping[str, ArmRecord],
    settings: RunSettings,
    thresholds: GateThresholds,
    prompt_hash: str,
    schema_hash: str,
    sandbox: SandboxRecord,
    environment: Environment,
    trials: Iterable[Trial],
    stamps: Iterable[str] = (),
    capsule_head: str = "",
    reused_from: str | None = None,
    latency_calls: Iterable[Trial] = (),
    plan: GatePlan | None = None,
) -> Report:
    """The report of a run, its gate judged; it is partial when ``stamps`` hold ``partial``.

    Raises:
        ReportError: The parts contradict each other, for example in a trial that occurs twice.
    """
    given = set(stamps)
    try:
        report = Report(
            schema_version=1,
            created_at=created_at,
            finished_at=finished_at,
            run_id=run_id,
            partial="partial" in given,
            # An unknown stamp stands last, for the model to refuse.
            stamps=(*(one for one in STAMPS if one in given), *sorted(given - set(STAMPS))),  # type: ignore[arg-type]
            suite=suite,
            arms=dict(arms),
            settings=settings,
            thresholds=thresholds,
            prompt_hash=prompt_hash,
            schema_hash=schema_hash,
            sandbox=sandbox,
            environment=environment,
            trials=tuple(map(_encodable, trials)),
            gate=conclude(()).as_json(),
            capsule_head=capsule_head,
            reused_from=reused_from,
            latency_calls=tuple(map(_encodable, latency_calls)),
            plan=plan,
        )
    except ValidationError as error:
        raise ReportError(f"no report can be made: {first_fault(error)}") from None
    return report.model_copy(update={"gate": rederive(report).as_json()})


def write(report: Report, directory: Path) -> tuple[Path, Path, str]:
    """Write ``reflex-bakeoff-<UTC>.json`` and ``.md``: both whole, or neither.

    Returns the two paths and the sha256 of the JSON's bytes. A name that is taken gets ``-2``,
    ``-3`` and so on. Directories that are made are for their owner alone; the files, which are
    meant to be shared, have the modes of any new file.

    Raises:
        ReportError: It cannot be written; nothing is left behind.
    """
    from core.harness.report.markdown import render  # who only reads needs none of it

    data = report.model_dump_json(indent=1).encode() + b"\n"
    if excess := _excess(data):
        raise ReportError(
            f"the report could not be read again: {excess}",
            remedy="Run fewer tasks or trials at once: --tasks, --trials or --shard.",
        )
    page = render(report).encode()
    try:
        make_private(directory)
        with _free_stem(report.finished_at, directory) as stem:
            path, page_path = directory / f"{stem}.json", directory / f"{stem}.md"
            _publish({page_path: page, path: data})
    except OSError as error:
        raise ReportError(
            f"{plain(directory)}: the report cannot be written: {error.strerror}",
            remedy="Free some disk or make it writable, or name another directory with --out.",
        ) from error
    return path, page_path, hashlib.sha256(data).hexdigest()


def _excess(data: bytes) -> str:
    """Why ``read`` would refuse it; empty when it would not."""
    if len(data) > MAX_BYTES:
        return f"it is over {MAX_BYTES >> 20} MiB"
    try:
        bounded_json.refuse_excess(data)
    except ValueError as error:
        return str(error)
    return ""


@contextlib.contextmanager
def _free_stem(moment: datetime, directory: Path) -> Iterator[str]:
    """A name nobody has, kept from other writers by a hidden file until both files stand."""
    base = f"{_BEGINNING}{moment:%Y%m%dT%H%M%SZ}"
    for number in count(1):
        stem = base if number == 1 else f"{base}-{number}"
        claim = directory / f".{stem}.claim"
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            if not any((directory / f"{stem}{end}").exists() for end in (".json", ".md")):
                yield stem
                return
        finally:
            claim.unlink(missing_ok=True)


def _publish(files: Mapping[Path, bytes]) -> None:
    """Put all files in place; when one cannot be, none stays."""
    placed: list[Path] = []
    try:
        with contextlib.ExitStack() as stack:
            ready = [(path, stack.enter_context(staged(path, files[path]))) for path in files]
            for path, temporary in ready:
                os.replace(temporary, path)  # noqa: PTH105  one atomic call
                placed.append(path)
        sync_directory(path.parent)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise


def _encodable(trial: Trial) -> Trial:
    """The trial with half surrogate pairs, which no file takes, replaced in its texts."""
    return replace(
        trial,
        diff=_utf8(trial.diff),
        attempts=tuple(replace(one, detail=_utf8(one.detail)) for one in trial.attempts),
    )


def _utf8(text: str) -> str:
    return text.encode(errors="replace").decode()
