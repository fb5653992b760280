"""The gate as the router sees it: the newest sealed GateDecision against what is there now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.capsule.keys import seal_holds, user_key
from core.clock import Clock, SystemClock
from core.fingerprint import PROMPTS, SCHEMAS, suite_root, tree_hash
from core.router.promotion import Present, assess
from core.stages import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.capsule import EventLog
    from core.policy import PolicySnapshot
    from core.router.decision import GateView

FRESH_S = 2.0
_HASHES_FRESH_S = 30.0


class GateWatch:
    """Reads the capsule for GateDecisions as it grows, at most every two seconds."""

    def __init__(
        self,
        log: EventLog,
        policy: PolicySnapshot,
        workspace: Path,
        *,
        clock: Clock | None = None,
        key_directory: Path | None = None,
    ) -> None:
        self._log = log
        self._policy = policy
        self._workspace = workspace.resolve()
        self._clock = clock or SystemClock()
        self._key_directory = key_directory
        self._event: Mapping[str, Any] | None = None
        self._seen = 0
        self._read_at: float | None = None
        self._hashes: tuple[str, str, str] = ("", "", "")
        self._hashed: tuple[float, str] | None = None
        self._view: GateView | None = None
        self._viewed: tuple[float | None, str | None] = (None, None)

    @property
    def _fresh(self) -> bool:
        return self._read_at is not None and self._clock.monotonic() - self._read_at < FRESH_S

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
        return self._view

    def _assessed(self, server_identity: str | None) -> GateView:
        suite = str((self._event or {}).get("suite", ""))
        suite_hash, prompt_hash, schema_hash = self._current_hashes(suite)
        present = Present(
            server_identity=server_identity,
            suite_hash=suite_hash,
            prompt_hash=prompt_hash,
            schema_hash=schema_hash,
            now=self._clock.now(),
            in_demo=in_demo(self._workspace),
        )
        return assess(self._event, self._policy, present)

    def _read(self) -> None:
        head, _ = self._log.head()
        if head < self._seen:  # another log stands there now
            self._seen, self._event = 0, None
        if head > self._seen:
            found = self._log.last("GateDecision", where=self._believed, after=self._seen)
            self._event = found.body if found else self._event
            self._seen = head
        self._read_at = self._clock.monotonic()

    def _believed(self, body: Mapping[str, Any]) -> bool:
        if body.get("backend") != PRIMARY:
            return False
        return seal_holds(body, self._workspace, user_key(directory=self._key_directory))

    def _current_hashes(self, suite: str) -> tuple[str, str, str]:
        """Of the suite, the prompts and the reply schemas."""
        now = self._clock.monotonic()
        if self._hashed is None or self._hashed[1] != suite or now > self._hashed[0]:
            root = suite_root(suite, self._workspace)
            suite_hash = tree_hash(root) if suite else ""
            self._hashes = (suite_hash, tree_hash(PROMPTS), tree_hash(SCHEMAS))
            self._hashed = (now + _HASHES_FRESH_S, suite)
        return self._hashes


def demo_root() -> Path:
    """Where the demo's workspaces lie: the user's own state directory, out of any project."""
    from platformdirs import user_state_path  # noqa: PLC0415  costs start-up where unused

    return user_state_path("speckit-reflex", appauthor=False) / "demo"


def in_demo(workspace: Path) -> bool:
    """Whether a workspace is the demo's own."""
    return workspace.resolve().is_relative_to(demo_root().resolve())
