"""The benefits of a day, the hour's uptime, and a chart: the pure parts of the health pane."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import plotext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.capsule.index import Kind, Tokens, Totals
from core.figures import usd
from core.router.decision import GateView
from core.router.shadow import ShadowSummary
from core.settings.model import LocalBackend
from core.stages import Mode
from reflex_tui.model.benefits import benefits_of
from reflex_tui.model.uptime import MINUTES, Looks, Minute, minute_of, share_up, squeezed, verdict
from reflex_tui.widgets.chart import Plotted, Point, plot, ticks
from tests.support.tui.health_states import priced
from tests.support.tui.making import NO_GATE, NOW, passed, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCAL = Tokens("reflex", "reflex", 90, 90, 900_000, 60_000)
CLOUD = Tokens("cloud", "cloud", 10, 10, 30_000, 10_000)
TODAY = Totals(100, 91, (LOCAL, CLOUD))
PASS = GateView(valid=True, event=passed())
SOME = [500.0, 900.0, 2000.0, 3000.0]


def test_the_four_reasons() -> None:
    """Quick calls, dollars at the cloud's prices, tokens kept here, parity of the valid gate."""
    found = benefits_of(TODAY, priced(), PASS)
    assert (found.calls, found.quick_percent, found.parity_percent) == (100, 91.0, 96.0)
    assert found.saved_usd == pytest.approx(0.9 * 0.25 + 0.06 * 2.0)
    assert found.kept_percent == pytest.approx(96.0)
    assert (found.on_machine, found.priced, found.uncounted) == (True, True, 0)


def test_without_prices_nothing_is_said_to_be_saved() -> None:
    """Not even nothing."""
    found = benefits_of(TODAY, settings(), PASS)
    assert (found.saved_usd, found.priced) == (None, False)


def test_without_calls_nothing_is_claimed() -> None:
    """A share of nothing is none."""
    found = benefits_of(Totals(0, 0), priced(), None)
    assert (found.quick_percent, found.kept_percent, found.parity_percent) == (None, None, None)


@pytest.mark.parametrize(
    "gate",
    [
        NO_GATE,
        GateView(valid=False, detail="stale", event=passed()),
        GateView(valid=True, event=passed(metrics=["odd"])),
        GateView(valid=True, event=passed(metrics={"success_parity": 7})),
    ],
)
def test_parity_is_that_of_a_pass_that_holds(gate: GateView) -> None:
    """A lapsed or odd one shows nothing."""
    assert benefits_of(TODAY, priced(), gate).parity_percent is None


def test_a_server_elsewhere_keeps_tokens_off_the_cloud_not_on_this_machine() -> None:
    """A trusted server in the network is not this machine."""
    away = priced(endpoint="https://gpu.example/v1")
    assert not benefits_of(TODAY, away, PASS).on_machine
    other = Tokens("reflex", "vllm", 1, 1, 10, 10)
    near = priced(backends={"vllm": LocalBackend(endpoint="http://127.0.0.1:8000/v1", model="m")})
    assert benefits_of(Totals(1, 1, (other,)), near, PASS).on_machine
    assert not benefits_of(Totals(1, 1, (other,)), priced(), PASS).on_machine


def test_answers_without_counted_tokens_are_told() -> None:
    """The saving is then a lower limit."""
    silent = Tokens("reflex", "reflex", 5, 2, 10, 1)
    assert benefits_of(Totals(5, 5, (silent,)), priced(), PASS).uncounted == 3


def test_dollars_are_short_and_never_lost() -> None:
    """Cents where they tell something."""
    told = [usd(value) for value in (None, 0.0, 0.00001, 0.0031, 4.117, 1204.4)]
    assert told == ["–", "$0.00", "< $0.0001", "$0.0031", "$4.12", "$1,204"]


def kind(event_type: str = "RoutingDecision", **fields: Any) -> Kind:
    """A kind of event, live unless it says otherwise."""
    given: dict[str, Any] = dict.fromkeys(Kind._fields, "")
    given |= {"success": None, "is_fallback": False, "origin": "live"}
    return Kind(**{**given, "event_type": event_type, **fields})


@pytest.mark.parametrize(
    ("event", "up"),
    [
        (kind(reason="healthy_and_thresholds_met"), True),
        (kind(reason="thresholds_not_met"), True),
        (kind(reason="max_failures_reached"), True),
        (kind(reason="server_unhealthy"), False),
        (kind(reason="model_not_available"), False),
        (kind(reason="reflex_disabled"), None),
        (kind(reason="not_implement_stage"), None),
        (kind(reason="max_failures_reached", is_fallback=True), None),
        (kind("LLMCall", backend="reflex", success=True), True),
        (kind("LLMCall", backend="reflex", success=False, error="connect_failed"), False),
        (kind("LLMCall", backend="reflex", success=False, error="timeout"), None),
        (kind("LLMCall", backend="cloud", success=True), None),
        (kind("GateDecision"), None),
    ],
)
def test_what_an_event_tells_of_the_server(
    event: Kind,
    up: bool | None,  # noqa: FBT001  pytest passes it by name
) -> None:
    """What was not looked at is not known."""
    assert verdict(event) is up


def test_an_hour_is_put_together_from_the_capsule_and_from_looks() -> None:
    """Minutes nobody saw stay unknown, and are no part of the share."""
    looks = Looks()
    looks.add(NOW - timedelta(hours=2), ok=False)
    looks.add(NOW, ok=True)
    looks.add(NOW, ok=False)
    minute = minute_of(NOW)
    hour = looks.hour({minute: Minute(2, 0), minute - 5: Minute(0, 4)}, NOW)
    assert len(hour) == MINUTES
    assert (hour[-1], hour[-6], hour[0]) == (Minute(3, 1), Minute(0, 4), Minute())
    assert share_up(hour) == (pytest.approx(0.375), 2)
    assert share_up([Minute()] * 3) == (None, 0)


def test_looks_are_forgotten_after_an_hour() -> None:
    """A dashboard that stays open does not grow."""
    looks = Looks()
    for minutes in range(500):
        looks.add(NOW + timedelta(minutes=minutes), ok=True)
    assert len(looks._minutes) == MINUTES


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1), st.integers(0, 90))
def test_squeezing_loses_no_look(pairs: list[tuple[int, int]], cells: int) -> None:
    """Fewer cells, the same looks, oldest first."""
    minutes = [Minute(*pair) for pair in pairs]
    found = squeezed(minutes, cells)
    assert len(found) <= cells
    if cells:
        assert sum(found, Minute()) == sum(minutes, Minute())


def test_a_failed_shadow_call_is_told_apart() -> None:
    """The summary is a value that widgets compare."""
    assert ShadowSummary(1, 1, 0.0, None, None) != ShadowSummary(1, 0, 0.0, None, None)


def drawn(points: Sequence[Point], limit: float | None = 2000.0) -> str:
    """A chart of one mode as text."""
    given = Plotted({Mode.REFLEX: points}, 90, limit, [(0, "ago"), (89, "now")], 2100.0)
    return "\n".join(line.plain for line in plot(given, 80, 12))


def test_the_chart_has_the_line_the_limit_and_named_ends() -> None:
    """From zero, with round ticks of which the limit is one."""
    text = drawn([Point(number, 400.0, 900.0) for number in range(90)])
    assert "╌╌╌" in text
    assert "▴" in text
    assert "now" in text
    assert "2.00 s┤╌" in text
    assert [label in text for label in ("2.50 s", "1.50 s", "1.00 s", "500 ms", "0┤")] == [True] * 5
    assert "╌" not in drawn([Point(0, 400.0, 900.0)], None)


def test_failures_have_a_lane_of_their_own() -> None:
    """It counts the failed calls, and what was answered is drawn as without them."""
    answered = [Point(number, 400.0, 400.0) for number in range(90)]
    with_failures = [
        Point(one.slice, one.p50, one.p95, {40: 1, 70: 12}.get(one.slice, 0)) for one in answered
    ]
    *chart, lane, names = drawn(with_failures).splitlines()
    assert [sign for sign in lane if sign in "0123456789+"] == ["1", "+"]
    assert "failed" not in drawn(answered)
    assert not any("×" in each for each in chart)
    assert sum(map(_is_braille, "".join(chart))) == sum(map(_is_braille, drawn(answered)))
    assert "now" in names


@pytest.mark.parametrize("highest", [0.4, 99.0, 100.0, 2100.0, 2500.0, 61_000.0])
def test_ticks_are_round_and_reach_the_highest(highest: float) -> None:
    """One, two or five of a power of ten apart; the last is the first that is not exceeded."""
    found = ticks(highest, 5)
    step = found[1]
    assert len(found) <= 6
    assert found[-1] >= highest - 1e-6 > found[-2] - 1e-6
    assert f"{step:e}"[0] in "125"


def test_charts_do_not_mix() -> None:
    """Plotext has one figure per process: what was in it goes, and threads take turns."""
    points = {limit: [Point(number, limit / 4, limit) for number in range(90)] for limit in SOME}
    alone = [drawn(points[limit], limit) for limit in SOME]
    plotext.subplots(2, 2)
    plotext.scatter([1, 2, 3])
    plotext.title("another")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda limit: drawn(points[limit], limit), SOME)) == alone


def test_names_without_room_are_left_out() -> None:
    """In a narrow chart the ends keep theirs, uncut."""
    ends = [(0, "15 min ago"), (44.5, "7.5 min ago"), (89, "now")]
    given = Plotted({Mode.REFLEX: [Point(3, 1.0, 2.0)]}, 90, None, ends, 100.0)
    assert plot(given, 60, 6)[-1].plain.split() == ["15", "min", "ago", "7.5", "min", "ago", "now"]
    assert plot(given, 30, 6)[-1].plain.split() == ["15", "min", "ago", "now"]


def test_no_line_goes_across_silence() -> None:
    """Where nobody called, or nobody was answered, there is no line: not over one slice."""
    points = [
        Point(number, 400.0, 400.0) for number in range(90) if number % 45 not in {20, 21, 22}
    ]
    line = next(row for row in drawn(points).splitlines() if any(map(_is_braille, row)))
    assert len(line[9:].rstrip().split()) == 3


def _is_braille(char: str) -> bool:
    return "\u2801" <= char <= "\u28ff"


@pytest.mark.parametrize("size", [(1, 1), (4, 2), (30, 3), (236, 40)])
def test_a_chart_has_the_size_asked_for(size: tuple[int, int]) -> None:
    """Whatever the terminal of the process is."""
    given = Plotted({Mode.CLOUD: [Point(3, 1.0, 2.0)]}, 90, 2000.0, [(0, "a")], 100.0)
    lines = plot(given, *size)
    assert len(lines) <= size[1]
    assert {line.cell_length for line in lines} == {size[0]}
