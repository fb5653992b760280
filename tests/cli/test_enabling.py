"""``enable`` and ``disable`` from the command line: refused, forced with a trace, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.settings import load_settings
from reflex_tui.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = """\
[reflex]
enabled = false # yet
endpoint = "http://127.0.0.1:9/v1"
model = "m"
"""


@pytest.fixture
def written(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's configuration, with no server and no bakeoff behind it."""
    monkeypatch.chdir(project)
    path = project / "stage0.toml"
    path.write_text(BEFORE)
    return path


def events(path: Path) -> list[dict[str, Any]]:
    """What the project's capsule holds."""
    with EventLog(load_settings(path).state_dir / "capsule") as log:
        return [dict(record.body) for record in log.read()]


def test_without_a_pass_it_is_refused(written: Path) -> None:
    """The file stays, and nothing is on record as forced."""
    assert run(["enable"], "code reflex") == 1
    assert written.read_text() == BEFORE
    assert events(written) == []


def test_forcing_it_is_on_record(written: Path) -> None:
    """One event: why there is no pass, and whom it lets serve; ``disable`` forces nothing."""
    assert run(["enable", "--force"], "code reflex") == 0
    assert written.read_text() == BEFORE.replace("false", "true")
    (event,) = events(written)
    assert event["event_type"] == "EnableForced"
    assert event["detail"] == "no_bakeoff"
    assert (event["endpoint"], event["model"]) == ("http://127.0.0.1:9/v1", "m")
    assert run(["disable"], "code reflex") == 0
    assert written.read_text() == BEFORE
    assert len(events(written)) == 1


def test_what_cannot_be_recorded_is_not_forced(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the log takes nothing, the file is left as it is and the reason said."""
    (written.parent / ".speckit").write_text("in the way")
    assert run(["enable", "--force"], "code reflex") == 1
    assert written.read_text() == BEFORE
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("text", [BEFORE, "", '[reflex]\nmodel = "m"\n'])
def test_where_nothing_is_on_nothing_is_written(
    written: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``disable`` adds no line to a file that needs none."""
    written.write_text(text)
    before = written.stat().st_mtime_ns
    assert run(["disable"], "code reflex") == 0
    assert (written.read_text(), written.stat().st_mtime_ns) == (text, before)
    assert "nothing to write" in capsys.readouterr().out
    written.unlink()
    assert run(["disable", "--json"], "code reflex") == 0
    assert list(written.parent.iterdir()) == [written.parent / ".git"]
