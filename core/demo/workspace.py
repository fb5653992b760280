"""A demo's workspace: a directory below the user's state, its stage0.toml and gate pass."""

from __future__ import annotations

import shutil
import time
import uuid
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.decisions import record_decision
from core.capsule.events import GateDecisionEvent
from core.clock import SystemClock
from core.errors import ConfigError
from core.files import make_private, write_private
from core.fingerprint import PROMPTS, suite_content_hash, suite_root, tree_hash
from core.router.edit_schemas import edit_schemas_hash
from core.router.promotion import thresholds_of
from core.settings.policy import PolicySnapshot
from core.userdirs import demo_root, in_demo

if TYPE_CHECKING:
    from pathlib import Path

    from core.settings import Settings

SUITE = "reflex_patchloop_v1"
_KEPT = 5

_CONFIGURATION = """\
# Written by `code reflex demo`: an embedded llama.cpp server as reflex, a scripted stand-in as
# cloud. Neither leaves this machine.
[reflex]
enabled = true
endpoint = "{engine}"
model = "{engine_model}"
timeout_ms = {timeout_ms}
capture_mode = "full_io"

[reflex.fallback]
recovery_s = 5

[cloud]
endpoint = "{cloud}"
model = "{cloud_model}"
timeout_ms = 10000
price_input_per_million = 0.25
price_output_per_million = 2.0
"""


def make_workspace() -> Path:
    """A new, empty demo workspace; those of earlier demos but the last few are removed."""
    root = demo_root()
    try:
        make_private(root)
        for old in sorted(root.iterdir())[: 1 - _KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        workspace = root / f"{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:6]}"
        make_private(workspace)
    except OSError as error:
        raise ConfigError(
            f"{root}: the demo's workspace cannot be made: {error.strerror}",
            remedy="Point $XDG_STATE_HOME at a writable directory.",
        ) from error
    return workspace


def configure(
    workspace: Path,
    *,
    engine: str,
    engine_model: str,
    cloud: str,
    cloud_model: str,
    timeout_ms: int = 5000,
) -> Path:
    """Write the workspace's stage0.toml for the two servers; returns its path."""
    path = workspace / "stage0.toml"
    write_private(
        path,
        _CONFIGURATION.format(
            engine=engine,
            engine_model=engine_model,
            cloud=cloud,
            cloud_model=cloud_model,
            timeout_ms=timeout_ms,
        ),
    )
    return path


def plant_gate(settings: Settings, server_identity: str) -> None:
    """Put a gate pass into the demo's capsule, marked as the demo's.

    It says that no bakeoff was run. The router accepts the mark below ``demo_root`` alone, and
    this function refuses anywhere else.
    """
    workspace = settings.source.root
    if not in_demo(workspace):
        raise ConfigError(f"{workspace} is not a demo's workspace; run a bakeoff to pass the gate")
    policy = PolicySnapshot.capture(settings)
    decision = GateDecisionEvent(
        run_id=uuid.uuid4().hex,
        policy_hash=policy.policy_hash,
        verdict="pass",
        endpoint=settings.reflex.endpoint,
        model=settings.reflex.model,
        server_identity=server_identity,
        suite=SUITE,
        suite_hash=suite_content_hash(suite_root(SUITE, workspace)),
        prompt_hash=tree_hash(PROMPTS),
        schema_hash=edit_schemas_hash(),
        json_schema=policy.reflex.json_schema,
        candidates=policy.reflex.candidates,
        thresholds=thresholds_of(policy),
        stamps=["demo"],
        seal="",
    )
    with EventLog(settings.state_dir / "capsule") as log:
        record_decision(log, decision, workspace, now=SystemClock().now())
