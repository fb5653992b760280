"""The journal of a running bakeoff: its finished trials on disk, so that none is repeated.

Each line is sealed with the user's key: a gate pass may depend on it, and anybody can put a file
into a project. A run has a new journal, or with ``--resume`` that of an interrupted run.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from fnmatch import filter as matching
from itertools import count
from random import SystemRandom
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from pydantic import TypeAdapter

from core.capsule.keys import seal, seal_holds
from core.clock import rfc3339
from core.errors import ReportError
from core.files import make_private, names_in, open_state
from core.harness import bounded_json
from core.harness.bakeoff.plan import MOST_SEED, eval_directory
from core.harness.gate.looks import GatePlan
from core.harness.report.document import Environment
from core.patchloop.trial import Trial
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.clock import Clock
    from core.harness.bakeoff.preparation import PreparedRun


SUFFIX = ".journal.jsonl"
_PATTERN = f"reflex-bakeoff-*{SUFFIX}"
_MOST_BYTES = 64 << 20
_REMEDY = "Start a new run without --resume."


@dataclass(frozen=True, slots=True)
class JournalSeal:
    """Whose seal a journal's lines bear, and for which workspace."""

    workspace: Path
    key: bytes = field(repr=False)

    def sealed(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The line with its seal."""
        return {**line, "seal": seal(line, self.workspace, self.key)}

    def holds(self, line: Mapping[str, Any]) -> bool:
        """Whether the line bears this seal."""
        return seal_holds(line, self.workspace, self.key)


@dataclass(frozen=True, slots=True)
class JournalHeader:
    """A journal's first line: when and with which seed the run began, and what it is about.

    ``about`` holds all that a trial's outcome depends on; a run may only be resumed with the same.
    ``plan`` is how it is judged, which a resumed run keeps.
    """

    created_at: datetime
    run_id: str
    seed: int
    about: dict[str, Any]
    plan: GatePlan


class Journal:
    """One run's journal, locked until it is closed.

    ``trials`` are those it holds, ``latency_calls`` the calls for latency alone, ``machines`` those
    that all were made on.
    """

    def __init__(
        self, path: Path, file: BinaryIO, header: JournalHeader, sealing: JournalSeal
    ) -> None:
        self.path = path
        self.header = header
        self.trials: list[Trial] = []
        self.latency_calls: list[Trial] = []
        self.machines: list[Environment] = []
        self._file = file
        self._sealing = sealing

    @classmethod
    def create(cls, directory: Path, header: JournalHeader, sealing: JournalSeal) -> Self:
        """A new journal in ``directory``, which is made if need be.

        Raises:
            ReportError: It cannot be written.
        """
        line = {
            "created_at": rfc3339(header.created_at),
            "run_id": header.run_id,
            "bakeoff_seed": header.seed,
            "about": header.about,
            "plan": asdict(header.plan),
        }
        try:
            make_private(directory)
            path, file = _create(directory, f"reflex-bakeoff-{header.created_at:%Y%m%dT%H%M%SZ}")
        except OSError as error:
            raise _unusable(directory, error) from error
        journal = cls(path, file, header, sealing)
        journal._write(line)
        return journal

    @classmethod
    def newest(cls, directory: Path, sealing: JournalSeal) -> Self | None:
        """The journal that was written to last, of a run that ended before its end.

        Raises:
            ReportError: It is damaged, or not this user's.
        """
        paths = journals_in(directory)
        return next(filter(None, (cls.read(path, sealing) for path in paths)), None)

    @classmethod
    def read(cls, path: Path, sealing: JournalSeal) -> Self | None:
        """The journal at ``path``, or None when its run is still under way.

        A last line that was cut off is removed.

        Raises:
            ReportError: It cannot be read, or a line is not what this user's run wrote.
        """
        try:
            file = os.fdopen(open_state(path, os.O_RDWR | os.O_APPEND), "r+b")
        except OSError as error:
            raise _unusable(path, error) from error
        with ExitStack() as unless_usable:
            unless_usable.callback(file.close)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            header, trials, latency_calls, machines = _content(path, file, sealing)
            unless_usable.pop_all()
        journal = cls(path, file, header, sealing)
        journal.trials += trials
        journal.latency_calls += latency_calls
        for machine in machines:
            journal._seen(machine)
        return journal

    def add(self, trial: Trial, machine: Environment, *, first_call: bool = False) -> None:
        """Append a trial, or call for latency, that has ended; it survives this process.

        Raises:
            ReportError: It cannot be written.
        """
        line = {"trial": trial.as_json(), "machine": machine.model_dump(mode="json")}
        self._write({"run_id": self.header.run_id, "first_call": first_call, **line})
        (self.latency_calls if first_call else self.trials).append(trial)
        self._seen(machine)

    def remove(self) -> None:
        """The run is over and its report written."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let others resume it."""
        self._file.close()

    def _seen(self, machine: Environment) -> None:
        if machine not in self.machines:
            self.machines.append(machine)

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(self._sealing.sealed(line), separators=(",", ":"), allow_nan=False)
        try:
            self._file.write(text.encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unusable(self.path, error) from error


def _create(directory: Path, stem: str) -> tuple[Path, BinaryIO]:
    """A new file under a name that nobody else has taken, open and locked."""
    for number in count(1):
        path = directory / f"{stem}{f'-{number}' if number > 1 else ''}{SUFFIX}"
        with suppress(FileExistsError):
            file = os.fdopen(open_state(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")
            fcntl.flock(file, fcntl.LOCK_EX)
            return path, file
    raise AssertionError("count ended")


def journals_in(directory: Path) -> list[Path]:
    """The journals there, the one written to last first.

    Raises:
        ReportError: The directory is a link, cannot be read, or holds too many files.
    """
    try:
        names = matching(names_in(directory), _PATTERN)
    except OSError as error:
        raise _unusable(directory, error) from error
    named = []
    for path in map(directory.joinpath, names):
        with suppress(OSError):  # its run has ended meanwhile
            named.append((path.lstat().st_mtime_ns, path))
    return [path for _, path in sorted(named, reverse=True)]


def _content(
    path: Path, file: BinaryIO, sealing: JournalSeal
) -> tuple[JournalHeader, list[Trial], list[Trial], list[Environment]]:
    """What a journal holds, its cut last line removed."""
    try:
        data = file.read(_MOST_BYTES + 1)
        whole = data[: data.rfind(b"\n") + 1]
        if len(data) > _MOST_BYTES or not whole:
            raise _damaged(path, "it is no journal of a bakeoff")
        head, *lines = map(bounded_json.loads, whole.splitlines())
        if not all(isinstance(line, dict) and sealing.holds(line) for line in [head, *lines]):
            raise _damaged(path, "a line was not written by you here")
        if any(line["run_id"] != head["run_id"] for line in lines):
            raise _damaged(path, "it is of two runs")
        created_at = datetime.fromisoformat(head["created_at"])
        header = JournalHeader(
            created_at,
            head["run_id"],
            head["bakeoff_seed"],
            head["about"],
            TypeAdapter(GatePlan).validate_json(json.dumps(head["plan"])),
        )
        made = [(Trial.from_json(line["trial"]), bool(line.get("first_call"))) for line in lines]
        trials = [trial for trial, first_call in made if not first_call]
        latency_calls = [trial for trial, first_call in made if first_call]
        machines = [Environment.model_validate(line["machine"]) for line in lines]
        if len(whole) < len(data):
            file.truncate(len(whole))
    except OSError as error:
        raise _unusable(path, error) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from None
    return header, trials, latency_calls, machines


def _damaged(path: Path, why: object) -> ReportError:
    return ReportError(f"{plain(path)} cannot be resumed: {plain(why, 120)}", remedy=_REMEDY)


def _unusable(path: Path, error: OSError) -> ReportError:
    return ReportError(
        f"{plain(path)}: {plain(error.strerror or error, 200)}",
        remedy="Make the directory writable, free some disk, or name another by --out.",
    )


def new_seed(prepared: PreparedRun) -> int:
    """The seed of a new run: as the plan says, else random."""
    given = prepared.scope.plan.seed
    return SystemRandom().randint(0, MOST_SEED) if given is None else given


def new_journal(
    prepared: PreparedRun,
    sealing: JournalSeal,
    clock: Clock,
    *,
    run_id: str,
    seed: int,
    plan: GatePlan,
) -> Journal:
    """A new journal."""
    scope, now = prepared.scope, clock.now()
    # To the millisecond, as it is written: a resumed run began at the same moment.
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    # How the tasks were chosen is for whoever wants to resume; which they are is compared.
    chosen = {"glob": scope.plan.tasks, "shard": scope.plan.shard}
    header = JournalHeader(now, run_id, seed, {**prepared.conditions(), **chosen}, plan)
    return Journal.create(eval_directory(scope.plan, scope.settings), header, sealing)


def journal_to_resume(directory: Path, sealing: JournalSeal) -> Journal:
    """The journal to resume.

    Raises:
        ReportError: There is none but such as are under way, or it cannot be used.
    """
    journal = Journal.newest(directory, sealing)
    if journal is None:
        raise ReportError(
            f"there is no bakeoff to resume in {plain(directory)}",
            remedy="Start one without --resume.",
        )
    return journal


def resumed(journal: Journal, prepared: PreparedRun) -> Journal:
    """The journal, if it is of the same run.

    Raises:
        ReportError: It is of another.
    """
    before, now = journal.header.about, prepared.conditions()
    seed = prepared.scope.plan.seed
    if seed is not None:
        before, now = {**before, "seed": journal.header.seed}, {**now, "seed": seed}
    different = [name for name in now if before.get(name) != now[name]]
    if different:
        raise ReportError(
            f"the bakeoff in {plain(journal.path.name)} cannot be resumed: other "
            f"{', '.join(name.replace('_', ' ') for name in different)}",
            remedy="Use the same options as then and undo what changed, or start a new run.",
        )
    return journal
