"""An old gate decision does not count again, whatever is done to the log that holds it."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.decisions import check_decisions, newest_decision
from core.capsule.keys import own_directory, seal, user_key
from core.clock import SystemClock, rfc3339
from core.errors import CapsuleError
from core.router.implementer import Implementer
from core.stages import Mode
from reflex_tui.cli.main import run
from tests.support.capsule.rewriting import Body, rewrite
from tests.support.router.world import promote, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.settings import Settings

NUMBERED = ("number", "decided_at", "previous")


class Later(SystemClock):
    """The wall clock 31 days ahead."""

    def now(self) -> datetime:
        """Then."""
        return super().now() + timedelta(days=31)


async def detail(settings: Settings, **options: Any) -> str | None:
    """Why the next Implement call would not go to reflex; None when it would."""
    async with Implementer.from_settings(settings, **options) as implementer:
        decision = await implementer.decide()
    return None if decision.mode is Mode.REFLEX else decision.detail


async def test_decisions_follow_each_other(project: Path) -> None:
    """Each has its number, its time and the seal of the one before; the newest is kept."""
    async with world(project) as w:
        await promote(w.settings, verdict="fail", misses=["success_parity"])
        first, second = w.events("GateDecision")
        assert (first["number"], first["previous"]) == (1, "")
        assert (second["number"], second["previous"]) == (2, first["seal"])
        assert newest_decision(project) == (2, second["seal"])
        with EventLog(w.settings.state_dir / "capsule") as log:
            assert check_decisions(log, project) == []


async def test_a_record_with_another_time_is_as_old_as_it_was(project: Path) -> None:
    """The age of a pass is that of its sealed time."""
    async with world(project) as w:
        capsule = w.settings.state_dir / "capsule"
        rewrite(capsule, lambda all_: [{**one, "time": rfc3339(Later().now())} for one in all_])
        assert await detail(w.settings, clock=Later()) == "stale"
        with EventLog(capsule) as log:
            (problem,) = check_decisions(log, project)
        assert "its time is" in problem


@pytest.mark.parametrize("field", NUMBERED)
async def test_what_a_decision_says_of_its_time_and_place_is_sealed(
    project: Path, field: str
) -> None:
    """A pass with another number, another time or another one before it is nobody's."""
    forged = {"number": 9, "decided_at": rfc3339(Later().now()), "previous": "hmac-sha256:0"}
    async with world(project) as w:
        capsule = w.settings.state_dir / "capsule"
        assert await detail(w.settings) is None
        rewrite(capsule, lambda all_: [{**one, field: forged[field]} for one in all_])
        assert await detail(w.settings) == "superseded"


CHANGES: dict[str, Callable[[list[Body]], list[Body]]] = {
    "cut": lambda all_: all_[:-1],
    "swapped": lambda all_: [*all_[:-2], all_[-1], all_[-2]],
    "repeated": lambda all_: [*all_, all_[-2]],
    "replaced": lambda all_: [*all_[:-1], all_[-2]],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_superseded_pass_stays_superseded(
    project: Path,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The tail cut, two swapped, the old pass said again: it counts no more, and all say why."""
    async with world(project) as w:
        await promote(w.settings, verdict="fail", misses=["success_parity"])
        capsule = w.settings.state_dir / "capsule"
        rewrite(capsule, lambda all_: [one for one in all_ if one["event_type"] == "GateDecision"])
        assert await detail(w.settings) == "success_parity"
        rewrite(capsule, CHANGES[change])
        assert await detail(w.settings) == "superseded"
    monkeypatch.chdir(project)
    assert run(["events", "verify"], "code reflex") == 1
    said = capsys.readouterr().out
    assert "out of order" in said
    assert "rolled back" in said
    assert run(["events", "verify", "--json"], "code reflex") == 1
    assert json.loads(capsys.readouterr().out)["decisions"]
    await asyncio.to_thread(run, ["status"], "code reflex")
    assert "superseded" in capsys.readouterr().out


async def test_a_rollback_to_before_any_decision_is_said(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is left that could be believed, yet it is not as if there never was a bakeoff."""
    async with world(project) as w:
        rewrite(w.settings.state_dir / "capsule", lambda _: [])
        assert await detail(w.settings) == "superseded"
        (kept,) = (own_directory() / "decisions").iterdir()
        kept.unlink()
        assert await detail(w.settings) == "no_bakeoff"
        await promote(w.settings)
        rewrite(w.settings.state_dir / "capsule", lambda _: [])
    monkeypatch.chdir(project)
    assert run(["events", "verify"], "code reflex") == 1
    assert "it holds none, but gate decision 1 was made" in capsys.readouterr().out


async def test_a_new_decision_heals_a_rollback(project: Path) -> None:
    """The next bakeoff goes on from the one that is kept."""
    async with world(project) as w:
        await promote(w.settings, verdict="fail", misses=["success_parity"])
        rewrite(w.settings.state_dir / "capsule", lambda all_: all_[:-1])
        await promote(w.settings)
        assert w.events("GateDecision")[-1]["number"] == 3
        assert await detail(w.settings) is None


async def test_a_pass_of_an_earlier_version_lapses(project: Path) -> None:
    """Sealed without time and order, it is one that could have been played back."""

    def as_before(bodies: list[Body]) -> list[Body]:
        old = [
            {name: value for name, value in body.items() if name not in NUMBERED} for body in bodies
        ]
        return [{**body, "seal": seal(body, project, user_key())} for body in old]

    async with world(project) as w:
        rewrite(w.settings.state_dir / "capsule", as_before)
        shutil.rmtree(own_directory() / "decisions")  # which that version did not write
        assert await detail(w.settings) == "unnumbered"
        with EventLog(w.settings.state_dir / "capsule") as log:
            assert check_decisions(log, project) == []


async def test_what_was_decided_after_the_last_kept_counts(project: Path) -> None:
    """A process that was killed between the log and the user's directory decided all the same."""
    async with world(project) as w:
        (kept,) = (own_directory() / "decisions").iterdir()
        before = kept.read_bytes()
        await promote(w.settings, verdict="fail", misses=["p95_latency"])
        kept.write_bytes(before)
        assert await detail(w.settings) == "p95_latency"
        kept.write_bytes(b"{")  # damaged
        assert await detail(w.settings) == "p95_latency"
        kept.unlink()
        kept.symlink_to("/dev/zero")
        with EventLog(w.settings.state_dir / "capsule") as log, pytest.raises(CapsuleError):
            check_decisions(log, project)
