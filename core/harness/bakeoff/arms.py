"""The arms of a bakeoff: which backends they are, and that each is healthy at the start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.client.server import Engine
from core.errors import ConfigError, ReflexError
from core.plain import plain
from core.router import backends
from core.router.health import probe
from core.settings.trust import is_loopback
from core.stages import CLOUD, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import Backend
    from core.client.server import EngineIdentity
    from core.settings import Settings

# The second arm of an A/A run: the cloud again, under a name of its own.
AGAIN = "cloud-b"
_PROBE_MS = 10_000.0
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Arm:
    """A backend in the bakeoff; its requests time out after ``request_timeout_ms``.

    A reply after ``backend.timeout_ms`` counts as failed, but it is waited for, so that latency
    is not cut off at the limit. ``identity`` is who served it when the run began.
    """

    name: str
    backend: Backend
    request_timeout_ms: float
    identity: EngineIdentity | None = None

    @property
    def local(self) -> bool:
        """Served on the user's own machines, where a reply costs nothing."""
        return self.backend.mode is Mode.REFLEX

    @property
    def scripted(self) -> bool:
        """The stand-in answers, not a model."""
        return self.identity is not None and self.identity.engine is Engine.SCRIPTED


def choose_arms(
    settings: Settings,
    names: Sequence[str],
    *,
    aa: bool = False,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Arm]:
    """The two arms by name, in the order given, or with ``aa`` the cloud twice.

    Raises:
        ConfigError: Not two different names, or no such backend.
        UntrustedEndpoint: A project's file chose a server off this machine.
    """
    servers = backends.all_backends(settings, environ)
    known = list(servers)
    if aa:
        names = (CLOUD, AGAIN)
        servers[AGAIN] = servers[CLOUD]
    if len(names) != _PAIR or len(set(names)) != _PAIR:
        raise ConfigError(
            f"a bakeoff has two different arms, not {plain(', '.join(names) or 'none', 200)}",
            remedy="For example --arms reflex,cloud.",
        )
    for name in names:
        if name not in servers:
            raise ConfigError(
                f"there is no backend {plain(name, 80)!r}",
                remedy=f"Arms are {', '.join(known)}; [reflex.backends.NAME] adds others.",
            )
    least_ms = 2 * settings.reflex.thresholds.p95_latency_ms
    return {
        name: Arm(name, servers[name], max(float(servers[name].timeout_ms), least_ms))
        for name in names
    }


async def identified(arms: Sequence[Arm]) -> list[Arm]:
    """The arms with who serves them.

    Raises:
        ReflexError: One of them is unhealthy; says why and what to do.
    """
    looks = await asyncio.gather(*(probe(arm.backend, timeout_ms=_PROBE_MS) for arm in arms))
    for arm, health in zip(arms, looks, strict=True):
        if not health.ok:
            raise ReflexError(
                f"the {arm.name} arm is unhealthy: {health.summary}",
                remedy="\n".join(health.remedy),
            )
    return [replace(arm, identity=look.engine) for arm, look in zip(arms, looks, strict=True)]


async def changed_server(arms: Sequence[Arm]) -> str | None:
    """In words which arm is served by something else than at the beginning, if one is.

    A server that does not answer now has not changed: its calls have failed, and that counts.
    """
    for arm in arms:
        # Asked twice, as a server under load may fail to say its version once.
        if await _differs(arm) and await _differs(arm):
            was = arm.identity.label if arm.identity else "unknown"
            return (
                f"the server of the {arm.name} arm was {was} and is another, or has other weights"
            )
    return None


async def _differs(arm: Arm) -> bool:
    health = await probe(arm.backend, timeout_ms=_PROBE_MS)
    return health.ok and health.engine is not None and health.engine != arm.identity


def check_key(arm: Arm, settings: Settings) -> None:
    """Let an arm pass that can be asked.

    Raises:
        ConfigError: It is the cloud, off this machine, and there is no key for it.
    """
    backend = arm.backend
    if backend.mode is Mode.CLOUD and not backend.api_key and not is_loopback(backend.endpoint):
        variable = settings.cloud.api_key_env
        raise ConfigError(
            f"the cloud arm is not configured: ${variable} holds no key for {backend.endpoint}",
            remedy=f"export {variable}=…, or name another server under [cloud]. A report at hand "
            "spares the cloud: --reuse-cloud REPORT. To see one without any: code reflex demo.",
        )
