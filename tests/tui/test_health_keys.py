"""The user's own keys: read strictly, told once, and true wherever a key is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_tui.watch.announcements import ViewSeen
from reflex_tui.widgets import keymap
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.keymap import checked, is_key, read_keymap
from tests.support.tui.bench import dashboard
from tests.support.tui.making import routing_view, unhealthy

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = [{"health.probe": "r", "health.deep": "d"}, {"quit": "q", "help": "question_mark"}]


def test_every_class_of_bindings_is_known() -> None:
    """Whoever adds a key with an id adds it to what may be changed."""
    from reflex_tui.app import every_binding

    ids = {each for group in every_binding() for each in group}
    assert {"quit", "command", "health.probe", "routing.filter", "log.follow", "sheet.close"} <= ids


def test_a_good_keymap_is_taken_whole() -> None:
    """A key, a list of keys, dotted or quoted; two may change places."""
    found = checked({"health": {"probe": "d", "deep": ["r", "f5"]}, "quit": "ctrl+q"}, KNOWN)
    assert found.keys == {"health.probe": "d", "health.deep": "r,f5", "quit": "ctrl+q"}
    assert not found.problems


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"health.prob": "p"}, "health.prob: no such action; did you mean health.probe?"),
        ({"zzz": "p"}, "zzz: no such action"),
        ({"quit": 7}, 'quit: must be a key such as "p" or ["p", "f5"]'),
        ({"quit": []}, 'quit: must be a key such as "p" or ["p", "f5"]'),
        ({"quit": "nonsense"}, "quit: 'nonsense' is not a key"),
        ({"quit": ["p", 3]}, "quit: '3' is not a key"),
        ({"quit": "\x1b[2J"}, "is not a key"),
        ({"health.probe": "d"}, "health.probe and health.deep have the same key 'd'"),
        ({"quit": "?"}, "quit and help have the same key 'question_mark'"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_in_force(
    document: dict[str, Any], told: str
) -> None:
    """One bad line costs that line."""
    found = checked({**document, "help": "h"} if "?" not in document.values() else document, KNOWN)
    (problem,) = found.problems
    assert told in problem
    assert problem.isprintable()
    assert not set(document) & set(found.keys)
    if "?" not in document.values():
        assert found.keys == {"help": "h"}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"quit = ", "is not TOML"),
        (b"\xff", "is not TOML"),
        (b"#" * (keymap.MAX_BYTES + 1), "larger than 64 KiB"),
        (b"a = " + b"[" * 50_000, "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, raw: bytes, told: str) -> None:
    """Nothing of it counts."""
    file = tmp_path / "keys.toml"
    file.write_bytes(raw)
    found = read_keymap(file, KNOWN)
    assert not found.keys
    assert told in found.summary()
    assert read_keymap(tmp_path, KNOWN).problems  # a directory
    assert read_keymap(tmp_path / "none", KNOWN) == keymap.Keymap({})


def test_many_problems_make_one_short_notice() -> None:
    """The first few, and how many more."""
    found = checked({f"zzz{number}": "p" for number in range(9)}, KNOWN)
    assert len(found.summary().splitlines()) == 7
    assert "… and 4 more" in found.summary()


@given(st.text(max_size=20))
def test_any_text_is_a_key_or_is_not(text: str) -> None:
    """Never an error, and never several keys in one."""
    assert is_key(text) in {True, False}
    assert not (is_key(text) and "," in text)


@pytest.mark.parametrize("key", ["p", "G", "?", "slash", "f5", "ctrl+k", "space", "+", "pagedown"])
def test_keys_a_terminal_sends_are_keys(key: str) -> None:
    """A character, a name, with a modifier."""
    assert is_key(key)


async def test_a_changed_key_acts_and_is_shown_everywhere(tmp_path: Path) -> None:
    """Footer, tabs, remedy, help and completions say it; the old key does nothing."""
    file = tmp_path / "keys.toml"
    file.write_text('pane.routing = "f6"\nhealth.copy = "y"\nhealth.chart = ["x", "f9"]\n')
    async with dashboard(keymap_file=file) as bench:
        await bench.tell(ViewSeen(routing_view(unhealthy())))
        keys = {does: display for _, display, does in bench.app.screen.query_one(KeyBar).keys}
        assert keys["Copy"] == "y"
        assert keys["Chart"] == "x"
        assert "f6 Routing" in bench.shown()
        assert "y: copy command 1" in bench.shown()
        await bench.press("c")
        assert bench.app.clipboard == ""
        await bench.press("y")
        assert bench.app.clipboard.startswith("sglang serve")
        await bench.press("2")
        assert bench.dashboard.pane == "health"
        await bench.press("f6")
        assert bench.dashboard.pane == "routing"
        await bench.press("slash", "e")
        assert any("events" in row and "f6" in row for row in bench.shown().splitlines())


@pytest.mark.slow
async def test_two_keys_may_change_places(tmp_path: Path) -> None:
    """``q`` helps and ``?`` leaves, if the user wants it so."""
    file = tmp_path / "keys.toml"
    file.write_text('help = "q"\nquit = "?"\n')
    async with dashboard(keymap_file=file) as bench:
        await bench.press("q")
        assert "KEYS HERE" in bench.shown()
        await bench.press("escape", "question_mark")
    assert bench.app.return_code == 0


async def test_a_bad_keymap_gives_one_notice_and_the_rest_counts(tmp_path: Path) -> None:
    """All problems in one place, by the file's name."""
    file = tmp_path / "keys.toml"
    file.write_text('health.prob = "p"\nquit = "nonsense"\nhelp = "h"\n')
    async with dashboard(keymap_file=file) as bench:
        (notice,) = bench.app._notifications
        assert "keys.toml" in notice.title
        assert "did you mean health.probe?" in notice.message
        assert "'nonsense' is not a key" in notice.message
        await bench.press("h")
        assert "KEYS HERE" in bench.shown()


async def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    """The keys are the documented ones."""
    async with dashboard(keymap_file=tmp_path / "none.toml") as bench:
        assert not bench.told()
        assert "1 Health" in bench.shown()
