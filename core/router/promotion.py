"""Whether the last bakeoff's pass still holds: it lapses when anything it was about changes.

``changes`` compares what a bakeoff was about with what is there now, for the router's pass and for
``check``'s report alike. ``assess`` says whether a GateDecision lets reflex serve; ``GateWatch``
finds the newest sealed one in the capsule. What each reason means is said in ``lapses``.
"""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.capsule.decisions import NewestDecision, newest_decision, newest_file, out_of_order
from core.capsule.keys import seal_holds, user_key
from core.clock import Clock, SystemClock
from core.errors import CapsuleError, NoHome
from core.fingerprint import PROMPTS, suite_hash, suite_name, tree_hash
from core.monitor.follow import DriftWatch, demote
from core.plain import plain
from core.router.decision import GateView
from core.router.edit_schemas import edit_schemas_hash
from core.router.lapses import LAPSES, RUN_AGAIN, OtherSuite, disqualifying
from core.router.news import lapse_news, news_of
from core.router.standing import Decided, listed
from core.settings.thresholds import judged
from core.stages import PRIMARY
from core.userdirs import in_demo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.capsule import EventLog
    from core.monitor.drift import Drift
    from core.notify.notifier import Notifier
    from core.settings.model import Reflex
    from core.settings.policy import PolicySnapshot


SECONDS_A_DAY = 86_400

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GateContext:
    """What a bakeoff's result is compared with, besides the configuration.

    ``server_identity`` is None where no server was asked, ``suite_hash`` where there is no such
    suite here, ``newest`` where the order of decisions says nothing of it.
    """

    suite_hash: str | None
    prompt_hash: str
    schema_hash: str
    now: datetime
    in_demo: bool = False
    server_identity: str | None = None
    newest: NewestDecision | None = None


@dataclass(frozen=True, slots=True)
class Lapse:
    """One reason why a result says nothing of reflex as it is now; ``code`` is the router's."""

    code: str
    message: str
    next_step: str = RUN_AGAIN


def thresholds_of(policy: PolicySnapshot) -> dict[str, float]:
    """The thresholds a verdict depends on, as a GateDecision records them."""
    return judged(policy.reflex.thresholds)


def assess(
    event: Mapping[str, Any] | None, policy: PolicySnapshot, present: GateContext
) -> GateView:
    """Whether ``event``, the newest sealed GateDecision, lets reflex serve now.

    Fails closed: no event, or one that lacks what is needed, is no pass.
    """
    if event is None:
        decided = present.newest is not None and present.newest.number > 0
        return GateView(valid=False, detail="superseded" if decided else "no_bakeoff")
    age_days = _age_days(event, present.now)
    marks = disqualifying(map(str, event.get("stamps") or ()), in_demo=present.in_demo)
    detail = _lapse(event, policy, present, age_days)
    # What failed would fail without the marks too.
    if marks and detail not in _misses(event):
        detail = "marked"
    other = None
    if detail == "suite_not_listed":
        other = other_suite(str(event.get("suite")), policy.reflex)
    return GateView(detail is None, detail, dict(event), age_days, marks, other_suite=other)


def _lapse(
    event: Mapping[str, Any], policy: PolicySnapshot, present: GateContext, age_days: float | None
) -> str | None:
    if present.newest and (order := out_of_order(event, present.newest)):
        return order
    if changed := changes(event, policy.reflex, present):
        return changed[0].code
    if event.get("thresholds") != thresholds_of(policy):
        return "thresholds_changed"
    if stale := too_old(age_days, policy.reflex.thresholds.max_age_days):
        return stale.code
    if event.get("verdict") == "pass":
        return None if listed(event, policy.reflex.suites) else "suite_not_listed"
    return next(iter(_misses(event)), "inconclusive")


def _misses(event: Mapping[str, Any]) -> list[str]:
    """What failed; empty where nothing did."""
    return (
        [str(each) for each in event.get("misses") or []] if event.get("verdict") == "fail" else []
    )


def other_suite(suite: str, reflex: Reflex) -> OtherSuite:
    """``suite``, as a report or a decision has it, beside those whose passes count."""
    return OtherSuite(plain(suite_name(suite), 120), reflex.suites)


def changes(then: Mapping[str, Any], reflex: Reflex, present: GateContext) -> list[Lapse]:
    """What is no longer as it was when a bakeoff ran; ``then`` has the fields of a GateDecision.

    Messages are safe to show. A field that is missing has changed.
    """
    found = []

    def compare(code: str, name: str, now: object, words: str) -> None:
        if then.get(name) != now or type(then.get(name)) is not type(now):
            found.append(Lapse(code, words.format(was=_shown(then.get(name)), now=_shown(now))))

    compare("model_changed", "model", reflex.model, "the model was {was} and is {now}")
    compare("server_changed", "endpoint", reflex.endpoint, "the endpoint was {was} and is {now}")
    if present.server_identity is not None:
        words = "the server was {was} and is {now}"
        compare("server_changed", "server_identity", present.server_identity, words)
    if not present.suite_hash:
        found.append(Lapse("suite_changed", "its suite is not in this workspace"))
    else:
        words = "the suite has changed"
        compare("suite_changed", "suite_hash", present.suite_hash, words)
    words = "the patch loop's prompts have changed"
    compare("prompt_changed", "prompt_hash", present.prompt_hash, words)
    words = "the JSON schema of edit replies, or what auto takes, has changed"
    compare("schema_changed", "schema_hash", present.schema_hash, words)
    words = "json_schema was {was} and is {now}"
    compare("schema_changed", "json_schema", reflex.json_schema, words)
    words = "candidates was {was} and is {now}"
    compare("candidates_changed", "candidates", reflex.candidates, words)
    if reflex.edit_format != "auto":  # which follows the pass
        words = "edits were written as {was} and are as {now}"
        compare("format_changed", "edit_format", reflex.edit_format, words)
    return found


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else plain(value, 120)


def too_old(age_days: float | None, max_age_days: float) -> Lapse | None:
    """Whether a result's age alone makes it lapse; None days are no age that can be believed."""
    if age_days is None:
        return Lapse("stale", "its time cannot be read, or lies ahead")
    if age_days > max_age_days:
        words = f"it is {age_days:.0f} days old, and max_age_days is {max_age_days:g}"
        return Lapse("stale", words)
    # A clock that was set may be a day off, no more.
    return Lapse("stale", "it is from the future") if age_days < -1 else None


def _age_days(event: Mapping[str, Any], now: datetime) -> float | None:
    try:
        when = datetime.fromisoformat(str(event.get("decided_at")))
        age_days = (now - when.astimezone(UTC)).total_seconds() / SECONDS_A_DAY
    except (ValueError, OverflowError):
        return None
    return max(0.0, age_days) if age_days > -1 else None


FRESH_S = 2.0
_HASHES_FRESH_S = 30.0
_AGES_S = 3600.0  # how often the pass's age is looked at for a notice


class GateWatch:
    """Reads the capsule for GateDecisions as it grows, at most every two seconds.

    With a ``notifier`` it takes a pass that live calls have broken away, on record, and tells the
    user so, and before a pass is too old; without one that is only seen.
    """

    def __init__(
        self,
        log: EventLog,
        policy: PolicySnapshot,
        workspace: Path,
        *,
        clock: Clock | None = None,
        key_directory: Path | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._log = log
        self._policy = policy
        self._notifier = notifier
        self._ages_at = 0.0
        self._workspace = workspace.resolve()
        self._clock = clock or SystemClock()
        self._key_directory = key_directory
        self._decided = Decided()
        self._event: Mapping[str, Any] | None = None
        self._newest = NewestDecision()
        self._seen = 0
        self._read_at: float | None = None
        self._hashes: tuple[str, str, str] = ("", "", "")
        self._hashed: tuple[float, str] | None = None
        self._view: GateView | None = None
        self._viewed: tuple[float | None, str | None] = (None, None)
        self._watch = DriftWatch(log, self._workspace, key_directory=key_directory)
        self._drift: Drift | None = None
        self._kept = self._kept_file()
        self._kept_as: tuple[int, int] | None = None

    @property
    def _fresh(self) -> bool:
        """Whether nothing can have changed since it was read, but for the log's own growth.

        A decision that another process makes shows at once, as all keep it in one file.
        """
        if self._read_at is None or self._clock.monotonic() - self._read_at >= FRESH_S:
            return False
        return self._signature() == self._kept_as

    def _kept_file(self) -> str | None:
        try:
            return os.fspath(newest_file(self._workspace, self._key_directory))
        except NoHome:
            return None

    def _signature(self) -> tuple[int, int] | None:
        try:
            # As text: this is asked before every call.
            found = os.stat(self._kept) if self._kept else None  # noqa: PTH116
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino) if found else None

    def remembered(self, server_identity: str | None) -> GateView | None:
        """What ``view`` said of this server a moment ago; None where it would have to look."""
        known = self._fresh and self._viewed == (self._read_at, server_identity)
        return self._view if known else None

    def view(self, server_identity: str | None) -> GateView:
        """Whether the pass holds; ``server_identity`` is None while the server is not known."""
        if not self._fresh:
            self._read()
        asked = (self._read_at, server_identity)
        if self._view is None or self._viewed != asked:
            self._view, self._viewed = self._assessed(server_identity), asked
            self._tell_age(self._view)
        return self._view

    def _assessed(self, server_identity: str | None) -> GateView:
        suite = str((self._event or {}).get("suite", ""))
        suite_hash, prompt_hash, schema_hash = self._current_hashes(suite)
        present = GateContext(
            server_identity=server_identity,
            suite_hash=suite_hash,
            prompt_hash=prompt_hash,
            schema_hash=schema_hash,
            now=self._clock.now(),
            in_demo=in_demo(self._workspace),
            newest=self._newest,
        )
        view = assess(self._event, self._policy, present)
        if self._drift is None:
            return view
        view = replace(view, drift=self._drift.watched())
        broken = self._drift.broken
        if view.valid and broken and self._policy.reflex.monitor.demote:
            return replace(view, valid=False, detail=broken.cause)
        return view

    def _tell_age(self, view: GateView) -> None:
        """Tell the user, once a pass, that it is soon too old."""
        now = self._clock.monotonic()
        if not self._notifier or not view.valid or now < self._ages_at:
            return
        self._ages_at = now + _AGES_S
        self._notifier.tell_of_lapse(
            lambda days: lapse_news(
                view,
                max_age_days=self._policy.reflex.thresholds.max_age_days,
                within_days=days,
            ),
            str((view.event or {}).get("seal")),
        )

    def could_break(self, calls: int, outcomes: int) -> bool:
        """Whether so many that were not looked at yet could break a promise of the pass."""
        return self._drift is not None and self._drift.could_break(calls, outcomes)

    def noted(self) -> None:
        """Look at what calls and outcomes came since: the next ``view`` goes by them.

        Raises:
            CapsuleError: the log cannot be read.
        """
        before = self._drift.broken if self._drift else None
        self._drift = self._watch.grown()
        if self._drift and self._drift.broken and not before:
            self._read_at = None

    def _watched(self, last: NewestDecision) -> None:
        """What live calls show of the pass; a broken one is taken away on record.

        Only where the ``last`` decision that was read is still that: a pass made meanwhile stays.
        """
        monitor, suites = self._policy.reflex.monitor, self._policy.reflex.suites
        watched = self._event if self._event and listed(self._event, suites) else None
        self._drift = self._watch.read(watched) if monitor.enabled else None
        broken = self._drift.broken if self._drift else None
        if not broken or not self._event or not self._notifier:
            return
        if not monitor.demote or out_of_order(self._event, self._newest):
            return
        logger.warning("%s: %s", LAPSES[broken.cause].sentence, RUN_AGAIN)
        try:
            found = demote(
                self._log,
                self._workspace,
                self._event,
                broken,
                follows=last,
                run_id=uuid.uuid4().hex,
                now=self._clock.now(),
                key_directory=self._key_directory,
            )
        except CapsuleError as error:
            # The view says so all the same; who can write it records it.
            logger.warning("the demotion is not in the capsule: %s", error)
            return
        if found:
            self._decided = Decided(found.body)
            self._event = found.body
            self._newest = self._decided_last()
            if news := news_of(found.body):
                self._notifier.tell(news)

    def _read(self) -> None:
        self._kept_as = self._signature()
        head, _ = self._log.head()
        if head < self._seen:  # another log stands there now
            self._seen, self._decided = 0, Decided()
        if head > self._seen:
            suites = self._policy.reflex.suites
            self._decided = self._decided.grown(self._decisions_after(self._seen), suites)
            self._seen = head
        self._event = self._decided.event
        last = self._decided_last()
        self._newest = self._decided.held_to(last)
        self._watched(last)
        self._read_at = self._clock.monotonic()

    def _decided_last(self) -> NewestDecision:
        """The newest decision that this user made here, where the log's own may be held to it."""
        try:
            newest = newest_decision(self._workspace, self._key_directory)
        except CapsuleError:
            if self._event:
                raise
            return NewestDecision()  # there is no pass that it could speak against
        if newest.number and not self._event and self._log.last("GateDecision", where=self._sealed):
            return NewestDecision()  # decisions are there, if only on other backends
        return newest

    def _decisions_after(self, seen: int) -> list[Mapping[str, Any]]:
        """This user's decisions since record ``seen``, newest first, down to one that counts."""
        found: list[Mapping[str, Any]] = []

        def counting(body: Mapping[str, Any]) -> bool:
            if not self._believed(body):
                return False
            found.append(body)
            return listed(body, self._policy.reflex.suites)

        self._log.last("GateDecision", where=counting, after=seen)
        return found

    def _believed(self, body: Mapping[str, Any]) -> bool:
        return body.get("backend") == PRIMARY and self._sealed(body)

    def _sealed(self, body: Mapping[str, Any]) -> bool:
        try:
            key = user_key(directory=self._key_directory)
        except NoHome:
            return False  # without a key no seal can be this user's
        return seal_holds(body, self._workspace, key)

    def _current_hashes(self, suite: str) -> tuple[str, str, str]:
        """Of the suite, the prompts and the reply schemas."""
        now = self._clock.monotonic()
        if self._hashed is None or self._hashed[1] != suite or now > self._hashed[0]:
            current = suite_hash(suite, self._workspace)
            self._hashes = (current, tree_hash(PROMPTS), edit_schemas_hash())
            self._hashed = (now + _HASHES_FRESH_S, suite)
        return self._hashes
