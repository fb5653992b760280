"""What a server, a model, a file or a name says is shown as text by every command, and no more."""

from __future__ import annotations

import json
import os
import random
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.hostile.commands import commands
from tests.support.hostile.forged import bodies, forge
from tests.support.hostile.guarded import Line, guarded
from tests.support.hostile.saying import saying
from tests.support.hostile.short import FULL
from tests.support.hostile.strings import harm, hostile_strings, hostile_values
from tests.support.report.synthetic import made

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hostile.guarded import Ended

STRINGS = hostile_strings(10_000 if FULL else 120)
_SERVE = {"engine", "serve", "demo", "tui", "completion"}
_STATUS_TIMES = 15
_REPORTS_AT_ONCE = 500
_PLAIN = {"NO_COLOR": "1"}


def shown_safely(ended: list[Ended]) -> None:
    """None crashed, and none wrote what a terminal would obey."""
    assert ended
    wrong = [
        ([word[:60] for word in one.argv], one.status, harm(one.told), one.err[-400:])
        for one in ended
        if one.status is None or "Traceback" in one.told or harm(one.told) or one.outward
    ]
    assert not wrong
    print(f"{len(ended)} commands, {sum(len(one.told) for one in ended):,} characters")  # noqa: T201


def on_terminal(argv: list[str], cwd: Path) -> Line:
    """The command line, typed where a person looks; a bakeoff there would draw its progress."""
    return Line(argv, cwd, _PLAIN, terminal=argv[0] != "bakeoff")


@pytest.mark.slow
def test_a_capsule_by_a_stranger(project: Path) -> None:
    """Every field of every type of event, hostile and well-chained, through every command."""
    written = bodies(hostile_values(STRINGS))
    count = forge(project / ".speckit" / "capsule", written)
    calls = [
        body["call_id"]
        for body in written
        if body["event_type"] == "LLMCall" and _can_be_typed(body.get("call_id"))
    ]
    lines = [command.argv() for command in commands() if command.name not in _SERVE]
    lines += [command.argv("--json") for command in commands() if command.name not in _SERVE]
    lines += [
        ["events", "-n", str(count)],
        ["events", "-n", str(count), "--json"],
        ["events", "--type", STRINGS[0]],
        ["events", "verify"],
        ["events", "export"],
        ["events", "export", "--with-io"],
    ]
    # Each looks through the whole log, so a share of them has to do.
    for call_id in dict.fromkeys(
        calls[:: max(1, len(calls) // (120 if FULL else 10))] + calls[-8:]
    ):
        lines += [["replay", "--", call_id], ["replay", "--json", "--", call_id]]
    lines += [["replay", "--against", "reflex", "--", call_id] for call_id in calls[-4:]]
    ended = guarded([on_terminal(argv, project) for argv in lines])
    shown_safely(ended)
    whole = next(one for one in ended if one.argv[:2] == ["events", "-n"])
    assert len(whole.out.splitlines()) == count
    assert {one.status for one in ended if one.argv[0] == "replay"} == {0, 1, 2}


def test_a_server_that_says_what_it_likes(project: Path) -> None:
    """Model names, owners, versions, errors and replies, through the commands that ask it."""
    asking = [
        ["health"],
        ["models"],
        ["health", "--deep"],
        ["health", "--json"],
        ["models", "--json"],
        ["health", "--deep", "--json"],
    ]
    with saying(STRINGS) as endpoint:
        (project / "stage0.toml").write_text(f'[reflex]\nendpoint = "{endpoint}"\nmodel = "m"\n')
        turns = len(STRINGS) // (2 if FULL else 6)
        lines = [on_terminal(asking[turn % len(asking)], project) for turn in range(turns)]
        # It tries the sandbox each time, which takes longer than all else.
        lines += [on_terminal(["status"], project)] * _STATUS_TIMES
        shown_safely(guarded(lines))


@pytest.mark.slow
def test_names_that_a_configuration_may_hold(project: Path) -> None:
    """What is printable may be a model's name, and a line to paste into a shell stays one word."""
    names = [word for word in STRINGS if word.strip() == word and word and word.isprintable()]
    lines = []
    for number, name in enumerate(names[: 2000 if FULL else 15]):
        path = project / f"{number}.toml"
        quoted = json.dumps(name, ensure_ascii=False)
        path.write_text(
            f'[reflex]\nmodel = {quoted}\nendpoint = "http://127.0.0.1:9/v1"\n'
            f'[reflex.backends.{quoted}]\nendpoint = "http://127.0.0.1:9/v1"\nmodel = {quoted}\n',
            encoding="utf-8",
        )
        lines.append(on_terminal(["health", "--config", str(path)], project))
    statuses = [
        on_terminal([*argv, *line.argv[1:]], project)
        for line in lines[:_STATUS_TIMES]
        for argv in (["status"], ["status", "--json"])
    ]
    ended = guarded([*lines, *statuses])
    shown_safely(ended)
    for name, one in zip(names, ended, strict=False):
        if one.status == 1 and len(name) <= 256:
            served = next(row for row in one.out.splitlines() if "vllm serve" in row)
            assert name in shlex.split(served), served
    assert sum(one.status == 1 for one in ended) > len(names[:15]) // 2


@pytest.mark.slow
def test_directories_and_files_of_any_name(tmp_path: Path) -> None:
    """Nobody chooses in which directory a project lies that came in an archive."""
    names = [w.replace("/", "_").replace("\0", "_")[:40] for w in STRINGS]
    lines: list[Line] = []
    for name in dict.fromkeys(n for n in names if _can_be_typed(n)):
        project = tmp_path / f"x{name}"
        (project / ".git").mkdir(parents=True)
        capsule = project / ".speckit" / "capsule"
        capsule.mkdir(parents=True)
        (capsule / "events-000001.jsonl").write_text("damaged\n")
        reports = project / ".speckit" / "eval"
        reports.mkdir()
        (reports / "reflex-bakeoff-20260112T103016Z.json").write_text("{}")
        lines += [on_terminal(["status"], project)] * (len(lines) < _STATUS_TIMES * 6)
        lines += [
            on_terminal(argv, project)
            for argv in (
                ["events"],
                ["events", "verify"],
                ["check"],
                ["disable"],
                ["bakeoff", "merge", f"{name}.json"],
                ["engine", "--gguf", name],
            )
        ]
        if not FULL and len(lines) > 100:
            break
    shown_safely(guarded(lines))


def _can_be_typed(value: Any) -> bool:
    """Whether it may be an argument, or a file's name."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


@pytest.mark.slow
def test_reports_by_a_stranger(project: Path) -> None:
    """Every string in some text of a report, on a terminal and in a workflow's log."""
    chance = random.Random(1)
    honest = json.loads(made().model_dump_json())
    honest["trials"] = honest["trials"][:8]
    leaves = [path for path in _texts(honest, ()) if path[0] != "trials" or path[1] < 3]
    ended = []
    strings = STRINGS if FULL else STRINGS[::3]
    for start in range(0, len(strings), _REPORTS_AT_ONCE):
        lines = []
        for number, words in enumerate(strings[start : start + _REPORTS_AT_ONCE], start):
            report = json.loads(json.dumps(honest))
            for path in {leaves[number % len(leaves)], chance.choice(leaves)}:
                _put(report, path, words)
            file = project / f"{number % _REPORTS_AT_ONCE}.json"
            file.write_text(json.dumps(report))
            told = (["check", "--report", str(file)], ["bakeoff", "merge", str(file)])
            lines.append(on_terminal(told[number % 2], project))
            lines.append(Line(told[0], project, {**_PLAIN, "GITHUB_ACTIONS": "true"}))
        ended += guarded(lines)
    shown_safely(ended)


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, (*path, key))


def _put(document: Any, path: tuple[Any, ...], words: str) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = words
