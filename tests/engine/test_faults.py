"""The fault list's language, and what chance makes of a script."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.standin.script import (
    KINDS,
    Fault,
    Script,
    choose_fault,
    describe_kinds,
    parse_faults,
    turn,
)

FAULTS = st.builds(
    lambda kind, share, rate: Fault(
        kind,
        float(f"{KINDS[kind].least + share * (KINDS[kind].most - KINDS[kind].least):g}"),
        float(f"{rate:g}"),
    ),
    st.sampled_from(list(KINDS)),
    st.floats(0, 1),
    st.floats(0, 1),
)


@given(st.lists(FAULTS))
def test_a_list_of_faults_reads_back_as_it_was_written(faults: list[Fault]) -> None:
    """Written and read again, nothing is lost."""
    assert parse_faults(",".join(map(str, faults))) == tuple(faults)


def test_defaults_are_filled_in() -> None:
    """Without argument and rate, a fault has its usual argument and always strikes."""
    assert parse_faults("status, slow:3@0.5,") == (Fault("status", 500, 1), Fault("slow", 3, 0.5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stauts", "unknown fault 'stauts'; known are status, hang"),
        ("hang:3", "takes no argument"),
        ("status:200", "not within 400 to 599"),
        ("status:x", "'x' is not within"),
        ("status:nan", "'nan' is not within"),
        ("hang@2", "'2' is not within 0 to 1"),
        ("@0.5", "unknown fault ''"),
    ],
)
def test_a_mistake_is_named(text: str, message: str) -> None:
    """What is wrong, and what would be right."""
    with pytest.raises(ValueError, match=message):
        parse_faults(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other exception than ValueError."""
    try:
        parse_faults(text)
    except ValueError:
        return


def test_the_first_that_strikes_is_taken() -> None:
    """Rates are asked in turn: the second has its share of what the first leaves."""
    faults = parse_faults("hang@0.5,cut@0.5")
    random = Random(1)
    struck = [choose_fault(faults, random) for _ in range(4000)]
    share = {kind: sum(f is not None and f.kind == kind for f in struck) / 4000 for kind in KINDS}
    assert share["hang"] == pytest.approx(0.5, abs=0.05)
    assert share["cut"] == pytest.approx(0.25, abs=0.05)


def test_the_help_names_every_kind() -> None:
    """What ``--help`` shows is the whole table."""
    assert all(kind in describe_kinds() for kind in KINDS)


def test_a_turn_depends_on_seed_and_number_alone() -> None:
    """The same seed gives the same run; another seed another one."""
    script = Script(faults=parse_faults("status@0.3,slow:2@0.3"), jitter=0.5, seed=7)
    run = [turn(script, number) for number in range(50)]
    assert [turn(script, number) for number in reversed(range(50))] == run[::-1]
    assert [turn(replace(script, seed=8), number) for number in range(50)] != run


def test_pace_follows_the_script() -> None:
    """Milliseconds and tokens per second become seconds; slow multiplies both; 0 is at once."""
    plain = turn(Script(ttft_ms=100, tokens_per_s=50), 0)
    assert (plain.ttft_s, plain.token_s) == (0.1, 0.02)
    slow = turn(Script(ttft_ms=100, tokens_per_s=50, faults=parse_faults("slow:3")), 0)
    assert [slow.ttft_s, slow.token_s] == pytest.approx([0.3, 0.06])
    assert turn(Script(tokens_per_s=0), 0).token_s == 0


def test_a_script_changes_as_json_says_and_reads_back() -> None:
    """What ``as_json`` gives, ``changed`` takes."""
    changed = Script().changed({"faults": "cut@0.5", "down": True, "ttft_ms": 5, "seed": 3})
    assert changed.faults == (Fault("cut", 0, 0.5),)
    assert Script().changed(changed.as_json()) == changed


@pytest.mark.parametrize(
    "changes",
    [
        {"tttf_ms": 5},
        {"ttft_ms": -1},
        {"ttft_ms": "5"},
        {"ttft_ms": True},
        {"ttft_ms": float("inf")},
        {"jitter": float("nan")},
        {"down": 1},
        {"seed": 1.5},
        {"faults": ["cut"]},
        {"faults": "cutt"},
        {"model": "other"},
    ],
)
def test_a_wrong_change_is_refused(changes: dict[str, Any]) -> None:
    """An unknown key, a wrong type and a wrong value leave the script as it was."""
    with pytest.raises(ValueError, match=next(iter(changes))[:4]):
        Script().changed(changes)
