"""``events export`` as JSON Lines: what is in it, what is not, and that it is on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.record import decode_line
from core.export.selection import Range, range_since
from tests.support.capsule.making import QuickDisk, decision
from tests.support.command import reflex
from tests.support.export.capsule import PROMPT, QUOTED, REPLY, capsule, three_events

if TYPE_CHECKING:
    from pathlib import Path


def test_raw_input_and_output_stay_here(project: Path) -> None:
    """Nothing that a user, model or server said is in it; the chain's fields are."""
    hashes = three_events(project)
    done = reflex(project, "events", "export")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["hash"] for line in lines] == hashes
    assert [line["seq"] for line in lines] == [1, 2, 3]
    for words in (PROMPT, REPLY, QUOTED):
        assert words not in done.stdout
    assert "left_out" not in lines[0]
    assert lines[1]["left_out"] == ["request", "error_message"]
    assert lines[2]["left_out"] == ["request", "response"]
    assert lines[2]["latency_ms"] == 145.0


def test_with_io_gives_the_logs_own_bytes(project: Path) -> None:
    """Each line's hash can be checked by whoever gets it."""
    three_events(project)
    done = reflex(project, "events", "export", "--with-io")
    lines = done.stdout.splitlines()
    for line in lines:
        decode_line(line.encode(), 1, 0)
    assert REPLY in lines[2]
    assert QUOTED in lines[1]


@pytest.mark.parametrize("with_io", [False, True])
def test_the_export_itself_is_on_record(project: Path, *, with_io: bool) -> None:
    """Who took what, where to; and the export does not hold its own record."""
    three_events(project)
    arguments = ["events", "export", "--out", "copy.jsonl", "--json"]
    done = reflex(project, *arguments, *(["--with-io"] if with_io else []))
    assert done.returncode == 0, done.stderr
    out = project / "copy.jsonl"
    assert json.loads(done.stdout) == {
        "destination": "copy.jsonl",
        "records": 3,
        "first_seq": 1,
        "last_seq": 3,
        "with_io": with_io,
    }
    assert len(out.read_text().splitlines()) == 3
    assert out.stat().st_mode & 0o777 == 0o600
    audit = capsule(project)[-1].body
    assert audit["event_type"] == "CapsuleExported"
    assert (audit["first_seq"], audit["last_seq"], audit["with_io"]) == (1, 3, with_io)
    assert audit["destination"] == str(out)


def test_what_cannot_be_recorded_is_not_exported(project: Path) -> None:
    """No audit event, no copy."""
    three_events(project)
    directory = project / ".speckit" / "capsule"
    segment = next(directory.glob("*.jsonl"))
    with segment.open("r+b") as file:
        file.seek(-10, 2)
        file.write(b"x")
    done = reflex(project, "events", "export", "--out", "copy.jsonl")
    assert done.returncode == 1
    assert not (project / "copy.jsonl").exists()


def test_a_damaged_record_leaves_no_half_file(project: Path) -> None:
    """A copy is whole or is not there."""
    three_events(project)
    segment = next((project / ".speckit" / "capsule").glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(QUOTED.encode(), QUOTED.upper().encode()))
    done = reflex(project, "events", "export", "--out", "copy.jsonl")
    assert done.returncode == 1
    assert "hash" in done.stderr
    assert [path.name for path in project.glob("*.jsonl*")] == []
    assert [path.name for path in project.glob(".copy*")] == []


def test_an_empty_capsule_exports_nothing(project: Path) -> None:
    """Said, and no event of it."""
    done = reflex(project, "events", "export")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to export" in done.stderr
    assert capsule(project) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--follow"], "--otlp"),
        (["--json"], "--out"),
        (["--otlp", "http://127.0.0.1:1", "--out", "x"], "exclude"),
        (["--since", "yesterday"], "--since"),
        (["--out", "no/such/directory/x"], "cannot be written"),
    ],
)
def test_wrong_usage_is_two(project: Path, arguments: list[str], told: str) -> None:
    """One clear line."""
    three_events(project)
    done = reflex(project, "events", "export", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


class Hours:
    """A clock that goes on by an hour with each record."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(hours=1)
        return self.at

    def monotonic(self) -> float:
        return 0.0


def test_since_takes_the_newer_ones(tmp_path: Path) -> None:
    """From the first that is not older, over page boundaries, and never what was taken."""
    with EventLog(tmp_path, clock=Hours(), disk=QuickDisk()) as log:
        for number in range(2100):
            log.append(decision(str(number)))
        at: Any = [record.time for record in log.read()]
        assert range_since(log, "") == Range(1, 2100)
        assert range_since(log, at[50]) == Range(51, 2100)
        assert range_since(log, at[50], after=2000) == Range(2001, 2100)
        assert range_since(log, at[-1]) == Range(2100, 2100)
        assert not range_since(log, "2099")


def test_actions_share_the_commands_options(project: Path) -> None:
    """--json counts before and after the action's name, and verify still verifies."""
    three_events(project)
    for arguments in (["events", "--json", "verify"], ["events", "verify", "--json"]):
        assert json.loads(reflex(project, *arguments).stdout)["ok"]
    done = reflex(project, "events", "verify", "--head", "sha256:0")
    assert done.returncode == 1
