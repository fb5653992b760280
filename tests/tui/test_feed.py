"""The watching threads over real files and sockets."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from core.capsule import EventLog
from core.errors import UntrustedEndpoint
from core.settings import load_settings
from core.stages import Mode
from reflex_tui.watch.announcements import (
    CapsuleBroken,
    ConfigBroken,
    ConfigRead,
    RecordsCame,
    ReportsSeen,
    ViewBlocked,
    ViewSeen,
    WorkFailed,
)
from reflex_tui.watch.capsule import CapsuleWatcher
from reflex_tui.watch.on_disk import ConfigWatcher, ReportsWatcher
from reflex_tui.watch.server_watch import ViewWatcher
from reflex_tui.watch.watcher import Watcher
from tests.support.patience import PATIENCE_S
from tests.support.tui.making import call, decision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textual.message import Message

    from core.capsule import Record

M = TypeVar("M")


class Inbox:
    """What the watchers posted."""

    def __init__(self) -> None:
        self._messages: queue.Queue[Message] = queue.Queue()

    def __call__(self, message: Message) -> bool:
        """As ``App.post_message``."""
        self._messages.put(message)
        return True

    def next(self, kind: type[M], until: Any = None) -> M:
        """The next message of that kind (that ``until`` accepts); others are passed over."""
        end = time.monotonic() + PATIENCE_S
        while True:
            message = self._messages.get(timeout=max(0.01, end - time.monotonic()))
            if isinstance(message, WorkFailed):
                raise message.error
            if isinstance(message, kind) and (until is None or until(message)):
                return message

    def empty(self) -> bool:
        """Whether nothing is waiting."""
        return self._messages.empty()


@contextmanager
def running(watcher: Watcher) -> Iterator[None]:
    """The watcher, ended afterwards."""
    watcher.start()
    try:
        yield
    finally:
        watcher.stop()
        watcher.join(PATIENCE_S)
        assert not watcher.is_running


@pytest.fixture
def inbox() -> Inbox:
    """Nothing posted yet."""
    return Inbox()


def seqs(message: RecordsCame) -> list[int]:
    """The events of a message."""
    return [record.seq for record in message.records]


def test_other_writers_events_arrive(capsule: Path, inbox: Inbox) -> None:
    """What is there comes at once, what is written later as it is written, nothing twice."""
    with EventLog(capsule) as log, running(CapsuleWatcher(capsule, inbox, first_page=3)):
        first = inbox.next(RecordsCame)
        assert (first.fresh, first.records) == (True, ())
        for number in range(5):
            log.append(decision(str(number)))
        found: list[int] = []
        while len(found) < 5:
            found += seqs(inbox.next(RecordsCame))
        assert found == [1, 2, 3, 4, 5]


def test_the_newest_page_comes_first(
    capsule: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large capsule is not read whole; there is more before, of which some tells what is open."""
    monkeypatch.setattr("reflex_tui.watch.capsule.CONTEXT", 2)
    with EventLog(capsule) as log:
        for number in range(8):
            log.append(decision(str(number)))
    with running(CapsuleWatcher(capsule, inbox, first_page=3)):
        first = inbox.next(RecordsCame)
        assert seqs(first) == [4, 5, 6, 7, 8]
        assert first.begins_at == 6
    with running(CapsuleWatcher(capsule, inbox, first_page=7)):
        whole = inbox.next(RecordsCame)
        assert whole.begins_at == 1


def test_a_flood_comes_in_one_message(capsule: Path, inbox: Inbox) -> None:
    """What was written while it was busy is one update, in order."""
    held = threading.Event()

    def post(message: Message) -> None:
        inbox(message)
        held.wait(PATIENCE_S)

    with EventLog(capsule) as log, running(CapsuleWatcher(capsule, post)):
        inbox.next(RecordsCame)
        for number in range(300):
            log.append(call(str(number)))
        held.set()
        assert seqs(inbox.next(RecordsCame)) == list(range(1, 301))


def test_a_removed_capsule_empties_the_log_and_a_new_one_fills_it(
    capsule: Path, inbox: Inbox
) -> None:
    """Removed while open: nothing of the old one stays; the next begins at 1."""
    with EventLog(capsule) as log:
        log.append(decision("a"))
    with running(CapsuleWatcher(capsule, inbox)):
        assert seqs(inbox.next(RecordsCame)) == [1]
        shutil.rmtree(capsule)
        gone = inbox.next(RecordsCame)
        assert (gone.fresh, gone.records) == (True, ())
        with EventLog(capsule) as log:
            log.append(decision("b"))
        anew = inbox.next(RecordsCame, until=lambda message: message.records)
        assert [record.body["call_id"] for record in anew.records] == ["b"]


def test_a_damaged_capsule_is_told_and_followed_once_it_is_fixed(
    capsule: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bit is enough; with the bit back the log goes on by itself."""
    monkeypatch.setattr("reflex_tui.watch.capsule.RETRY_AFTER_S", 0.05)
    with EventLog(capsule) as log:
        log.append(decision("a"))
    segment = next(capsule.glob("events-*.jsonl"))
    good = segment.read_bytes()
    segment.write_bytes(good.replace(b'"a"', b'"b"'))
    with running(CapsuleWatcher(capsule, inbox)):
        error = inbox.next(CapsuleBroken).error
        assert "line 1" in error.message
        segment.write_bytes(good)
        assert seqs(inbox.next(RecordsCame)) == [1]


def test_an_unreadable_capsule_is_told(
    capsule: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the directory should be, say, or one that may not be read."""
    monkeypatch.setattr("reflex_tui.watch.capsule.RETRY_AFTER_S", 0.05)

    def refused(self: EventLog, n: int) -> list[Record]:
        raise PermissionError(13, "Permission denied", str(capsule))

    monkeypatch.setattr(EventLog, "tail", refused)
    with running(CapsuleWatcher(capsule, inbox)):
        assert inbox.next(CapsuleBroken).error.message == f"{capsule}: Permission denied"


def project(root: Path, text: str) -> Path:
    """A project with that stage0.toml."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "stage0.toml").write_text(text)
    return root / "stage0.toml"


def closed_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_dead_server_is_seen_and_asked_for_again(tmp_path: Path, inbox: Inbox) -> None:
    """Looks come by themselves and at once on request; the next call would go to the cloud."""
    path = project(
        tmp_path,
        f'[reflex]\nenabled = true\nendpoint = "http://127.0.0.1:{closed_port()}/v1"\n',
    )
    watcher = ViewWatcher(load_settings(path), inbox)
    with running(watcher):
        seen = inbox.next(ViewSeen).routing_view
        assert (seen.health.cause, seen.decision.mode) == ("not_listening", Mode.CLOUD)
        assert "code reflex engine" in "\n".join(seen.health.remedy)
        watcher.look_now(deep=True)
        assert inbox.next(ViewSeen, until=lambda message: message.deep).routing_view is not seen


def test_a_hung_server_does_not_hold_up_the_end(tmp_path: Path, inbox: Inbox) -> None:
    """A look that waits for an answer is given up when the dashboard is left."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        path = project(
            tmp_path, f'[reflex]\nenabled = true\nendpoint = "http://127.0.0.1:{port}/v1"\n'
        )
        with running(ViewWatcher(load_settings(path), inbox)):
            connection, _ = server.accept()
        connection.close()
        assert inbox.empty()


def test_an_untrusted_server_is_never_contacted(tmp_path: Path, inbox: Inbox) -> None:
    """The watcher says why, and looks as soon as the configuration names another."""
    path = project(tmp_path, '[reflex]\nenabled = true\nendpoint = "https://llm.example/v1"\n')
    watcher = ViewWatcher(load_settings(path), inbox)
    with running(watcher):
        assert isinstance(inbox.next(ViewBlocked).error, UntrustedEndpoint)
        project(tmp_path, f'[reflex]\nendpoint = "http://127.0.0.1:{closed_port()}/v1"\n')
        watcher.use(load_settings(path))
        assert inbox.next(ViewSeen).routing_view.decision.reason == "reflex_disabled"


def test_the_configuration_is_read_when_it_changes(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake is told once, its fixing too, and a touch that changes nothing is not."""
    monkeypatch.setattr("reflex_tui.watch.on_disk.CONFIG_EVERY_S", 0.02)
    path = project(tmp_path, "[reflex]\nenabled = false\n")
    settings = load_settings(path)
    with running(ConfigWatcher(settings, inbox, lambda: load_settings(path))):
        path.write_text("[reflex]\nenabeld = true\n")
        assert "did you mean 'enabled'" in str(inbox.next(ConfigBroken).error)
        path.write_text("[reflex]\nenabled = true\n")
        assert inbox.next(ConfigRead).settings.reflex.enabled
        path.write_text("[reflex]\nenabled = true\n")
        path.write_text("[reflex]\nenabled = true\n\n[cloud]\nmodel = 'x'\n")
        assert inbox.next(ConfigRead).settings.cloud.model == "x"
    assert inbox.empty()


def test_reports_are_seen_as_they_come(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, then one, then none again."""
    monkeypatch.setattr("reflex_tui.watch.on_disk.REPORTS_EVERY_S", 0.02)
    report = tmp_path / "reflex-bakeoff-20260112T103016Z.json"
    with running(ReportsWatcher(tmp_path, inbox)):
        assert inbox.next(ReportsSeen).reports == ()
        report.write_text(json.dumps({"verdict": "pass"}))
        seen = inbox.next(ReportsSeen, until=lambda m: m.reports and not m.reports[0].problem)
        assert seen.reports[0].verdict == "pass"
        report.unlink()
        assert inbox.next(ReportsSeen, until=lambda m: not m.reports).reports == ()


def test_a_bug_in_a_watcher_is_told() -> None:
    """A dashboard that no longer sees must not look as if it did."""

    class Blind(Watcher):
        def watch(self) -> None:
            raise ZeroDivisionError

    inbox = Inbox()
    with running(Blind("blind", inbox)), pytest.raises(ZeroDivisionError):
        inbox.next(RecordsCame)
