"""``events export --parquet``: the same records as JSON Lines, as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet as read_back

from core.export import parquet
from core.extras import how_to_install
from tests.support.command import reflex
from tests.support.export.capsule import PROMPT, QUOTED, REPLY, capsule, three_events

if TYPE_CHECKING:
    from pathlib import Path


def table(path: Path) -> list[dict[str, Any]]:
    """The file's rows."""
    rows: list[dict[str, Any]] = read_back.read_table(path).to_pylist()
    return rows


def test_a_row_a_record_and_nothing_raw(project: Path) -> None:
    """Numbers are numbers, times are times, and what was said stays here."""
    hashes = three_events(project)
    done = reflex(project, "events", "export", "--parquet", "events.parquet", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 3
    out = project / "events.parquet"
    rows = table(out)
    assert [row["hash"] for row in rows] == hashes
    assert rows[0]["time"].tzname() == "UTC"
    assert rows[2]["latency_ms"] == 145.0
    assert json.loads(rows[1]["left_out"]) == ["request", "error_message"]
    assert all(row["other"] is None for row in rows)
    for words in (PROMPT, REPLY, QUOTED):
        assert words not in str(rows)
    assert out.stat().st_mode & 0o777 == 0o600
    assert capsule(project)[-1].body["destination"] == str(out)


def test_with_io_has_it_as_json(project: Path) -> None:
    """Requests and replies are objects, and so JSON text in their columns."""
    three_events(project)
    reflex(project, "events", "export", "--parquet", "events.parquet", "--with-io")
    assert REPLY in table(project / "events.parquet")[2]["response"]


def test_what_fits_no_column_is_kept(tmp_path: Path) -> None:
    """A field that this version does not know, and values of another type than its column's."""
    path = tmp_path / "t.parquet"
    odd = {"seq": 1 << 70, "time": "soon", "success": "yes", "novel": [1], "other": {"a": 1}}
    assert parquet.write(path, [odd, {"seq": 2, "latency_ms": 3}]) == 2
    first, second = table(path)
    assert json.loads(first["other"]) == odd
    assert (second["seq"], second["latency_ms"], second["other"]) == (2, 3.0, None)


@pytest.mark.parametrize("more", [["--out", "a.jsonl"], ["--otlp", "http://127.0.0.1:1"]])
def test_one_destination_at_a_time(project: Path, more: list[str]) -> None:
    """Refused before anything is written or recorded."""
    three_events(project)
    done = reflex(project, "events", "export", "--parquet", "x.parquet", *more)
    assert done.returncode == 2
    assert not (project / "x.parquet").exists()
    assert len(capsule(project)) == 3


def test_without_the_library_it_says_what_to_install(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves no file behind."""
    three_events(project)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    done = reflex(project, "events", "export", "--parquet", "x.parquet")
    assert done.returncode == 2
    assert how_to_install("parquet") in done.stderr
    assert list(project.glob("*parquet*")) == []
