"""The demo: calibrated, told as a story, summed up at its end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.demo import story
from core.demo.calibration import calibrated
from core.demo.closing import Tour, tour_of
from core.demo.recorded import RECORDED, show_recorded
from core.demo.story import BEATS, Act, Beat, Story, beats_for
from core.harness.report.storage import newest, read
from core.router.condition import DeepProbe
from core.router.lapses import disqualifying
from core.stages import Mode
from reflex_tui.model.estimate import past_of
from reflex_tui.model.reports import read_detail
from tests.support.tui.making import call, decision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("ttft_ms", "tokens_per_s", "tokens", "timeout_ms"),
    [
        (60.0, 400.0, 160, 2000),  # a fast machine: the most, the shortest deadline
        (200.0, 100.0, 100, 4000),  # 1 s of 2 s are left for tokens
        (200.0, 25.0, 64, 6000),  # slower than the limit: the least, and time to fall back
        (500.0, 10.0, 64, 10500),
        (900.0, 0.5, 64, 30000),
    ],
)
def test_what_is_asked_fits_the_machine(
    ttft_ms: float, tokens_per_s: float, tokens: int, timeout_ms: int
) -> None:
    """A reply takes a part of the limit where it can, and a call may take a few replies' time."""
    probe = DeepProbe(ttft_ms, 900.0, tokens_per_s, None, schema_held=True)
    found = calibrated(probe, 2000.0)
    assert (found.reply_tokens, found.timeout_ms) == (tokens, timeout_ms)
    assert found.timeout_ms >= found.reply_ms or found.timeout_ms == 30_000


def test_without_a_measurement_it_is_careful() -> None:
    """As if the machine were slow."""
    assert calibrated(None, 2000.0).reply_tokens == 64


def test_the_story_is_over_within_ninety_seconds() -> None:
    """In order, and nothing is left held at its end."""
    assert [beat.at_s for beat in BEATS] == sorted(beat.at_s for beat in BEATS)
    assert BEATS[-1].at_s <= 90
    acts = [beat.act for beat in BEATS]
    assert acts.index(Act.HOLD) < acts.index(Act.CONTINUE) < acts.index(Act.BAKEOFF)
    assert beats_for(6000, 3) == BEATS


def test_a_slow_engine_hangs_until_calls_have_fallen_back() -> None:
    """Three calls of 16.5 s have to time out; what follows follows as much later."""
    slow = beats_for(16_500, 3)
    began, back = (next(b.at_s for b in slow if b.act is act) for act in (Act.HOLD, Act.CONTINUE))
    assert back - began > 3 * 16.5
    assert [beat.act for beat in slow] == [beat.act for beat in BEATS]
    assert slow[-1].at_s - back == BEATS[-1].at_s - BEATS[2].at_s


@pytest.fixture
def engine() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group, as the engine's does."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(command, start_new_session=True) as process:
        yield process
        process.kill()


def is_stopped(process: subprocess.Popen[bytes]) -> bool:
    """Waits until it is stopped, and says that it was."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    return os.WIFSTOPPED(status)


def is_continued(process: subprocess.Popen[bytes]) -> bool:
    """Waits until it goes on, and says that it did."""
    _, status = os.waitpid(process.pid, os.WCONTINUED)
    return os.WIFCONTINUED(status)


def test_leaving_in_the_middle_lets_the_engine_go_on(
    engine: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Held when it is told so; what still hangs at the end goes on."""
    told: list[str] = []
    beats = (Beat(0, Act.TELL, "well"), Beat(0, Act.HOLD, "hangs"), Beat(600, Act.CONTINUE, "back"))
    with Story(engine.pid, tmp_path, tmp_path / "log", say=told.append, beats=beats):
        assert is_stopped(engine)
    assert is_continued(engine)
    assert told == ["well", "hangs"]


def test_the_bakeoff_of_the_story_ends_with_it(
    engine: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is begun when told, and interrupted as by Ctrl-C."""
    begun = threading.Event()
    monkeypatch.setattr(story, "start_bakeoff", lambda _config, _log: engine)
    beats = (Beat(0, Act.BAKEOFF, "measured"),)
    with Story(engine.pid, tmp_path, tmp_path / "log", say=lambda _: begun.set(), beats=beats):
        assert begun.wait(60)
    assert engine.poll() is not None


def test_the_end_says_what_was_seen(tmp_path: Path) -> None:
    """Calls by who answered them at last, fallbacks, and a bakeoff's own calls left out."""
    with EventLog(tmp_path / "capsule") as log:
        log.append(decision("a"))
        log.append(call("a"))
        log.append(decision("b"))
        log.append(call("b", error="timeout"))
        log.append(decision("b", Mode.CLOUD, is_fallback=True))
        log.append(call("b", Mode.CLOUD))
        log.append(decision("c", origin="bakeoff"))
        log.append(call("c", origin="bakeoff"))
        assert tour_of(log) == Tour(calls=2, by_reflex=1, fell_back=1, bakeoffs=0)


def test_the_recorded_report_is_shown_and_counts_nowhere(tmp_path: Path) -> None:
    """A real run, whole and small; nothing takes it for this machine's, or for a verdict."""
    assert RECORDED.stat().st_size < 150_000
    path = show_recorded(tmp_path)
    report = read(path)
    assert "recorded" in report.stamps
    assert not report.partial
    assert "recorded" in disqualifying(report.stamps, in_demo=True)
    assert newest(tmp_path).path is None
    assert past_of(tmp_path, {}).report is None
    detail = read_detail(path, tmp_path)
    assert detail.gate.verdict.value == report.gate["verdict"]
    assert {one.arm for one in report.trials} == {"reflex", "cloud"}
