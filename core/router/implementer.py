"""The Implementer: what an orchestrator holds for the length of a run."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING, Any, Self

from core.capsule.keys import user_key
from core.capsule.live_seal import CallSeals
from core.client.backend import Backend, ChatRequest, Message
from core.client.chat import ChatClient
from core.client.server import most_replies
from core.clock import Clock, SystemClock
from core.errors import WrongEventLoop
from core.monitor.outcomes import bare_id, outcome_event, recent_call
from core.notify.notifier import Notifier
from core.router.answer import Answer
from core.router.backends import all_backends
from core.router.call import RoutedCall, RunContext
from core.router.evidence import Evidence
from core.router.shadow import ShadowCalls
from core.router.view import RoutingState, breaker_of, successor_monitor
from core.settings.policy import PolicySnapshot
from core.stages import CLOUD, PRIMARY, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from core.capsule import EventLog
    from core.capsule.events import CallOutcomeEvent
    from core.capsule.index import Index
    from core.monitor.outcomes import Source
    from core.router.decision import CallOptions, RoutingDecision
    from core.router.view import RoutingView
    from core.settings import Settings

__all__ = ["Answer", "Implementer"]


class Implementer:
    """Answers calls of a run by the policy captured when the run began.

    Use it as an async context manager, from one event loop; any number of calls at a time. A
    second event loop is refused with WrongEventLoop. One that ``continues`` another goes on with
    its run from ``stage`` on, by the policy as it is now.
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
        continues: Implementer | None = None,
        stage: Stage | None = None,
    ) -> None:
        self.settings = settings
        self.run_id: str = continues.run_id if continues else uuid.uuid4().hex
        self.policy = PolicySnapshot.capture(settings, clock)
        backends = all_backends(settings, environ)
        notifier = Notifier(settings.source.root)
        self._state = RoutingState(
            settings, self.policy, clock=clock, key_directory=key_directory, notifier=notifier
        )
        self._breakers = {PRIMARY: self._state.breaker} | {
            name: breaker_of(settings, backends[name]) for name in settings.reflex.backends
        }
        self._monitors = {PRIMARY: self._state.monitor} | {
            name: successor_monitor(backends[name], clock) for name in settings.reflex.backends
        }
        key = user_key(directory=key_directory)
        watched = settings.reflex.monitor.enabled
        self._evidence = Evidence(
            self._state.log,
            self.policy,
            self.run_id,
            key=key,
            secrets=tuple(b.api_key for b in backends.values() if b.api_key),
            seals=CallSeals(settings.source.root, key) if watched else None,
            notifier=notifier,
            continues=continues.evidence if continues else None,
            stage=stage,
        )
        self._key_directory = key_directory
        self._index: Index | None = None
        self._clients: dict[str, ChatClient] = {}
        self._shadow = ShadowCalls(
            self.policy,
            self._state,
            self._evidence,
            self._client,
            clock or SystemClock(),
            run_id=self.run_id,
            workspace=settings.source.root,
            key=key,
            chance=chance,
        )
        self._run = RunContext(
            run_id=self.run_id,
            origin=origin,
            policy=self.policy,
            backends=backends,
            breakers=self._breakers,
            monitors=self._monitors,
            state=self._state,
            evidence=self._evidence,
            clock=clock or SystemClock(),
            client=self._client,
            check_loop=self._check_loop,
            shadow=self._shadow,
        )
        self._starting = asyncio.Lock()
        self._started = False
        self._tls_ready: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_settings(cls, settings: Settings, **options: Any) -> Self:
        """An Implementer for ``settings``; options are those of the constructor.

        Raises:
            UntrustedEndpoint: a project's file chose a server off this machine.
        """
        return cls(settings, **options)

    async def __aenter__(self) -> Self:
        self._check_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections, shadow calls, background probes and the evidence's threads."""
        self._check_loop()
        await self._shadow.aclose()
        if self._tls_ready:
            await self._tls_ready
        for client in self._clients.values():
            await client.aclose()
        for monitor in self._monitors.values():
            await monitor.aclose()
        await self._state.aclose()
        for breaker in self._breakers.values():
            breaker.close()
        if self._index:
            self._index.close()

    async def decide(self, stage: Stage = Stage.IMPLEMENT) -> RoutingDecision:
        """What a call of ``stage`` would do now; nothing is sent or recorded.

        Raises:
            CapsuleError: the evidence cannot be read.
        """
        self._check_loop()
        return await self._state.decide(stage)

    async def view(self) -> RoutingView:
        """What the next Implement call would do and why, by the health as remembered.

        Raises:
            CapsuleError: the evidence cannot be read.
        """
        self._check_loop()
        return await self._state.view()

    @property
    def evidence(self) -> Evidence:
        """What writes its events."""
        return self._evidence

    @property
    def shadow(self) -> ShadowCalls:
        """The calls that reflex is asked in the background as well."""
        return self._shadow

    async def outcome(
        self, call_id: str, *, ok: bool, source: Source = "gateway"
    ) -> CallOutcomeEvent:
        """Put on record what became of an answer; the monitor counts it for its backend.

        Args:
            call_id: of the answer, or how an agent's API wrote it (``chatcmpl-…``).
            ok: the answer did what it was asked for.
            source: who says so.

        Raises:
            UnknownCall: the capsule holds no such answered call.
            CapsuleError: it could not be recorded.
        """
        self._check_loop()
        known = bare_id(call_id)
        log, root = self._state.log, self.settings.source.root
        find = recent_call if source == "implement" else self._indexed_call
        event = outcome_event(
            await asyncio.to_thread(find, log, known),
            known,
            ok=ok,
            source=source,
            run_id=self.run_id,
            policy_hash=self.policy.policy_hash,
            workspace=root,
            key_directory=self._key_directory,
        )
        await self._evidence.append(event)
        self._state.outcome_known()
        return event

    def _indexed_call(self, log: EventLog, call_id: str) -> list[Mapping[str, Any]]:
        from core.capsule.index import Index  # SQLite, for those who report outcomes only

        self._index = self._index or Index(log)
        self._index.update()
        return [record.body for record in self._index.call(call_id)]

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
            BackendError: the last backend asked failed, and no other may answer.
            NoBackend: no backend is allowed to answer.
            CapsuleError: the decision could not be recorded; nothing was sent.
            WrongEventLoop: it was used from another event loop before.
        """
        request = ChatRequest(
            messages,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            extra=extra or {},
        )
        return await (await self.call(request, stage=stage)).answer()

    async def call(
        self,
        request: ChatRequest,
        *,
        stage: Stage = Stage.IMPLEMENT,
        options: CallOptions | None = None,
    ) -> RoutedCall:
        """One call before it is made: ``answer()`` makes it, ``stream()`` yields it in pieces.

        Raises:
            CapsuleError: the run's policy could not be recorded.
        """
        self._check_loop()
        await self.begin()
        return RoutedCall(self._run, request, stage, options)

    async def most_replies(self, *, given_up: Collection[str] = ()) -> int:
        """How many replies one request may ask for at the local server whose turn it would be.

        1 where that is none, or where it would gain nothing.
        """
        order = (PRIMARY, *self.policy.reflex.fallback.order)
        name = next((one for one in order if one in self._monitors and one not in given_up), None)
        if name is None or not self._client(self._run.backends[name]).takes_several:
            return 1
        return most_replies((await self._monitors[name].current()).engine)

    async def begin(self) -> None:
        """Record the run's policy, which the first call does otherwise.

        Raises:
            CapsuleError: it could not be recorded.
        """
        if self._started:
            return
        async with self._starting:
            if not self._started:
                await self._evidence.record_policy(self.settings)
                self._started = True
                if self.policy.reflex.enabled and self.policy.reflex.fallback.to_cloud:
                    cloud = self._client(self._run.backends[CLOUD])
                    # Beside the first call, as a fallback from it could wait for that.
                    self._tls_ready = asyncio.create_task(cloud.make_ready())

    def _check_loop(self) -> None:
        """Refuse a second event loop: the connections and tasks belong to the first."""
        running = asyncio.get_running_loop()
        self._loop = self._loop or running
        if self._loop is not running:
            raise WrongEventLoop(
                "this Implementer belongs to another event loop",
                remedy="Make one for each asyncio.run(), or make all calls within one.",
            )

    def _client(self, backend: Backend) -> ChatClient:
        if backend.name not in self._clients:
            self._clients[backend.name] = ChatClient(backend)
        return self._clients[backend.name]
