"""A gateway lives long: a configuration that is changed meanwhile counts for later calls."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from core.gateway.runs import LOOK_EVERY_S, Runs
from core.settings import load_settings
from core.stages import Mode
from tests.support.health.clocks import FakeClock
from tests.support.router.world import QUESTION, world

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from core.settings import Settings


def rewrite(settings: Settings, before: str, after: str) -> None:
    """Change the configuration's file."""
    assert settings.source.path
    text = settings.source.path.read_text()
    assert before in text
    settings.source.path.write_text(text.replace(before, after))


async def answer_mode(runs: Runs) -> Mode:
    """Who answers a call that begins now."""
    async with runs.current() as implementer:
        return (await implementer.complete(QUESTION)).mode


async def test_without_a_reload_the_first_configuration_stays(project: Path) -> None:
    """And one that says the same as before is no new run."""
    clock = FakeClock()
    async with world(project) as w:
        config = w.settings.source.path
        fixed = Runs(load_settings(config), clock=clock)
        same = Runs(load_settings(config), partial(load_settings, config), clock=clock)
        rewrite(w.settings, "[reflex]", "# a comment\n[reflex]")
        async with fixed.current() as first, same.current() as second:
            clock.advance(LOOK_EVERY_S)
            async with fixed.current() as one, same.current() as two:
                assert (one, two) == (first, second)
        await fixed.aclose()
        await same.aclose()


async def test_enabling_counts_for_the_next_call(project: Path) -> None:
    """A new run under a new snapshot, without a restart; each says so in the capsule."""
    clock = FakeClock()
    async with world(project) as w:
        rewrite(w.settings, "enabled = true", "enabled = false")
        config = w.settings.source.path
        runs = Runs(load_settings(config), partial(load_settings, config), clock=clock)
        assert await answer_mode(runs) is Mode.CLOUD
        rewrite(w.settings, "enabled = false", "enabled = true")
        assert await answer_mode(runs) is Mode.CLOUD  # looked a moment ago
        clock.advance(LOOK_EVERY_S)
        assert await answer_mode(runs) is Mode.REFLEX
        await runs.aclose()
    references = w.events("PolicySnapshotRef")
    assert len({event["policy_hash"] for event in references}) == 2
    assert len({event["run_id"] for event in references}) == 2


async def test_a_call_under_way_ends_by_its_own_snapshot(project: Path) -> None:
    """The run that was replaced stays open until its last call has ended."""
    clock = FakeClock()
    async with world(project) as w:
        config = w.settings.source.path
        runs = Runs(load_settings(config), partial(load_settings, config), clock=clock)
        async with runs.current() as before:
            rewrite(w.settings, "enabled = true", "enabled = false")
            clock.advance(LOOK_EVERY_S)
            async with runs.current() as after:
                assert after is not before
            assert (await before.complete(QUESTION)).mode is Mode.REFLEX
        assert await answer_mode(runs) is Mode.CLOUD
        await runs.aclose()


async def test_a_broken_file_changes_nothing(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last good configuration goes on; the complaint names the line, and comes once."""
    clock = FakeClock()
    async with world(project) as w:
        config = w.settings.source.path
        assert config
        good = config.read_text()
        runs = Runs(load_settings(config), partial(load_settings, config), clock=clock)
        with caplog.at_level(logging.INFO, "core.gateway"):
            config.write_text("[reflex]\nenabeld = true\n")
            for _ in range(3):
                clock.advance(LOOK_EVERY_S)
                assert await answer_mode(runs) is Mode.REFLEX
            config.unlink()
            for _ in range(3):
                clock.advance(LOOK_EVERY_S)
                assert await answer_mode(runs) is Mode.REFLEX
            config.write_text(good + "timeout_ms = 50000\n")
            clock.advance(LOOK_EVERY_S)
            assert await answer_mode(runs) is Mode.REFLEX
        await runs.aclose()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert "stage0.toml:2: reflex.enabeld" in said[0]
    assert "no such file" in said[1]
    assert "sha256:" in said[2]
