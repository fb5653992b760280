"""Reports on disk: whole or absent when written, and distrusted when read."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker

from core import files as atomic
from core.errors import ReportError
from core.harness.report import json_schema as report_schema
from core.harness.report.storage import MAX_BYTES, NewestReport, newest, read, read_hashed, write
from core.patchloop.trial import Trial
from tests.support.report.strategies import trials
from tests.support.report.synthetic import (
    ENDED,
    HOSTILE,
    attempt,
    made,
    planted,
    run_settings,
    suite,
    task_ids,
    trial,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA = Draft202012Validator(
    json.loads(report_schema.PUBLISHED.read_text()), format_checker=FormatChecker()
)


def test_the_published_schema_is_that_of_the_models() -> None:
    """After a change of the models: ``python -m core.harness.report.json_schema``."""
    published = json.loads(report_schema.PUBLISHED.read_text())
    assert meaning(published) == meaning(report_schema.report_schema())
    Draft202012Validator.check_schema(report_schema.report_schema())


def meaning(schema: Any) -> Any:
    """A schema without what depends on pydantic's version, 2.9 to 2.14.

    Older ones leave an object's own description and ``propertyNames`` out, wrap a ``$ref`` that has
    a description in ``allOf``, and write a one-member ``enum`` or a ``type`` beside ``const``.
    """
    if isinstance(schema, list):
        return [meaning(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: meaning(value) for name, value in schema.items() if not _is_title(name, value)}
    if isinstance(kept.get("allOf"), list) and len(kept["allOf"]) == 1:
        (only,) = kept.pop("allOf")
        kept = {**only, **kept}
    if kept.get("type") == "object":
        kept.pop("description", None)
        kept.pop("propertyNames", None)
    if "const" in kept:
        kept.pop("enum", None)
        kept.pop("type", None)
    return kept


def _is_title(name: str, value: object) -> bool:
    """``title`` as a keyword, not as a property's name."""
    return name == "title" and isinstance(value, str)


@given(trials())
def test_a_report_comes_back_as_it_was_and_meets_the_schema(
    tmp_path_factory: pytest.TempPathFactory, made_up: list[Trial]
) -> None:
    """Whatever trials a run ends with, ∞ included."""
    report = made(made_up)
    path, page, sha256 = write(report, tmp_path_factory.mktemp("eval"))
    assert read_hashed(path) == (report, sha256)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    SCHEMA.validate(json.loads(path.read_bytes()))
    assert page.read_text().startswith("# ")


def test_a_report_that_does_not_name_its_formats_is_read(tmp_path: Path) -> None:
    """As the versions before wrote it; and a format is a short text."""
    document = _document()
    first = document["trials"][0]["attempts"][0]
    assert first.pop("edit_format") == ""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))
    assert read(path).trials[0].attempts[0].edit_format == ""
    first["edit_format"] = "x" * 21
    path.write_text(json.dumps(document))
    with pytest.raises(ReportError, match="edit_format"):
        read(path)


def test_text_that_no_file_takes_is_replaced() -> None:
    """Half a surrogate pair from a model's reply does not cost the report."""
    broken = attempt(detail="\ud800")
    report = made([Trial("a", "reflex", 0, (broken,), solved=True, diff="\udfff")])
    assert report.trials[0].attempts[0].detail == report.trials[0].diff == "?"


def test_parts_that_contradict_each_other_make_no_report() -> None:
    """A trial twice, of an arm or task that was not run, a stamp nobody knows."""
    one = trial("a", "reflex")
    for given_trials, values in (
        ([one, one], {}),
        ([trial("a", "stranger")], {}),
        ([one], {"stamps": ["gilded"]}),
    ):
        with pytest.raises(ReportError):
            made(given_trials, **values)


def test_names_are_of_the_end_in_utc_and_never_taken_twice(tmp_path: Path) -> None:
    """Within a second each further report gets a number, and nothing else stays behind."""
    paths = [write(made(), tmp_path / "eval")[0] for _ in range(3)]
    stem = "reflex-bakeoff-20260112T103016Z"
    assert [path.name for path in paths] == [f"{stem}.json", f"{stem}-2.json", f"{stem}-3.json"]
    assert len(list((tmp_path / "eval").iterdir())) == 6
    assert (tmp_path / "eval").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("taken", ["json", "md", "claim"])
def test_a_name_that_is_half_taken_is_left_alone(tmp_path: Path, taken: str) -> None:
    """Neither file of another's report is replaced, nor one that is just being written."""
    hidden = "." if taken == "claim" else ""
    other = tmp_path / f"{hidden}reflex-bakeoff-20260112T103016Z.{taken}"
    other.write_text("theirs")
    path, page, _ = write(made(), tmp_path)
    assert path.stem == page.stem == "reflex-bakeoff-20260112T103016Z-2"
    assert other.read_text() == "theirs"


@pytest.mark.parametrize(
    ("step", "time"), [("fsync", 1), ("fsync", 2), ("fsync", 3), ("replace", 1), ("replace", 2)]
)
def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, time: int
) -> None:
    """A full disk at any step: no JSON, no Markdown, no temporary file, and a clear error."""
    calls = 0
    real: Callable[..., Any] = getattr(os, step)

    def failing(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == time:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(os, step, failing)
    with pytest.raises(ReportError, match="No space left"):
        write(made(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_replaced_is_never_half_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new one cannot be synced, the old one stands."""
    path = tmp_path / "junit.xml"
    atomic.replace_whole(path, b"old")
    monkeypatch.setattr(os, "fsync", _refuse)
    with pytest.raises(OSError, match="I/O"):
        atomic.replace_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def _refuse(_: int) -> None:
    raise OSError(5, "I/O error")


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """As when a file is in its place."""
    (tmp_path / "eval").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        write(made(), tmp_path / "eval")


@pytest.mark.parametrize("place", ["absent", "directory", "pipe", "too large"])
def test_what_is_no_readable_file_is_refused(tmp_path: Path, place: str) -> None:
    """Without waiting for a pipe or reading what no report can be."""
    path = tmp_path / "report.json"
    match place:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "too large":
            with path.open("wb") as file:
                file.truncate(MAX_BYTES + 1)
    with pytest.raises(ReportError, match=re.escape(str(path))):
        read(path)


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(made(planted(2)).model_dump_json())
    return document


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"schema_version": 1, "schema_version": 1}',
        b'{"schema_version": NaN}',
        b'{"schema_version": ' + b"9" * 5000 + b"}",
        *(json.dumps(text).encode() for text in HOSTILE),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, data: bytes) -> None:
    """By a typed error in one clean line."""
    path = tmp_path / "report.json"
    path.write_bytes(data)
    with pytest.raises(ReportError) as caught:
        read(path)
    assert caught.value.message.isprintable()


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "unknown": lambda it: it.update(extra=1),
    "schema_version": lambda it: it.update(schema_version=2),
    "stamps": lambda it: it.update(stamps=["\x1b[31m"]),
    "created_at": lambda it: it.update(created_at="0001-01-01T00:00:00+14:00"),
    "finished_at": lambda it: it.update(finished_at="2026-01-12"),
    "partial": lambda it: it.update(partial=True),
    "arms": lambda it: it.update(arms={}),
    "under another's name": lambda it: it["arms"]["cloud"].update(name="reflex"),
    "thresholds.confidence": lambda it: it["thresholds"].update(confidence="0.95"),
    "confidence must be": lambda it: it["thresholds"].update(confidence=1.0),
    "p95_latency_ms must be": lambda it: it["thresholds"].update(p95_latency_ms=0),
    "percentage": lambda it: it["thresholds"].update(success_parity_percent=101),
    "settings.timeout_ms": lambda it: it["settings"].update(timeout_ms=-1),
    "settings.shard": lambda it: it["settings"].update(shard="0/4"),
    "suite.selected": lambda it: it["suite"].update(selected="task"),
    "selected twice": lambda it: it["suite"].update(selected=["task-000"] * 2),
    "not among those run": lambda it: it["suite"].update(selected=["another"]),
    "occurs twice": lambda it: it["trials"].append(it["trials"][0]),
    "without an attempt": lambda it: it["trials"][0].update(solved=True, attempts=[]),
    "trials.0.attempts.0.latency_ms": lambda it: it["trials"][0]["attempts"][0].update(
        latency_ms=-1
    ),
    "trials.0.diff": lambda it: it["trials"][0].update(diff=None),
    "verdict": lambda it: it["gate"].update(verdict="passed"),
    "too many digits": lambda it: it["environment"].update(cpus=10**20),
}


@pytest.mark.parametrize("said", CHANGES)
def test_a_report_with_a_fault_is_refused_and_the_fault_named(tmp_path: Path, said: str) -> None:
    """A field unknown, missing, of another kind, out of range, or at odds with the others."""
    document = _document()
    CHANGES[said](document)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ReportError) as caught:
        read(path)
    assert said == "unknown" or said in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.slow
def test_the_newest_whole_report_is_found(tmp_path: Path) -> None:
    """By name, past partial reports, shards, subsets, A/A runs and other files."""
    assert newest(tmp_path) == NewestReport(None)
    oldest, *_ = write(made(finished_at=ENDED.replace(year=2025)), tmp_path)
    first, *_ = write(made(), tmp_path)
    assert newest(tmp_path) == NewestReport(first)
    seconds = [write(made(), tmp_path)[0] for _ in range(10)]
    assert newest(tmp_path) == NewestReport(seconds[-1])
    later = ENDED.replace(year=2027)
    write(made(finished_at=later, stamps=["partial"]), tmp_path)
    write(made(finished_at=later, stamps=["aa"]), tmp_path)
    write(made(finished_at=later, settings=run_settings(shard="1/2")), tmp_path)
    write(made(finished_at=later, suite=suite(task_ids(64), tasks=65)), tmp_path)
    some = made(finished_at=later, settings=run_settings(shard="2/2"), stamps=["subset"])
    write(some, tmp_path)
    (tmp_path / "reflex-bakeoff-99999999T999999Z.md").write_text("")
    (tmp_path / "other.json").write_text("")
    found = newest(tmp_path)
    assert found.path == seconds[-1] != oldest
    assert [one.partition(" ")[2] for one in found.passed_over] == [
        "(shard 2/2, subset)",
        "(subset)",
        "(shard 1/2)",
        "(A/A)",
        "(partial)",
    ]


def test_a_broken_newest_report_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    """Otherwise damage would bring an older verdict back."""
    write(made(), tmp_path)
    (tmp_path / "reflex-bakeoff-20270101T000000Z.json").write_text("{")
    with pytest.raises(ReportError):
        newest(tmp_path)


def test_a_report_nobody_could_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of reading holds for writing."""
    monkeypatch.setattr("core.harness.report.storage.MAX_BYTES", 1000)
    with pytest.raises(ReportError, match="could not be read again"):
        write(made(), tmp_path)
    assert list(tmp_path.iterdir()) == []
