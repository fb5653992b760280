"""A gate pass holds until what it was about changes, and cannot be planted."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.events import GateDecisionEvent
from core.capsule.keys import seal
from core.clock import SystemClock
from core.demo.workspace import plant_gate
from core.errors import ConfigError
from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Mode, Reason
from core.userdirs import demo_root
from tests.support.router.world import promote, world

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from core.settings import Settings


async def detail(settings: Settings, **options: Any) -> str | None:
    """Why the next Implement call would not go to reflex; None when it would."""
    async with Implementer.from_settings(settings, **options) as implementer:
        decision = await implementer.decide()
    if decision.mode is Mode.REFLEX:
        return None
    assert decision.reason is Reason.THRESHOLDS_NOT_MET
    return decision.detail


class Later(SystemClock):
    """The wall clock some days ahead."""

    def __init__(self, days: float) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        """Then."""
        return super().now() + self._ahead


async def test_a_pass_holds_for_what_it_was_about(project: Path) -> None:
    """With nothing changed the next call is reflex's."""
    async with world(project) as w:
        assert await detail(w.settings) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model": "other"}, "model_changed"),
        ({"endpoint": "http://127.0.0.1:1/v1"}, "server_changed"),
        ({"server_identity": "another build"}, "server_changed"),
        ({"suite_hash": "sha256:0"}, "suite_changed"),
        ({"prompt_hash": "sha256:0"}, "prompt_changed"),
        ({"schema_hash": "sha256:0"}, "schema_changed"),
        ({"json_schema": False}, "schema_changed"),
        ({"candidates": 4}, "candidates_changed"),
        ({"thresholds": {"p95_latency_ms": 9000.0}}, "thresholds_changed"),
        ({"verdict": "fail", "misses": ["p95_latency"]}, "p95_latency"),
        ({"verdict": "fail", "misses": ["success_parity"]}, "success_parity"),
        ({"verdict": "fail", "misses": ["json_compliance"]}, "json_compliance"),
        ({"verdict": "inconclusive"}, "inconclusive"),
        ({"stamps": ["unsandboxed"]}, "marked"),
        ({"stamps": ["partial"]}, "marked"),
        ({"stamps": ["server_changed"]}, "marked"),
        ({"stamps": ["subset"]}, "marked"),
        ({"stamps": ["scripted"]}, "marked"),
        ({"stamps": ["demo"]}, "marked"),
        (
            {"verdict": "fail", "misses": ["p95_latency"], "stamps": ["scripted"]},
            "p95_latency",
        ),
        ({"verdict": "inconclusive", "stamps": ["partial"]}, "marked"),
        (
            {"verdict": "fail", "misses": ["p95_latency"], "stamps": ["subset"], "model": "other"},
            "marked",
        ),
        ({"backend": "vllm"}, "no_bakeoff"),
    ],
)
async def test_it_lapses_with_its_reason(
    project: Path, changes: dict[str, Any], expected: str
) -> None:
    """Every way a decision can fail to be a pass for here and now."""
    async with world(project, promoted=False) as w:
        await promote(w.settings, **changes)
        assert await detail(w.settings) == expected


async def test_it_grows_stale(project: Path) -> None:
    """After max_age_days, and when it comes from the future."""
    async with world(project) as w:
        assert await detail(w.settings, clock=Later(29)) is None
        assert await detail(w.settings, clock=Later(31)) == "stale"
        assert await detail(w.settings, clock=Later(-2)) == "stale"


async def test_another_edit_format_lapses_it(project: Path) -> None:
    """But for ``auto``, which follows the pass."""
    async with world(project, promoted=False) as w:
        await promote(w.settings, edit_format="code")
        assert await detail(w.settings) is None
        path = w.settings.source.path
        assert path
        before = path.read_text()
        for name, expected in (("code", None), ("fence", "format_changed")):
            path.write_text(before.replace("[reflex]\n", f'[reflex]\nedit_format = "{name}"\n', 1))
            assert await detail(load_settings(path)) == expected


async def test_thresholds_changed_in_the_file_lapse_it(project: Path) -> None:
    """What was judged by other thresholds was not judged by these."""
    async with world(project) as w:
        path = w.settings.source.path
        assert path
        path.write_text(path.read_text() + "[reflex.thresholds]\np95_latency_ms = 500\n")
        assert await detail(load_settings(path)) == "thresholds_changed"


async def test_a_planted_pass_is_not_believed(project: Path) -> None:
    """Without the user's key nobody can write a decision that counts."""
    async with world(project, promoted=False) as w:
        await promote(w.settings)
        with EventLog(project / ".speckit" / "capsule") as log:
            genuine = log.last("GateDecision")
        assert genuine
        shutil.rmtree(project / ".speckit")
        fields = {k: v for k, v in genuine.body.items() if k in GateDecisionEvent.model_fields}
        forged = GateDecisionEvent(**fields | {"seal": ""})
        forged = forged.model_copy(
            update={"seal": seal(forged.body(), project, b"an attacker's key" * 2)}
        )
        with EventLog(project / ".speckit" / "capsule") as log:
            log.append(forged)
            assert log.verify().ok
        assert await detail(w.settings) == "superseded"  # the genuine one is gone


async def test_a_pass_of_another_workspace_is_not_believed(project: Path, tmp_path: Path) -> None:
    """Copied with its capsule to another directory, it does not count there."""
    async with world(project) as w:
        other = tmp_path / "copy"
        shutil.copytree(project, other)
        assert await detail(load_settings(other / "stage0.toml")) == "no_bakeoff"
        assert await detail(w.settings) is None


async def test_a_later_failure_outweighs_an_earlier_pass(project: Path) -> None:
    """The newest decision counts, also one that arrives while a run is on."""
    async with world(project) as w:
        await promote(w.settings, verdict="fail", misses=["success_parity"])
        assert await detail(w.settings) == "success_parity"


async def test_the_demos_gate_can_be_planted_nowhere_else(project: Path) -> None:
    """Outside the demo's own directory it is refused."""
    async with world(project, promoted=False) as w:
        with pytest.raises(ConfigError, match="not a demo's workspace"):
            plant_gate(w.settings, "any")


async def test_the_demos_gate_counts_in_the_demo() -> None:
    """Below the user's own state directory the stamp is honoured."""
    workspace: Path = demo_root() / "test"
    workspace.mkdir(parents=True)
    async with world(workspace, promoted=False) as w:
        await promote(w.settings, stamps=["demo", "scripted"])
        assert await detail(w.settings) is None
