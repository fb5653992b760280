"""A suite made beside the dashboard, which only posts messages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from core.errors import ReflexError, SandboxError
from reflex_tui.watch.announcements import WorkFailed
from reflex_tui.watch.stoppable import StoppableWork, WorkBroke

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.mining.making import MadeSuite, MakingTally, SuiteWish
    from reflex_tui.watch.watcher import Post


@dataclass(frozen=True, slots=True)
class MakingSoFar:
    """What was kept of the candidates that were tried, by origin, and what is looked at now."""

    kept: tuple[tuple[str, int], ...]
    tried: int
    now: str

    @classmethod
    def of(cls, tally: MakingTally) -> MakingSoFar:
        """As the tally is now: it goes on changing in its own thread."""
        kept = tuple((str(origin), tally.kept[origin]) for origin in sorted(tally.tried))
        return cls(kept, tally.tried.total(), tally.now)


@dataclass(eq=False, repr=False)
class SuiteProgressed(Message):
    """How far the making has come."""

    so_far: MakingSoFar


@dataclass(eq=False, repr=False)
class SuiteMade(Message):
    """The making is over: what came of it, or why it failed."""

    made: MadeSuite | None
    error: ReflexError | None = None


class SuiteMaking(StoppableWork):
    """One making; posts ``SuiteProgressed`` as it goes, then ``SuiteMade``, once.

    When it is stopped, what is found by then is written.
    """

    def __init__(self, root: Path, wanted: SuiteWish, post: Post) -> None:
        super().__init__("reflex-suite")
        self._root = root
        self._wanted = wanted
        self._post = post

    def _work(self) -> None:
        made: MadeSuite | None = None
        error: ReflexError | None = None
        try:
            made = asyncio.run(self._make())
        except ReflexError as raised:
            error = raised
        except Exception as bug:  # noqa: BLE001  a thread that ends by a bug must say so
            self._post(WorkFailed(bug))
            error = WorkBroke(bug)
        self._post(SuiteMade(made, error))

    async def _make(self) -> MadeSuite:
        from core.harness.mining.making import make_suite  # the harness costs start-up
        from core.harness.sandbox import Tier, choose_tier

        with self._stoppable() as stop:
            found = await choose_tier()
            if found.tier is Tier.NONE:
                raise SandboxError(
                    f"no sandbox passes its self-test here: {found.reason}",
                    remedy="Install bubblewrap.",
                )
            return await make_suite(
                self._root,
                self._wanted,
                found.sandbox(),
                stop=stop,
                tell=self._tell,
            )

    def _tell(self, tally: MakingTally) -> None:
        self._post(SuiteProgressed(MakingSoFar.of(tally)))
