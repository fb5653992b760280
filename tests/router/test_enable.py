"""Enabling and disabling: rechecked, written, read back, and only then on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.errors import CapsuleError, ConfigError, ReflexError
from core.router.enable import switch
from core.settings import edit, load_settings

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = '[reflex] # mine\nenabled = false\nendpoint = "http://127.0.0.1:9/v1"\ntimeout_ms = 200\n'


def configured(project: Path, text: str = PLAIN) -> Path:
    """A project's configuration over a server that is not there."""
    path = project / "stage0.toml"
    path.write_text(text)
    return path


def forced_events(project: Path) -> list[dict[str, Any]]:
    """What the capsule holds."""
    with EventLog(project / ".speckit" / "capsule") as log:
        return [dict(record.body) for record in log.read()]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        'reflex.enabled = false\nreflex.endpoint = "http://127.0.0.1:9/v1"\n',
        'reflex = { enabled = false, endpoint = "http://127.0.0.1:9/v1" }\n',
        '[reflex]\nendpoint = "http://127.0.0.1:9/v1"\n[reflex.fallback]\nto_cloud = true\n',
    ],
)
def test_every_form_of_the_table_is_switched_and_back(project: Path, text: str) -> None:
    """Tables, dotted keys and inline tables; the file says so when it is read again."""
    path = configured(project, text)
    done = switch(load_settings(path), on=True, force=True)
    assert done.forced == "no_bakeoff"
    assert done.line is not None
    assert load_settings(path).reflex.enabled
    assert [one["event_type"] for one in forced_events(project)] == ["EnableForced"]
    assert switch(load_settings(path), on=False).line is not None
    assert not load_settings(path).reflex.enabled


def test_what_is_so_already_is_not_written(project: Path) -> None:
    """``disable`` makes neither a file nor a capsule where nothing was on."""
    path = configured(project)
    before = path.stat()
    assert switch(load_settings(path), on=False).line is None
    assert path.stat() == before
    path.unlink()
    assert switch(load_settings(cwd=project), on=False).line is None
    assert not path.exists()
    assert not (project / ".speckit").exists()


def test_without_a_pass_nothing_is_written(project: Path) -> None:
    """The refusal says why and what to do."""
    path = configured(project)
    with pytest.raises(ReflexError, match="no bakeoff yet") as refused:
        switch(load_settings(path), on=True)
    assert "code reflex bakeoff" in refused.value.remedy
    assert path.read_text() == PLAIN


def test_evidence_waits_until_the_file_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that has no effect is an error, and is not on record as done."""
    path = configured(project)
    monkeypatch.setattr(edit, "replace_text", lambda *_: None)
    with pytest.raises(ConfigError, match="could not be changed"):
        switch(load_settings(path), on=True, force=True)
    assert forced_events(project) == []


def test_what_cannot_be_recorded_is_taken_back(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is as it was, comments and all."""
    path = configured(project)

    def full(*_: object) -> None:
        raise CapsuleError("the disk is full")

    monkeypatch.setattr(EventLog, "append", full)
    with pytest.raises(CapsuleError):
        switch(load_settings(path), on=True, force=True)
    assert path.read_text() == PLAIN
