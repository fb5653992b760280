"""The Implementer: what an orchestrator holds for the length of a run."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING, Any, Self

from core.capsule.keys import user_key
from core.client.backend import Backend, ChatRequest, Message
from core.client.chat import ChatClient
from core.clock import Clock, SystemClock
from core.router.answer import Answer
from core.router.backends import all_backends
from core.router.call import RoutedCall, RunContext
from core.router.decision import RoutingDecision, decide
from core.router.evidence import Evidence
from core.router.shadow import ShadowCalls
from core.router.view import RoutingState, RoutingView, breaker_of
from core.settings.policy import PolicySnapshot
from core.stages import CLOUD, PRIMARY, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from core.router.decision import CallOptions
    from core.settings import Settings

__all__ = ["Answer", "Implementer"]


class Implementer:
    """Answers calls of a run by the policy captured when the run began.

    Use it as an async context manager, from one event loop; any number of calls at a time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        key_directory: Path | None = None,
        origin: str = "live",
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.run_id = uuid.uuid4().hex
        self.policy = PolicySnapshot.capture(settings, clock)
        backends = all_backends(settings, environ)
        self._situation = RoutingState(
            settings, self.policy, clock=clock, key_directory=key_directory
        )
        self._breakers = {PRIMARY: self._situation.breaker} | {
            name: breaker_of(settings, backends[name]) for name in settings.reflex.backends
        }
        self._evidence = Evidence(
            self._situation.log,
            self.policy,
            self.run_id,
            key=user_key(directory=key_directory),
            secrets=tuple(b.api_key for b in backends.values() if b.api_key),
        )
        self._clients: dict[str, ChatClient] = {}
        self._shadow = ShadowCalls(
            self.policy,
            self._situation,
            self._evidence,
            self._client,
            clock or SystemClock(),
            run_id=self.run_id,
            chance=chance,
        )
        self._run = RunContext(
            run_id=self.run_id,
            origin=origin,
            policy=self.policy,
            backends=backends,
            breakers=self._breakers,
            situation=self._situation,
            evidence=self._evidence,
            clock=clock or SystemClock(),
            client=self._client,
            shadow=self._shadow,
        )
        self._beginning = asyncio.Lock()
        self._begun = False
        self._readying: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings, **options: Any) -> Self:
        """An Implementer for ``settings``; options are those of the constructor.

        Raises:
            UntrustedEndpoint: a project's file chose a server off this machine.
        """
        return cls(settings, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections, shadow calls, background probes and the evidence's threads."""
        await self._shadow.aclose()
        if self._readying:
            await self._readying
        for client in self._clients.values():
            await client.aclose()
        await self._situation.aclose()
        for breaker in self._breakers.values():
            breaker.close()
        self._situation.log.close()

    async def decide(self, stage: Stage = Stage.IMPLEMENT) -> RoutingDecision:
        """What a call of ``stage`` would do now; nothing is sent or recorded."""
        return (await self._situation.look(stage)).decision

    async def outlook(self) -> RoutingView:
        """What the next Implement call would do and why, by the health as remembered.

        Raises:
            CapsuleError: the evidence cannot be read.
        """
        situation = self._situation
        health = await situation.monitor.current()
        gate, breaker = await situation.gate(health), situation.breaker.view()
        decision = decide(self.policy, Stage.IMPLEMENT, health, breaker, gate)
        return RoutingView(self.settings, self.policy, health, breaker, gate, decision)

    @property
    def shadow(self) -> ShadowCalls:
        """The calls that reflex is asked in the background."""
        return self._shadow

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        stage: Stage = Stage.IMPLEMENT,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Answer one call, by whoever the rule says.

        Args:
            messages: chat messages in OpenAI's form.
            stage: only ``IMPLEMENT`` may be served by reflex.
            schema: a JSON schema the reply must meet; ``Answer.data`` is then the object.
            max_tokens: limit of the reply.
            temperature: sampling temperature.
            seed: sampling seed.
            extra: further OpenAI request fields, passed on as they are.

        Raises:
            BackendError: the last backend asked failed, and nobody else may answer.
            NoBackend: the rule allows nobody to answer.
            CapsuleError: the decision could not be recorded; nothing was sent.
        """
        request = ChatRequest(
            messages,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            extra=extra or {},
        )
        return await (await self.conduct(request, stage=stage)).answer()

    async def conduct(
        self,
        request: ChatRequest,
        *,
        stage: Stage = Stage.IMPLEMENT,
        terms: CallOptions | None = None,
    ) -> RoutedCall:
        """One call before it is made: ``answer()`` makes it, ``stream()`` lets it be heard.

        Raises:
            CapsuleError: the run's policy could not be recorded.
        """
        if not self._begun:
            await self._begin()
        return RoutedCall(self._run, request, stage, terms)

    async def _begin(self) -> None:
        async with self._beginning:
            if not self._begun:
                await self._evidence.began(self.settings)
                self._begun = True
                if self.policy.reflex.enabled and self.policy.reflex.fallback.to_cloud:
                    cloud = self._client(self._run.backends[CLOUD])
                    # Beside the first call, as a fallback from it could wait for that.
                    self._readying = asyncio.create_task(cloud.make_ready())

    def _client(self, backend: Backend) -> ChatClient:
        if backend.name not in self._clients:
            self._clients[backend.name] = ChatClient(backend)
        return self._clients[backend.name]
