"""Gate decisions in their order, so that an old one cannot count a second time.

A seal alone says who decided what. Each decision is therefore sealed with its time, its number in
this workspace and the seal of the decision before it, and the newest one's number and seal are
kept with the user's key. A log that was cut, reordered or replaced by an older copy then ends with
another decision than the one that is kept: ``superseded``.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from core.capsule.keys import own_directory, seal, seal_holds, user_key
from core.capsule.segments import decode, lines_from, place_of
from core.clock import rfc3339
from core.errors import NoHome
from core.files import cannot_be_opened, make_private, open_state
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from core.capsule.events import GateDecisionEvent
    from core.capsule.log import EventLog
    from core.capsule.record import Record

_MOST_BYTES = 512
# How far a record's time may lie from the sealed one: a clock may be set in between.
_SAME_TIME_S = 60.0


class NewestDecision(NamedTuple):
    """The decision made last in a workspace: its number from 1 on (0: none yet) and its seal."""

    number: int = 0
    seal: str = ""


def record_decision(
    log: EventLog,
    decision: GateDecisionEvent,
    workspace: Path,
    *,
    now: datetime,
    key_directory: Path | None = None,
    follows: NewestDecision | None = None,
) -> Record | None:
    """Seal the decision as the newest one, and append it; returns once it is durable.

    With ``follows`` it is made only where that is still the newest decision, else None is returned.

    Raises:
        CapsuleError: it cannot be recorded, or the user's directory cannot be written.
    """
    key = user_key(directory=key_directory)
    with _kept(workspace, key_directory, os.O_RDWR | os.O_CREAT) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = _read(descriptor)
        if follows is not None and before != follows:
            return None
        ordered = decision.model_copy(
            update={
                "decided_at": rfc3339(now),
                "number": before.number + 1,
                "previous": before.seal,
                "seal": "",
            }
        )
        sealed = ordered.model_copy(update={"seal": seal(ordered.body(), workspace, key)})
        # The log first: whoever reads it in between finds a newer decision than the one kept, which
        # nobody but this user can make.
        record = log.append(sealed)
        kept = json.dumps({"number": sealed.number, "seal": sealed.seal}).ljust(_MOST_BYTES - 1)
        os.pwrite(descriptor, kept.encode() + b"\n", 0)
        os.fsync(descriptor)
    return record


def newest_file(workspace: Path, key_directory: Path | None = None) -> Path:
    """Where the newest decision of a workspace is kept: it changes with every decision.

    Raises:
        NoHome: there is no directory of the user's own.
    """
    directory = (key_directory or own_directory()) / "decisions"
    return directory / sha256(os.fsencode(workspace.resolve())).hexdigest()[:32]


def newest_decision(workspace: Path, key_directory: Path | None = None) -> NewestDecision:
    """What is kept as the decision made last in this workspace; number 0 where nothing is.

    Raises:
        CapsuleError: it cannot be read.
    """
    try:
        with _kept(workspace, key_directory, os.O_RDONLY) as descriptor:
            return _read(descriptor)
    except (FileNotFoundError, NoHome):
        return NewestDecision()


def out_of_order(body: Mapping[str, Any], newest: NewestDecision) -> str | None:
    """Why a sealed decision, the last of its log, is not the newest one made; None when it is.

    ``unnumbered``: an earlier version sealed it, without its time and place. ``superseded``: this
    user decided again since, and the log no longer says so.
    """
    number = body.get("number")
    if not isinstance(number, int) or number < 1:
        return "unnumbered"
    if number < newest.number or (number == newest.number and body.get("seal") != newest.seal):
        return "superseded"
    return None


def check_decisions(log: EventLog, workspace: Path, key_directory: Path | None = None) -> list[str]:
    """What is wrong with the order of a log's gate decisions, a sentence each.

    Only decisions that this user sealed in this workspace can be judged; others are passed over.

    Raises:
        CapsuleCorrupt: a decision's record is damaged.
        CapsuleError: the user's key cannot be read.
    """
    problems: list[str] = []
    before: NewestDecision | None = None
    for record in records_of(log, ("GateDecision",)):
        if not seal_holds(record.body, workspace, user_key(directory=key_directory)):
            continue
        if out_of_order(record.body, NewestDecision()):
            continue  # of an earlier version: it counts no more
        number, sealed = record.body["number"], record.body["seal"]
        if before and (number != before.number + 1 or record.body["previous"] != before.seal):
            problems.append(
                f"record {record.seq}: gate decision {number} does not follow decision "
                f"{before.number}: a decision was removed, repeated or moved"
            )
        if _apart_s(record.body["decided_at"], record.time) > _SAME_TIME_S:
            problems.append(
                f"record {record.seq}: its time is {plain(record.time)}, but gate decision "
                f"{number} was sealed at {plain(record.body['decided_at'])}"
            )
        before = NewestDecision(number, sealed)
    newest = newest_decision(workspace, key_directory)
    last = before or NewestDecision()
    if last != newest and last.number <= newest.number:
        what = f"its last gate decision is number {last.number}" if before else "it holds none"
        problems.append(
            f"the capsule was rolled back: {what}, but gate decision {newest.number} was made in "
            "this workspace"
        )
    return problems


def records_of(log: EventLog, types: Sequence[str]) -> Iterator[Record]:
    """The records of these event types, oldest first, without reading the others.

    Raises:
        CapsuleCorrupt: one of them is damaged.
    """
    wanted = tuple(f'{{"event_type":"{name}"'.encode() for name in types)
    for place, line in lines_from(log.path, place_of(log.path, 1)):
        if line.startswith(wanted):
            yield decode(log.path, place, line)


def _apart_s(one: str, other: str) -> float:
    try:
        apart = datetime.fromisoformat(one) - datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return float("inf")
    return abs(apart.total_seconds())


def _read(descriptor: int) -> NewestDecision:
    try:
        kept = json.loads(os.pread(descriptor, _MOST_BYTES, 0) or b"null")
        return NewestDecision(int(kept["number"]), str(kept["seal"]))
    except (ValueError, TypeError, KeyError):
        return NewestDecision()


@contextmanager
def _kept(workspace: Path, key_directory: Path | None, flags: int) -> Iterator[int]:
    path = newest_file(workspace, key_directory)
    try:
        if flags & os.O_CREAT:
            make_private(path.parent)
        descriptor = open_state(path, flags)
    except FileNotFoundError:
        raise
    except NotADirectoryError as error:  # HOME=/dev/null
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except OSError as error:
        raise cannot_be_opened(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
