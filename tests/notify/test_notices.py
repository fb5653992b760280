"""What happens while nobody looks is told once, by a command that only the user can name."""

from __future__ import annotations

import json
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.clock import SystemClock
from core.errors import BackendError
from core.notify.notice import UserNotice
from core.notify.notifier import Notifier
from core.router.news import lapse_news, news_of
from core.settings import load_settings
from core.userdirs import demo_root
from reflex_tui.cli.main import run
from tests.support.notify.listening import listen, write_own
from tests.support.patience import until
from tests.support.router.world import QUESTION, world

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

HAPPENED = UserNotice("bakeoff_done", "Bakeoff passed", "It finished.", {"verdict": "pass"})


async def test_a_breaker_that_opens_is_told_once(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process whose call opened it; the other one, which finds it open, says nothing."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    listener = listen(tmp_path / "told")
    async with world(project) as scene:
        scene.faults("status:500")
        async with scene.implementer() as one, scene.implementer() as other:
            await one.complete(QUESTION)
            await other.complete(QUESTION)
            (told,) = await listener.hears()
    (environ,) = listener.environs()
    assert told["event"] == environ["REFLEX_EVENT"] == "breaker_opened"
    assert (told["model"], told["failure_count"]) == ("local", 3)
    assert told["workspace"] == environ["REFLEX_WORKSPACE"] == str(project)
    assert "local" in environ["REFLEX_TITLE"]
    assert "sk-secret" not in json.dumps(environ)


async def test_a_demotion_is_told_once(project: Path, tmp_path: Path) -> None:
    """With the same sentence that the dashboard shows."""
    listener = listen(tmp_path / "told")
    async with world(project, "[reflex.thresholds]\np95_latency_ms = 0.001\n") as scene:
        async with scene.implementer() as one, scene.implementer() as other:
            for _ in range(60):
                await one.complete(QUESTION)
            await other.complete(QUESTION)
            (told,) = await listener.hears()
        decision = scene.events("GateDecision")[-1]
    assert (told["event"], told["cause"]) == ("demoted", "drift_latency")
    assert told["text"] == news_of(decision).text  # type: ignore[union-attr]
    assert "slower" in told["text"]


class Later(SystemClock):
    """So many days ahead."""

    def __init__(self, days: float) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        """The time then."""
        return super().now() + self._ahead


async def test_a_pass_that_lapses_soon_is_told_once_a_pass(project: Path, tmp_path: Path) -> None:
    """Not while there is time; then by the first process that sees it, and by no other."""
    listener = listen(tmp_path / "told", "lapse_days = 2\n")
    async with world(project) as scene:
        for days in (27.5, 28.5, 28.6):
            async with scene.implementer(clock=Later(days)) as one:
                await one.decide()
                await until(lambda: not _telling())
    (told,) = listener.told()
    assert told["event"] == "pass_lapses"
    assert told["days_left"] == pytest.approx(1.5, abs=0.1)
    assert "In 1 day " in told["text"]


def _telling() -> bool:
    import threading

    return any(thread.name == "notice" for thread in threading.enumerate())


async def test_a_projects_file_names_no_command(project: Path, tmp_path: Path) -> None:
    """Whatever it names is never started."""
    planted = tmp_path / "planted"
    text = f'[notify]\ncommand = ["touch", "{planted}"]\n'
    async with world(project, text) as scene:
        scene.faults("status:500")
        async with scene.implementer() as one:
            await one.complete(QUESTION)
            await until(lambda: not _telling())
    assert not planted.exists()


def test_status_says_that_a_projects_command_is_ignored(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it stands, and where it would count."""
    (project / "stage0.toml").write_text('[notify]\ncommand = ["touch", "x"]\n')
    assert run(["status", "--config", str(project / "stage0.toml")], "reflex") == 0
    out = capsys.readouterr().out
    assert "notices   no command" in out
    line = next(row for row in out.splitlines() if "[notify] is ignored" in row)
    assert "stage0.toml:" in line
    assert run(["status", "--json", "--config", str(project / "stage0.toml")], "reflex") == 0
    assert json.loads(capsys.readouterr().out)["notices"]["ignored"].startswith("stage0.toml:")


def test_the_users_own_file_counts_wherever_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the command only its name is shown: an argument may be a secret."""
    own = write_own(["curl", "https://hooks.example/SECRET"])
    (tmp_path / "stage0.toml").write_text("[reflex]\n")
    for file in (tmp_path / "stage0.toml", own):
        assert run(["status", "--config", str(file)], "reflex") == 0
        out = capsys.readouterr().out
        assert "notices   curl" in out
        assert "ignored" not in out
        assert "SECRET" not in out


async def test_a_command_that_hangs_is_stopped_and_what_fails_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its children too; nothing of it reaches the caller."""
    write_own(["sh", "-c", f"sleep 600 & echo $! > {tmp_path}/child; wait"], "timeout_s = 0.3\n")
    with caplog.at_level(logging.WARNING):
        Notifier(tmp_path).tell(HAPPENED)
        await until(lambda: "was stopped" in caplog.text)
        child = int((tmp_path / "child").read_text())
        await until(lambda: not _runs(child))
        write_own(["sh", "-c", "exit 3"])
        Notifier(tmp_path).tell(HAPPENED)
        await until(lambda: "status 3" in caplog.text)
        write_own([str(tmp_path / "nowhere")])
        Notifier(tmp_path).tell(HAPPENED)
        await until(lambda: "cannot be started" in caplog.text)


def _runs(process: int) -> bool:
    from pathlib import Path

    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_too_many_at_once_are_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A command that hangs does not pile up, and nobody waits for it."""
    write_own(["sleep", "600"], "timeout_s = 0.5\n")
    before = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for _ in range(12):
            Notifier(tmp_path).tell(HAPPENED)
        assert caplog.text.count("dropped") == 8
        await until(lambda: caplog.text.count("was stopped") == 4)
    assert time.monotonic() - before < 60


async def test_the_demo_and_a_broken_file_tell_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A show is no event; of the file it is said what is wrong."""
    listener = listen(tmp_path / "told")
    Notifier(demo_root() / "today").tell(HAPPENED)
    await until(lambda: not _telling())
    assert listener.told() == []
    write_own([]).write_text("[notify]\ncomand = []\n")
    with caplog.at_level(logging.WARNING):
        Notifier(tmp_path).tell(HAPPENED)
        await until(lambda: "did you mean 'command'" in caplog.text)


async def test_hostile_names_reach_the_command_as_plain_text(tmp_path: Path) -> None:
    """No control characters, no end of line, bounded; and no shell in between."""
    listener = listen(tmp_path / "told")
    bad = "m\x1b]0;x\x07\n$(touch x)\0" + "y" * 5000
    opened = {"event_type": "BreakerStateChanged", "before": "closed", "after": "open"}
    news = news_of(opened | {"model": bad, "endpoint": bad, "cause": bad, "failure_count": bad})
    assert news
    Notifier(tmp_path).tell(news)
    (told,) = await listener.hears()
    (environ,) = listener.environs()
    for text in (*map(str, told.values()), *environ.values()):
        assert text.isprintable()
        assert len(text) < 4200
    assert "$(touch x)" in told["model"]


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ('"notify-send"', "command"),
        ("[1]", "command"),
        ('[""]', "command"),
        ('["a\\n"]', "command"),
    ],
)
def test_a_command_is_a_list_of_words(tmp_path: Path, command: str, wrong: str) -> None:
    """A line for a shell is not one."""
    path = tmp_path / "stage0.toml"
    path.write_text(f"[notify]\ncommand = {command}\n")
    with pytest.raises(Exception, match=wrong):
        load_settings(path)


def test_reopening_and_closing_are_no_news() -> None:
    """A server that stays away is told of once, not with every probe."""
    for before, after in (("half_open", "open"), ("open", "half_open"), ("half_open", "closed")):
        event = {"event_type": "BreakerStateChanged", "before": before, "after": after}
        assert news_of(event) is None


def test_a_short_pass_is_not_announced_from_its_first_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last quarter of its life, where that is less than ``lapse_days``."""
    from core.router.decision import GateView

    def news(age: float, max_age: float) -> Any:
        gate = GateView(valid=True, event={"model": "m"}, age_days=age)
        return lapse_news(gate, max_age_days=max_age, within_days=3)

    assert news(0.1, 2) is None
    assert news(1.6, 2)
    assert news(26.9, 30) is None
    assert news(27.1, 30)


async def test_the_caller_never_fails_by_a_notice(project: Path) -> None:
    """Whatever the command does, the call's own end is what the caller sees."""
    write_own(["/nonexistent/program"])
    async with world(project, "[reflex.fallback]\nto_cloud = false\n") as scene:
        scene.faults("status:500")
        async with scene.implementer() as one:
            with pytest.raises(BackendError):
                await one.complete(QUESTION)
