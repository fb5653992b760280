"""A run that spans stages: at each boundary the policy is captured again if it changed.

A pipeline lives for hours, and what its owner changes in between should count for the next stage,
but not in the middle of one. Within a stage every call goes by the same PolicySnapshot; the first
call of another stage reads the configuration again.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from core.errors import ReflexError
from core.plain import plain
from core.router.implementer import Implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.client.backend import Message
    from core.router.answer import Answer
    from core.settings import Settings
    from core.settings.policy import PolicySnapshot
    from core.stages import Stage

logger = logging.getLogger(__name__)


class PipelineRun:
    """One run of a pipeline over several stages, as a context manager of one event loop.

    ``read`` reads the configuration again, by default as ``settings`` were found. One that cannot
    be used is logged, and the policy of the stage before stays in force.
    """

    def __init__(
        self, settings: Settings, *, read: Callable[[], Settings] | None = None, **options: Any
    ) -> None:
        self._read = read or partial(_read_again, settings)
        self._options = options
        self._current = Implementer.from_settings(settings, **options)
        self._stage: Stage | None = None
        self._users: dict[Implementer, int] = {self._current: 0}
        self._entering = asyncio.Lock()

    @property
    def run_id(self) -> str:
        """The id that all its events share."""
        return self._current.run_id

    @property
    def policy(self) -> PolicySnapshot:
        """What calls of the present stage go by."""
        return self._current.policy

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close everything; no call may be under way."""
        for implementer in list(self._users):
            await implementer.aclose()
        self._users.clear()

    async def complete(
        self, messages: Sequence[Message], *, stage: Stage, **options: Any
    ) -> Answer:
        """As ``Implementer.complete``, by the policy of the stage; raises as that does.

        Raises:
            CapsuleError: a changed policy could not be recorded; nothing was sent.
        """
        implementer = await self.enter(stage)
        self._users[implementer] += 1
        try:
            return await implementer.complete(messages, stage=stage, **options)
        finally:
            self._users[implementer] -= 1
            await self._close_unused()

    async def enter(self, stage: Stage) -> Implementer:
        """Begin ``stage``, unless that is the present one, and return its Implementer.

        Raises:
            CapsuleError: a changed policy could not be recorded.
        """
        async with self._entering:
            if stage is not self._stage:
                if self._stage is not None:
                    await self._capture_again(stage)
                self._stage = stage
            return self._current

    async def _capture_again(self, stage: Stage) -> None:
        before = self._current
        try:
            settings = await asyncio.to_thread(self._read)
            after = Implementer.from_settings(
                settings, continues=before, stage=stage, **self._options
            )
        except ReflexError as error:
            logger.warning(
                "the configuration cannot be used, stage %s goes by the policy before: %s",
                stage.value,
                plain(error),
            )
            return
        if after.policy.policy_hash == before.policy.policy_hash:
            await after.aclose()
            return
        try:
            await after.begin()
        except BaseException:
            await after.aclose()
            raise
        self._current = after
        self._users[after] = 0
        await self._close_unused()

    async def _close_unused(self) -> None:
        done = [one for one, users in self._users.items() if not users and one is not self._current]
        for implementer in done:
            del self._users[implementer]
            await implementer.aclose()


def _read_again(settings: Settings) -> Settings:
    from core.settings import load_settings

    own = settings.source.path is None or settings.source.trusted
    return load_settings(cwd=settings.source.root) if own else load_settings(settings.source.path)
