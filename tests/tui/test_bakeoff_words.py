"""What is said above the bakeoff pane: by the user's own keys, and by a report's stamps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ReflexError
from core.router.lapses import OtherSuite, mark
from reflex_tui.model.live import BakeoffKeys, error_words, finished_words

OWN = BakeoffKeys(new="f7", resume="f8", promote="f9")


def finished(*stamps: str, stopped: str = "", other: OtherSuite | None = None) -> Any:
    """A run that passed and is in the capsule."""
    gate = {"verdict": "pass", "summary": "pass: every criterion clears"}
    report = SimpleNamespace(gate=gate, stamps=stamps, trials=(1, 2, 3))
    return SimpleNamespace(
        report=report,
        stopped=stopped,
        recorded=True,
        unrecorded="",
        json_path=Path("r.json"),
        other_suite=other,
    )


def test_a_pass_on_another_suite_says_which_line_to_write() -> None:
    """It is in the capsule, and counts once the configuration names its suite."""
    said = finished_words(finished(other=OtherSuite("mine", ("reflex_patchloop_v1",))), OWN).rest
    assert "Does not count: passed on mine" in said
    assert 'suites = ["reflex_patchloop_v1", "mine"]' in said
    assert "f9" not in said


def test_the_words_name_the_keys_as_the_user_has_them() -> None:
    """After a pass, a stop, and an error."""
    assert "f9 enables reflex" in finished_words(finished(), OWN).rest
    assert "f8 resumes" in finished_words(finished(stopped="interrupted"), OWN).rest
    assert "f8 resumes" in error_words("no", ReflexError("x"), OWN, kept=True).rest
    assert "f8" not in error_words("no", ReflexError("x"), OWN, kept=False).rest


@pytest.mark.parametrize(
    "stamp", ["scripted", "unsandboxed", "partial", "subset", "server_changed", "aa"]
)
def test_a_stamp_that_earns_nothing_is_named(stamp: str) -> None:
    """A pass that the router would not believe offers no promotion."""
    rest = finished_words(finished(stamp), OWN).rest
    assert rest == f"Does not count: {mark(stamp).sentence}."


def test_a_demos_scripted_pass_counts_in_the_demo() -> None:
    """Its own workspace goes by it; a subset of it does not."""
    assert "enables reflex" in finished_words(finished("demo", "scripted"), OWN).rest
    rest = finished_words(finished("demo", "scripted", "subset"), OWN).rest
    assert rest == f"Does not count: {mark('subset').sentence}."
