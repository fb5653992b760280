"""A workspace over two stand-in servers, with or without a gate pass."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.decisions import record_decision
from core.capsule.events import GateDecisionEvent
from core.clock import SystemClock
from core.fingerprint import PROMPTS, suite_root, tree_hash
from core.router.backends import primary
from core.router.edit_schemas import edit_schemas_hash
from core.router.health import probe
from core.router.implementer import Implementer
from core.router.promotion import thresholds_of
from core.router.view import look_once
from core.settings import Settings, load_settings
from core.settings.policy import PolicySnapshot
from core.standin.script import Script, parse_faults
from core.standin.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.client.backend import Message
    from core.router.view import RoutingView

SUITE = "reflex_patchloop_v1"
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string", "enum": ["a.py"]}, "n": {"type": "integer"}},
    "required": ["path", "n"],
    "additionalProperties": False,
}
QUESTION: list[Message] = [{"role": "user", "content": "Which line is wrong?"}]


@dataclass
class World:
    """The servers, the configuration that names them, and the workspace's capsule."""

    reflex: ScriptedServer
    cloud: ScriptedServer
    settings: Settings

    def implementer(self, **options: Any) -> Implementer:
        """An Implementer of this workspace."""
        return Implementer.from_settings(self.settings, **options)

    def faults(self, pattern: str) -> None:
        """Make the reflex server unhealthy, or healthy with ``""``."""
        self.reflex.script = replace(self.reflex.script, faults=parse_faults(pattern))

    def events(self, *types: str) -> list[dict[str, Any]]:
        """The capsule's records of these types (all without), oldest first."""
        with EventLog(self.settings.state_dir / "capsule") as log:
            return [dict(r.body) for r in log.read() if not types or r.event_type in types]


@asynccontextmanager
async def world(
    project: Path, text: str = "", *, promoted: bool = True, reflex: str = ""
) -> AsyncIterator[World]:
    """Two stand-ins that answer at once, and a stage0.toml with ``text`` added.

    ``reflex`` goes into the table of that name.
    """
    at_once = Script(ttft_ms=0, tokens_per_s=0)
    local = replace(at_once, model="local", owned_by="test")
    async with ScriptedServer(local) as near, ScriptedServer(at_once) as cloud:
        path = project / "stage0.toml"
        path.write_text(
            f'[reflex]\nenabled = true\nendpoint = "{near.endpoint}"\nmodel = "local"\n{reflex}'
            f'[cloud]\nendpoint = "{cloud.endpoint}"\nmodel = "{cloud.script.model}"\n{text}'
        )
        settings = load_settings(path)
        if promoted:
            await promote(settings)
        yield World(near, cloud, settings)


async def promote(settings: Settings, **changes: Any) -> None:
    """Put a sealed pass for the configuration as it is into the capsule, as a bakeoff would."""
    policy = PolicySnapshot.capture(settings)
    health = await probe(primary(settings), timeout_ms=30_000)
    assert health.engine
    fields: dict[str, Any] = {
        "run_id": uuid.uuid4().hex,
        "verdict": "pass",
        "endpoint": settings.reflex.endpoint,
        "model": settings.reflex.model,
        "server_identity": health.engine.fingerprint,
        "suite": SUITE,
        "suite_hash": tree_hash(suite_root(SUITE, settings.source.root)),
        "prompt_hash": tree_hash(PROMPTS),
        "schema_hash": edit_schemas_hash(),
        "json_schema": policy.reflex.json_schema,
        "candidates": policy.reflex.candidates,
        "thresholds": thresholds_of(policy),
        "seal": "",
    }
    event = GateDecisionEvent(**{**fields, **changes})
    with EventLog(settings.state_dir / "capsule") as log:
        record_decision(log, event, settings.source.root, now=SystemClock().now())


def seen(settings: Settings) -> RoutingView:
    """What every surface of this workspace shows; where no event loop runs."""
    return asyncio.run(look_once(settings))
