"""Only passes on a suite that ``[reflex] suites`` names count; others take nothing away either."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import ReflexError
from core.fingerprint import suite_root, tree_hash
from core.router.enable import switch
from core.router.implementer import Implementer
from core.router.view import RoutingState
from core.settings import Settings, load_settings
from core.settings.suites import accept
from core.stages import Mode
from reflex_tui.model.gate import next_step, why
from tests.support.capsule.rewriting import rewrite
from tests.support.router.world import promote, world

if TYPE_CHECKING:
    from pathlib import Path

    from core.router.decision import GateView

MINE = "./.speckit/suites/mine"
FAILED = {"verdict": "fail", "misses": ["success_parity"]}


async def promote_on_mine(settings: Settings, **changes: Any) -> None:
    """A bakeoff on a suite of the workspace's own."""
    here = suite_root(MINE, settings.source.root)
    here.mkdir(parents=True, exist_ok=True)
    (here / "suite.toml").write_text('name = "mine"\n')
    await promote(settings, suite=MINE, suite_hash=tree_hash(here), **changes)


async def gate_of(settings: Settings) -> GateView:
    """The gate as the next call finds it."""
    state = RoutingState(settings)
    try:
        return (await state.look()).gate
    finally:
        await state.aclose()


async def mode(settings: Settings) -> Mode:
    """Who answers the next Implement call."""
    async with Implementer.from_settings(settings) as implementer:
        return (await implementer.decide()).mode


async def test_a_pass_on_another_suite_does_not_count_and_enable_says_what_to_write(
    project: Path,
) -> None:
    """With that line and the user's consent, the same pass counts."""
    async with world(project, promoted=False) as w:
        await promote_on_mine(w.settings)
        gate = await gate_of(w.settings)
        assert (gate.valid, gate.detail) == (False, "suite_not_listed")
        assert why(gate) == "passed on mine, which is not among [reflex] suites"
        line = 'suites = ["reflex_patchloop_v1", "mine"]'
        assert line in next_step(gate)
        assert await mode(w.settings) is Mode.CLOUD
        path = w.settings.source.path
        assert path
        path.write_text(path.read_text().replace("enabled = true", "enabled = false", 1))
        with pytest.raises(ReflexError, match="passed on mine") as refused:
            await asyncio.to_thread(switch, load_settings(path), on=True)
        assert line in refused.value.remedy
        path.write_text(path.read_text().replace("[reflex]\n", f"[reflex]\n{line}\n", 1))
        assert (await gate_of(load_settings(path))).detail == "suite_not_listed"
        accept(project, ("mine",))
        assert (await gate_of(load_settings(path))).valid


async def test_a_suite_that_changed_is_said_before_its_name(project: Path) -> None:
    """To list it would not help."""
    async with world(project, promoted=False) as w:
        await promote_on_mine(w.settings)
        (project / MINE / "suite.toml").write_text('name = "easier"\n')
        assert (await gate_of(w.settings)).detail == "suite_changed"


@pytest.mark.slow
@pytest.mark.parametrize("later", [{}, FAILED])
async def test_a_bakeoff_on_another_suite_takes_no_pass_away(
    project: Path, later: dict[str, Any]
) -> None:
    """Be it a pass or a fail; one on a suite that counts does."""
    async with world(project) as w:
        await promote_on_mine(w.settings, **later)
        await promote_on_mine(w.settings, **later)
        assert (await gate_of(w.settings)).valid
        assert await mode(w.settings) is Mode.REFLEX
        await promote(w.settings, **FAILED)
        assert (await gate_of(w.settings)).detail == "success_parity"
        await promote_on_mine(w.settings)
        assert (await gate_of(w.settings)).detail == "success_parity"


async def test_a_running_process_goes_on_by_the_pass_that_counts(project: Path) -> None:
    """Decisions that arrive while it runs are read like those it began with."""
    async with world(project) as w:
        state = RoutingState(w.settings)
        assert (await state.look()).gate.valid
        await promote_on_mine(w.settings, **FAILED)
        assert (await state.look()).gate.valid
        await promote(w.settings, **FAILED)
        assert (await state.look()).gate.detail == "success_parity"
        await state.aclose()


@pytest.mark.parametrize("removed", [-1, -2, -3])
async def test_no_decision_between_may_be_missing(project: Path, removed: int) -> None:
    """A fail that was cut out of the log does not bring the pass before it back."""
    async with world(project) as w:
        await promote(w.settings, **FAILED)
        await promote_on_mine(w.settings)
        await promote_on_mine(w.settings)
        capsule = w.settings.state_dir / "capsule"

        def without(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
            gone = [one for one in events if one["event_type"] == "GateDecision"][removed]
            return [one for one in events if one is not gone]

        rewrite(capsule, without)
        assert (await gate_of(w.settings)).detail == "superseded"
