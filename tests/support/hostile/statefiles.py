"""Everything that the product keeps below ``.speckit/``, written by its own writers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.events import BakeoffFinishedEvent
from core.capsule.keys import user_key
from core.errors import Counting
from core.export.shipping import cursor_for
from core.harness.bakeoff.journal import Journal, JournalHeader, JournalSeal
from core.harness.gate.looks import GatePlan
from core.harness.report import storage as reports
from core.implement.undo import write_undoable
from core.implement.user_files import FileChange
from core.router.backends import primary
from core.router.view import breaker_of
from core.settings import Settings, load_settings
from core.settings.policy import PolicySnapshot
from tests.support.report.synthetic import made

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 1, 12, 10, 30, tzinfo=UTC)


def _log(settings: Settings) -> None:
    with EventLog(settings.state_dir / "capsule", segment_bytes=600) as log:
        for number in range(2):
            log.append(
                BakeoffFinishedEvent(
                    run_id=str(number),
                    report_path="x.json",
                    report_sha256="sha256:0",
                    partial=False,
                )
            )


def _policy(settings: Settings) -> None:
    PolicySnapshot.capture(settings).store(settings.state_dir / "policies")


def _breaker(settings: Settings) -> None:
    breaker = breaker_of(settings, primary(settings))
    breaker.failed(Counting.COUNTED)
    breaker.close()


def _report(settings: Settings) -> None:
    reports.write(made(), settings.state_dir / "eval")


def _journal(settings: Settings) -> None:
    sealing = JournalSeal(settings.source.root, user_key())
    header = JournalHeader(NOW, "r", 1, {}, GatePlan.single((), 1))
    Journal.create(settings.state_dir / "eval", header, sealing).close()


def _undo(settings: Settings) -> None:
    root = settings.source.root
    (root / "a.py").write_text("a")
    write_undoable(settings, root, [FileChange("a.py", b"a", b"b")], call_id="c", run_id="r")


def _cursor(settings: Settings) -> None:
    with cursor_for(settings.state_dir, "http://127.0.0.1:9") as cursor:
        log = EventLog(settings.state_dir / "capsule")
        if cursor.after(log) == 0:
            for record in log.tail(1):
                cursor.move(record)


WRITERS: tuple[Callable[[Settings], None], ...] = (
    _log,
    _policy,
    _breaker,
    _report,
    _journal,
    _undo,
    _cursor,
)


def configured(root: Path) -> Settings:
    """A workspace whose servers are not there."""
    (root / "stage0.toml").write_text(
        '[reflex]\nenabled = true\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
        'timeout_ms = 300\n[cloud]\nendpoint = "http://127.0.0.1:9/v1"\ntimeout_ms = 300\n'
    )
    return load_settings(cwd=root)


def written(root: Path) -> list[str]:
    """Let every writer write in ``root``; the files, relative to ``.speckit``."""
    settings = configured(root)
    for write in WRITERS:
        write(settings)
    state = settings.state_dir
    return sorted(path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file())
