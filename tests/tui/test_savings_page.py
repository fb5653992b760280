"""The savings page: what is known by day, week and session, and what is not."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.monitor.facts import CallFacts
from core.monitor.savings import SavedFigure, savings_of
from core.settings import Cloud
from core.stages import Mode, Reason
from reflex_tui.model import savings as words
from reflex_tui.screens.savings import SavedParts, SavingsScreen, read_savings, savings_page
from tests.support.patience import until
from tests.support.tui.bench import dashboard
from tests.support.tui.making import StillClock, settings, write_a_day

if TYPE_CHECKING:
    from pathlib import Path


def some_calls(count: int, *, held_out: bool) -> list[CallFacts]:
    """Calls of a few days."""
    rng = random.Random(count)
    reason = Reason.HOLDOUT if held_out else Reason.HEALTHY_AND_THRESHOLDS_MET
    return [
        CallFacts(
            f"2026-01-{12 + number % 3:02}T10:00:00.000Z",
            reason,
            None,
            "s",
            Mode.CLOUD if held_out else Mode.REFLEX,
            rng.expovariate(1 / (3000 if held_out else 400)),
            cloud_prompt=1500 if held_out else 0,
            local_prompt=0 if held_out else 1500,
            counted=True,
            ok=rng.random() < 0.9,
        )
        for number in range(count)
    ]


def page(calls: list[CallFacts], width: int) -> str:
    """The page over these calls as text, a part for each third."""
    cloud = Cloud(price_input_per_million=1.0, price_output_per_million=1.0)
    parts = tuple(savings_of(f"d{n}", calls[n::3], cloud.price_usd) for n in range(3))
    seen = SavedParts(savings_of("all", calls, cloud.price_usd), "day", parts)
    return "\n".join(each.plain for each in savings_page(seen, settings(), width))


def test_with_a_hold_out_each_figure_has_its_interval() -> None:
    """Beside it where there is room, else below."""
    calls = some_calls(400, held_out=False) + some_calls(60, held_out=True)
    random.Random(1).shuffle(calls)
    wide, narrow = page(calls, 144), page(calls, 66)
    assert "60 went to the cloud for comparison" in wide
    assert "Intervals hold with 95 % confidence" in wide
    assert page(calls, 90).count("…") == 9
    for shown in (wide, narrow):
        assert shown.count("…") == 9  # three figures of three parts
        assert all(len(row) <= 144 for row in shown.splitlines())
    row = next(each for each in wide.splitlines() if each.startswith("d0"))
    assert row.count("…") == 3
    assert all(len(each) <= 66 for each in narrow.splitlines())


def test_without_one_it_says_what_is_not_known() -> None:
    """Tokens and an estimate; waiting and success are open, and how to know them."""
    shown = page(some_calls(30, held_out=False), 100)
    assert "about $0.05, if the cloud had needed as many tokens" in shown
    assert "holdout = 0.05" in shown
    row = next(each for each in shown.splitlines() if each.startswith("d0"))
    assert "~ $0.01" in row
    assert row.count("–") == 2


@pytest.mark.parametrize(
    ("seconds", "said", "brief"),
    [
        ((41_000, 40_900, 41_200), "11.39 h (11.36 h to 11.44 h)", ("11 h", "11.36…11.44 h")),
        ((10_800, 10_799, 10_801), "3.000 h (3.000 h to 3.000 h)", ("3 h", "3.000…3.000 h")),
        ((125, 122, 131), "2 m 05 s (2 m 02 s to 2 m 11 s)", ("2 m 05 s", "2.0…2.2 min")),
        ((7, -1, 12), "7.00 s (-1.00 s to 12.0 s)", ("7.00 s", "-1…12 s")),
    ],
)
def test_an_interval_of_time_has_digits_enough_to_tell_its_ends_apart(
    seconds: tuple[float, float, float], said: str, brief: tuple[str, str]
) -> None:
    """So long as three decimals do; "11 h (11 h to 11 h)" says nothing."""
    saved = replace(savings_of("all", [], lambda *_: None), seconds=SavedFigure(*seconds))
    assert words.seconds(saved) == said
    assert words.brief_seconds(saved) == brief


@pytest.mark.parametrize(
    ("usd", "said", "brief"),
    [
        ((4.12, 3.9, 4.4), "$4.12 ($3.90 to $4.40)", ("$4.12", "$3.90…$4.40")),
        (
            (1204.2, 1203.9, 1204.4),
            "$1,204.20 ($1,203.90 to $1,204.40)",
            ("$1,204", "$1,203.90…$1,204.40"),
        ),
        (
            (0.0031, -0.00002, 0.007),
            "$0.0031 (> -$0.0001 to $0.0070)",
            ("$0.0031", "$0.000…$0.007"),
        ),
    ],
)
def test_so_has_one_of_money(
    usd: tuple[float, float, float], said: str, brief: tuple[str, str]
) -> None:
    """A loss too small for cents is told as one."""
    saved = replace(savings_of("all", [], lambda *_: None), usd=SavedFigure(*usd))
    assert words.usd(saved) == said
    assert words.brief_usd(saved) == brief


def test_what_is_too_little_to_tell_is_not_about_anything() -> None:
    """Not "about < $0.0001"."""
    little = SavedFigure(0.00001)
    saved = replace(savings_of("all", [], lambda *_: None), usd=little)
    assert words.usd(saved) == "< $0.0001, if the cloud had needed as many tokens"
    assert words.brief_usd(saved) == ("< $0.0001", "")


def test_so_has_one_of_success() -> None:
    """Here a percent's decimals."""
    ends = SavedFigure(1.0, 0.999, 1.001)
    saved = replace(savings_of("all", [], lambda *_: None), parity=ends, known=(20, 30))
    told = "100 % of the cloud's (99.9 % to 100.1 %; 20 and 30 outcomes)"
    assert words.parity(saved) == told
    assert words.brief_parity(saved) == ("100 %", "99.9…100.1 %")


def test_nothing_yet() -> None:
    """No table of zeros."""
    assert "No Implement calls yet" in page([], 80)


async def test_the_key_opens_it_and_others_regroup_it(tmp_path: Path) -> None:
    """By day at first; of the capsule as it is."""
    configured = settings(tmp_path)
    with EventLog(configured.state_dir / "capsule", clock=StillClock()) as log:
        write_a_day(log, StillClock(), calls=12)
    assert read_savings(configured, "session").parts[0].name == "none"
    async with dashboard(configured) as bench:
        await bench.press("b")
        await until(lambda: isinstance(bench.app.screen, SavingsScreen))
        await until(lambda: bench.shows("BY DAY"))
        assert "12 of Implement" in bench.shown()
        await bench.press("s")
        await until(lambda: bench.shows("BY SESSION"))
        await bench.press("w")
        await until(lambda: bench.shows("BY WEEK"))
        await bench.press("escape")
        assert bench.app.screen is bench.dashboard
