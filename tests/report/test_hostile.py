"""A report and the suite it names may come from a stranger: looking at them costs little."""

from __future__ import annotations

import itertools
import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core import files as state_files
from core import fingerprint
from core.errors import ReportError, SuiteError, UnsafeFile
from core.fingerprint import suite_hash, suite_root, tree_hash
from core.harness import bounded_json, load_suite
from core.harness.report import storage
from core.harness.report.still_counts import check, present
from core.harness.report.storage import newest, read, write
from core.settings import load_settings
from tests.support.report.synthetic import ENDED, made, suite, task_ids
from tests.support.report.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.report.document import Report


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project without a report yet."""
    root = tmp_path / "project"
    root.mkdir()
    return Workspace.begin(root)


def lapses(workspace: Workspace, report: Report, root: str = "./suite") -> list[str]:
    """What a check makes of a report whose suite is said to lie at ``root``."""
    report = report.model_copy(update={"suite": report.suite.model_copy(update={"root": root})})
    now = present(report, workspace.root, datetime.now(UTC))
    settings = load_settings(workspace.root / "stage0.toml")
    return [one.code for one in check(report, settings, now).lapses]


def test_a_link_is_not_followed_out_of_the_workspace(workspace: Workspace) -> None:
    """The hash is the same whatever the file outside says, and differs from a file's own."""
    outside = workspace.root.parent / "secret"
    outside.write_text("one")
    inside = workspace.root / "suite" / "file"
    inside.symlink_to(outside)
    before = tree_hash(workspace.root / "suite")
    outside.write_text("two")
    assert tree_hash(workspace.root / "suite") == before
    inside.unlink()
    inside.write_text("two")
    assert tree_hash(workspace.root / "suite") != before


def test_a_linked_directory_is_not_walked(workspace: Workspace) -> None:
    """Be it below the suite, or the suite itself."""
    outside = workspace.root.parent / "elsewhere"
    outside.mkdir()
    (outside / "suite.toml").write_text("")
    (workspace.root / "suite" / "more").symlink_to(outside)
    before = tree_hash(workspace.root / "suite")
    (outside / "new").write_text("")
    assert tree_hash(workspace.root / "suite") == before
    (workspace.root / "linked").symlink_to(outside)
    report = made(suite=suite(task_ids(64), root="./linked"))
    assert present(report, workspace.root, datetime.now(UTC)).suite_hash is None
    assert lapses(workspace, workspace.made(), "./linked") == ["suite_changed"]


@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_name_that_leads_up_is_no_built_in_suite(workspace: Workspace, name: str) -> None:
    """The package's own directories are no suites."""
    assert suite_root(name, workspace.root) == workspace.root / name


def test_a_sparse_file_is_not_read(workspace: Workspace) -> None:
    """A hundred gigabytes of nothing: said by the walk, and a lapse for check and router."""
    report = workspace.made()
    with (workspace.root / "suite" / "huge").open("wb") as file:
        file.truncate(100 << 30)
    with pytest.raises(UnsafeFile, match="which no suite is"):
        tree_hash(workspace.root / "suite")
    assert suite_hash("./suite", workspace.root) == ""
    assert lapses(workspace, report) == ["suite_changed"]


def test_pipes_and_devices_are_not_opened(workspace: Workspace) -> None:
    """Nobody waits for a writer."""
    report = workspace.made()
    os.mkfifo(workspace.root / "suite" / "pipe")
    (workspace.root / "suite" / "zero").symlink_to("/dev/zero")
    assert lapses(workspace, report) == ["suite_changed"]


@pytest.mark.parametrize(
    ("limit", "most"), [("MOST_ENTRIES", 3), ("MOST_BYTES", 5), ("MOST_DEPTH", 1), ("MOST_S", -1.0)]
)
def test_the_walk_has_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: float
) -> None:
    """Files, bytes, depth and time."""
    for name in ("a/b/c", "a/d/e"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("text")
    assert tree_hash(tmp_path).startswith("sha256:")
    monkeypatch.setattr(fingerprint, limit, most)
    with pytest.raises(UnsafeFile):
        tree_hash(tmp_path)


def test_a_suite_has_not_changed_because_it_took_long_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that does much else hours may lie between two of its files."""
    (tmp_path / "file").write_text("text")
    found = tree_hash(tmp_path)
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr("core.fingerprint.time.monotonic", lambda: next(hours))
    assert tree_hash(tmp_path) == found


def test_a_suite_has_limits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes in all, and entries of a directory."""
    monkeypatch.setattr("core.harness.suites.own_format.MAX_SUITE_BYTES", 20_000)
    with pytest.raises(SuiteError, match="over 0 MiB"):
        load_suite("reflex_patchloop_v1")
    monkeypatch.setattr("core.harness.suites.reading.MAX_ENTRIES", 10)
    (tmp_path / "suite.toml").write_text('name = "s"\nversion = "1"\n')
    for number in range(11):
        (tmp_path / f"task-{number}").mkdir()
    with pytest.raises(SuiteError, match="holds over 10 files"):
        load_suite(tmp_path)


@pytest.mark.parametrize("what", ["pipe", "link", "brackets"])
def test_a_public_suites_file_is_not_waited_for(tmp_path: Path, what: str) -> None:
    """A HumanEvalPack file that is a pipe, a link out of the suite, or nests without end."""
    file = tmp_path / "suite" / "humanevalpack.jsonl"
    file.parent.mkdir()
    match what:
        case "pipe":
            os.mkfifo(file)
        case "link":
            file.symlink_to("/dev/zero")
        case "brackets":
            file.write_text("[" * 60_000)
    with pytest.raises(SuiteError):
        load_suite(file.parent)


@pytest.mark.parametrize("which", ["file", "directory"])
def test_a_linked_report_is_refused(workspace: Workspace, which: str) -> None:
    """A link below .speckit may lead to any file of the user's."""
    path = workspace.written()
    moved = workspace.root.parent / "moved"
    if which == "file":
        path.rename(moved)
        path.symlink_to(moved)
    else:
        path.parent.rename(moved)
        path.parent.symlink_to(moved)
    with pytest.raises(ReportError, match="is a link"):
        read(path)
    assert workspace.reflex("check").returncode == 2
    with pytest.raises((ReportError, UnsafeFile)):
        newest(path.parent)


def test_reports_are_not_written_through_a_link(workspace: Workspace) -> None:
    """Nor is anything left where it leads."""
    outside = workspace.root.parent / "outside"
    outside.mkdir()
    (workspace.root / ".speckit").mkdir(exist_ok=True)
    (workspace.root / ".speckit" / "eval").symlink_to(outside)
    with pytest.raises(ReportError, match="cannot be written"):
        write(made(), workspace.root / ".speckit" / "eval")
    assert list(outside.iterdir()) == []


def test_a_directory_full_of_reports_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, reports passed over, and their bytes."""
    for hours in range(3):
        write(made(stamps=["partial"], finished_at=ENDED + timedelta(hours=hours)), tmp_path)
    assert newest(tmp_path).path is None
    for home, limit in (
        (state_files, "MOST_NAMES"),
        (storage, "MOST_PASSED_OVER"),
        (storage, "MOST_PASSED_BYTES"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(home, limit, 2)
            with pytest.raises(ReportError, match=r"too many reports|holds over"):
                newest(tmp_path)


@pytest.mark.parametrize("data", [b"# Notes\n", b"", b"\x7fELF", b'{"name": "package"}', b"[1]"])
def test_what_is_no_report_is_said_in_one_line(workspace: Workspace, data: bytes) -> None:
    """As when somebody names the README; the next line says how to make one."""
    (workspace.root / "notes").write_bytes(data)
    done = workspace.reflex("check", "--report", "notes")
    assert done.returncode == 2
    line, remedy = done.stderr.splitlines()
    assert "notes is not a bakeoff report" in line
    assert remedy == "Make one with: code reflex bakeoff"


EXCESSES = {
    "nested too deeply": b"[" * 33 + b"]" * 33,
    "values": b"[" + b"1," * bounded_json.MOST_VALUES + b"1]",
    "strings are values": b"[" + b'"",' * bounded_json.MOST_VALUES + b"1]",
    "a string is over": b'"' + b"a" * (bounded_json.MOST_CHARACTERS + 1) + b'"',
    "many digits": b"1" * 5000,
    "duplicate key": b'{"a": 1, "a": 2}',
    "NaN": b"[NaN]",
}


@pytest.mark.parametrize("said", EXCESSES)
def test_json_over_a_limit_is_refused(said: str) -> None:
    """Before it is parsed, where the parser would pay for it."""
    with pytest.raises(ValueError, match="values" if "values" in said else said):
        bounded_json.loads(EXCESSES[said])


def test_what_strings_hold_does_not_count() -> None:
    """A diff is full of brackets, commas and quotes."""
    value = {"diff": '[{,"\\' * 1000, "list": [1.5, None, True, "ä"]}
    assert bounded_json.loads(json.dumps(value).encode()) == value


def test_an_unfinished_string_is_looked_at_once() -> None:
    """A pattern that begins again at each of these quotes would not end in an hour."""
    with pytest.raises(ValueError, match="a string is over"):
        bounded_json.loads(b'{"' + b'\\"' * 2_500_000)
