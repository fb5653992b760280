"""Bakeoff reports: made of a run's trials, written whole or not at all, and read again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from pydantic import ValidationError

from core.errors import ReportError
from core.harness.gate.judge import conclude
from core.harness.report.atomic import staged, sync_directory
from core.harness.report.model import STAMPS, Report
from core.harness.report.reading import MAX_BYTES, first_fault, newest, read, read_hashed
from core.harness.report.summary import summaries
from core.harness.report.verdict import rederive
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from core.harness.gate.criteria import Thresholds
    from core.harness.gate.trial import Trial
    from core.harness.report.model import (
        ArmRecord,
        Environment,
        RunSettings,
        SandboxRecord,
        SuiteRecord,
    )

__all__ = ["build", "newest", "read", "read_hashed", "rederive", "summaries", "write"]


def build(
    *,
    run_id: str,
    created_at: datetime,
    finished_at: datetime,
    suite: SuiteRecord,
    arms: Mapping[str, ArmRecord],
    settings: RunSettings,
    thresholds: Thresholds,
    prompt_hash: str,
    schema_hash: str,
    sandbox: SandboxRecord,
    environment: Environment,
    trials: Iterable[Trial],
    stamps: Iterable[str] = (),
    capsule_head: str = "",
    reused_from: str | None = None,
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
    from core.harness.report.markdown import render  # noqa: PLC0415  who only reads needs none of it

    data = report.model_dump_json(indent=1).encode() + b"\n"
    if len(data) > MAX_BYTES:
        raise ReportError(
            f"the report is over {MAX_BYTES >> 20} MiB and could not be read again",
            remedy="Run fewer tasks or trials at once: --tasks, --trials or --shard.",
        )
    page = render(report).encode()
    try:
        for missing in reversed(
            [one for one in (directory, *directory.parents) if not one.exists()]
        ):
            missing.mkdir(mode=0o700, exist_ok=True)
        with _free_stem(report.finished_at, directory) as stem:
            path, page_path = directory / f"{stem}.json", directory / f"{stem}.md"
            _publish({page_path: page, path: data})
    except OSError as error:
        raise ReportError(
            f"{plain(directory)}: the report cannot be written: {error.strerror}",
            remedy="Free some disk or make it writable, or name another directory with --out.",
        ) from error
    return path, page_path, hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def _free_stem(moment: datetime, directory: Path) -> Iterator[str]:
    """A name nobody has, kept from other writers by a hidden file until both files stand."""
    base = f"reflex-bakeoff-{moment:%Y%m%dT%H%M%SZ}"
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
