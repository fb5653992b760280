"""One look at a server that behaves as a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.router.health import Health, probe
from tests.support.health.servers import (
    Reply,
    local,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.health.servers import Behaviour


READY = {"/health": Reply(), "/version": Reply.of({"version": "0.32.0"})}


async def look(routes: Mapping[str, Behaviour] | Behaviour, model: str = "m") -> Health:
    """The health of a server that behaves so."""
    async with serving(routes) as server:
        return await probe(local(server.endpoint, model), timeout_ms=30_000)


async def look_at_models(behaviour: Behaviour, model: str = "m") -> Health:
    """The health of a ready vLLM whose list of models is this."""
    return await look({"/v1/models": behaviour, **READY}, model)
