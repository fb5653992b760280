"""Follows the log for what live calls show of a pass, and takes the pass away when it is broken.

``DriftWatch`` folds the sealed calls and outcomes that follow a pass into ``Drift``, those of all
processes alike, a few records at a time. The log is the truth; a copy of the state lies in the
user's own state directory, so that a new process need not read a month of calls. ``demote`` records
the end of a pass as a sealed GateDecision, which every process believes from its next call on.
"""

from __future__ import annotations

import json
import os
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from core.capsule.decisions import NewestDecision, record_decision
from core.capsule.events import DriftRecord, GateDecisionEvent
from core.capsule.keys import seal_holds, user_key
from core.capsule.live_seal import SEALED, CallSeals
from core.capsule.reader import line_at
from core.capsule.record import stamp_of
from core.capsule.segments import RecordPlace, lines_from, open_segment, place_of
from core.errors import CapsuleError, NoHome
from core.files import read_state, write_private
from core.monitor.drift import Drift, Promise, Watched, promise_of, restored
from core.userdirs import user_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from core.capsule import EventLog
    from core.capsule.record import Record

_VERSION = 2
_SAVE_EVERY = 2000
_MOST_BYTES = 8 << 20
_CALL, _OUTCOME = b'{"event_type":"LLMCall"', b'{"event_type":"CallOutcome"'
_PAIR = b'{"event_type":"ShadowChecked"'
_field = core_schema.typed_dict_field(core_schema.any_schema(), required=False)
# The prompts of a call never become objects.
_parse_call = SchemaValidator(
    core_schema.typed_dict_schema(dict.fromkeys((*SEALED, "seal"), _field), extra_behavior="ignore")
).validate_json


class DriftWatch:
    """The evidence against a workspace's newest pass as its log grows; any thread may ask."""

    def __init__(
        self, log: EventLog, workspace: Path, *, key_directory: Path | None = None
    ) -> None:
        self._log = log
        self._workspace = workspace
        self._key_directory = key_directory
        self._copy = _copy_file(log.path)
        self._lock = threading.Lock()
        self._seals: CallSeals | None = None
        self._drift: Drift | None = None
        self._forget()

    def _forget(self) -> None:
        self._last: RecordPlace | None = None
        self._next = RecordPlace(1, 0)
        self._hash = ""
        self._unsaved = 0

    def read(self, event: Mapping[str, Any] | None) -> Drift | None:
        """The evidence against the pass ``event`` by all that is recorded so far; None: no pass.

        Raises:
            CapsuleError: the log or the user's key cannot be read.
        """
        with self._lock:
            promise = promise_of(event) if event else None
            if promise is None:
                self._drift = None
                return None
            if self._drift is None or self._drift.promise != promise:
                self._begin(promise)
            return self._grown()

    def grown(self) -> Drift | None:
        """As ``read``, of the pass that was read last."""
        with self._lock:
            return self._grown() if self._drift else None

    def _begin(self, promise: Promise) -> None:
        self._forget()
        self._drift = self._from_copy(promise)
        if self._drift is None:
            self._drift = Drift(promise)
            self._next = place_of(self._log.path, promise.seq)

    def _grown(self) -> Drift:
        drift = self._drift
        assert drift is not None
        if not self._fold(drift):
            # Another log stands there now; the pass is in it all the same.
            self._forget()
            drift = self._drift = Drift(drift.promise)
            self._next = place_of(self._log.path, drift.promise.seq)
            self._fold(drift)
        if self._unsaved >= _SAVE_EVERY:
            self._save(drift)
        return drift

    def _fold(self, drift: Drift) -> bool:
        """Take what the log holds beyond what was read; False where it does not follow on that."""
        if self._seals is None:
            self._seals = CallSeals(self._workspace, user_key(directory=self._key_directory))
        resumed = bool(self._hash)
        for place, line in lines_from(self._log.path, self._next):
            stamp = stamp_of(line)
            if resumed and (stamp is None or stamp.prev != self._hash):
                return False
            resumed = False
            self._last = place
            self._next = RecordPlace(place.segment, place.offset + len(line))
            self._unsaved += 1
            if stamp is None:
                continue
            self._hash = stamp.hash
            if stamp.seq > drift.promise.seq:
                self._take(drift, stamp.seq, line, self._seals)
        return True

    def _take(self, drift: Drift, seq: int, line: bytes, seals: CallSeals) -> None:
        try:
            if line.startswith(_CALL):
                call = _parse_call(line)
                if call.get("watched") and seals.holds(call):
                    drift.take_call(seq, call)
            elif line.startswith((_OUTCOME, _PAIR)):
                said = json.loads(line)
                if seal_holds(said, self._workspace, user_key(directory=self._key_directory)):
                    take = drift.take_pair if line.startswith(_PAIR) else drift.take_outcome
                    take(seq, said)
        except (ValidationError, ValueError, RecursionError):
            return  # nobody's record

    def _from_copy(self, promise: Promise) -> Drift | None:
        """The state as it was kept, where it is of this pass and of this log."""
        try:
            if self._copy is None:
                return None
            kept = json.loads(read_state(self._copy, limit=_MOST_BYTES))
            if (kept["version"], kept["pass"]) != (_VERSION, promise.seal):
                return None
            last = RecordPlace(int(kept["segment"]), int(kept["offset"]))
            descriptor = open_segment(self._log.path, last.segment)
            try:
                line = line_at(descriptor, last.offset)
            finally:
                os.close(descriptor)
            stamp = stamp_of(line)
            if stamp is None or stamp.hash != kept["hash"] or not line.endswith(b"\n"):
                return None
            drift = restored(promise, kept["state"])
        except (
            OSError,
            CapsuleError,
            ArithmeticError,
            ValueError,
            KeyError,
            TypeError,
            RecursionError,
        ):
            return None
        self._last, self._hash = last, stamp.hash
        self._next = RecordPlace(last.segment, last.offset + len(line))
        return drift

    def _save(self, drift: Drift) -> None:
        self._unsaved = 0
        if self._copy is None or self._last is None or not self._hash:
            return
        kept = {
            "version": _VERSION,
            "pass": drift.promise.seal,
            "segment": self._last.segment,
            "offset": self._last.offset,
            "hash": self._hash,
            "state": drift.as_state(),
        }
        try:
            write_private(self._copy, json.dumps(kept))
        except OSError:
            return  # it is a copy; the log has all of it


def demote(
    log: EventLog,
    workspace: Path,
    passed: Mapping[str, Any],
    broken: Watched,
    *,
    run_id: str,
    now: datetime,
    follows: NewestDecision,
    key_directory: Path | None = None,
) -> Record | None:
    """Record that the pass ``passed`` no longer holds, as the decision that ``follows`` the last.

    None where another was made meanwhile.

    Raises:
        CapsuleError: it cannot be recorded.
    """
    known = {k: v for k, v in passed.items() if k in GateDecisionEvent.model_fields}
    event = GateDecisionEvent.model_validate(
        {
            **known,
            "run_id": run_id,
            "verdict": "fail",
            "misses": [broken.cause],
            "cause": broken.cause,
            "drift": DriftRecord(
                evidence=broken.evidence,
                limit=broken.limit,
                calls=broken.calls,
                bad=broken.bad,
                allowed=broken.allowed,
                first_seq=broken.first_seq,
                last_seq=broken.last_seq,
                passed_at=str(passed.get("decided_at") or ""),
            ),
            "promoted_by": "",
            "seal": "",
        }
    )
    return record_decision(
        log,
        event,
        workspace,
        now=now,
        key_directory=key_directory,
        follows=follows,
    )


def _copy_file(capsule: Path) -> Path | None:
    """In the user's own state directory, by the capsule's path; None where it lies in a project."""
    try:
        root = user_dir("state").resolve()
        found = capsule.resolve()
    except (OSError, NoHome):
        return None
    if root.is_relative_to(found.parent.parent):
        return None
    return root / "monitor" / f"{sha256(os.fsencode(found)).hexdigest()[:32]}.json"
