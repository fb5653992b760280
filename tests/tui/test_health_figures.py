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
from core.router.shadowed import ShadowSummary
from core.settings.model import LocalBackend
from core.stages import Mode
from reflex_tui.model.benefits import benefits_of
from reflex_tui.model.gate import CriterionRow
from reflex_tui.model.uptime import MINUTES, Looks, Minute, minute_of, share_up, squeezed, verdict
from reflex_tui.widgets.chart import Dot, Plotted, plot, ticks
from reflex_tui.widgets.gate import criterion_line
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


def drawn(dots: Sequence[Dot], limit: float | None = 2000.0, width: int = 80) -> str:
    """A chart of one mode as text."""
    given = Plotted({Mode.REFLEX: dots}, limit, [(0, "ago"), (1, "now")])
    return "\n".join(line.plain for line in plot(given, width, 12))


def steady(ms: float, calls: int = 90) -> list[Dot]:
    """So many calls, evenly spread, that all took as long."""
    return [Dot(number / (calls - 1), ms) for number in range(calls)]


def test_the_chart_has_the_dots_the_limit_and_named_ends() -> None:
    """On round ticks, of which the limit is one; a dot a call at its height."""
    text = drawn(steady(400.0, 20))
    assert "2.00 s┤╌" in text
    assert all(f"{label}┤" in text for label in ("500 ms", "1.00 s", "200 ms"))
    assert text.count("•") == 20
    assert "now" in text
    assert "╌" not in drawn(steady(400.0), None)
    odd = drawn(steady(400.0), 1700.0)
    assert "1.70 s┤╌" in odd


def test_failures_have_a_lane_of_their_own() -> None:
    """It counts the failed calls, and what was answered is drawn as without them."""
    failed = [Dot(0.5, None), *[Dot(0.8, None)] * 12]
    *chart, lane, names = drawn([*steady(400.0, 20), *failed]).splitlines()
    assert [sign for sign in lane if sign in "0123456789+"] == ["1", "+"]
    assert "failed" not in drawn(steady(400.0))
    assert not any("×" in each for each in chart)
    assert "\n".join(chart).count("•") == drawn(steady(400.0, 20)).count("•")
    assert "now" in names


def test_a_band_goes_from_p50_to_p95_and_not_across_silence() -> None:
    """Where several calls lie together; a gap stays a gap."""
    busy = [Dot(0.02 + 0.001 * number, 200.0 * (1 + number % 6)) for number in range(60)]
    shaded = [row for row in drawn(busy).splitlines() if "░" in row]
    assert shaded
    assert all("░" not in row[9 + 20 :] for row in shaded)
    assert "░" not in drawn([Dot(0.1, 400.0), Dot(0.5, 400.0)])


@pytest.mark.parametrize("values", [[0.4], [99.0, 100.0], [61.0, 2500.0], [5.0, 61_000.0]])
def test_ticks_are_round_and_reach_over_all(values: list[float]) -> None:
    """One, two, three or five times a power of ten, not many, from under the least on."""
    found = ticks(values, 6)
    assert 2 <= len(found) <= 8
    assert found == sorted(found)
    assert found[0] <= max(1.0, min(values))
    assert found[-1] >= max(values)
    assert all(f"{each:e}"[0] in "1235" for each in found)


def test_charts_do_not_mix() -> None:
    """Plotext has one figure per process: what was in it goes, and threads take turns."""
    alone = [drawn(steady(limit / 2), limit) for limit in SOME]
    plotext.subplots(2, 2)
    plotext.scatter([1, 2, 3])
    plotext.title("another")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda limit: drawn(steady(limit / 2), limit), SOME)) == alone


def test_names_without_room_are_left_out() -> None:
    """In a narrow chart the ends keep theirs, uncut."""
    ends = [(0, "15 min ago"), (1, "now"), (0.5, "7.5 min ago")]
    given = Plotted({Mode.REFLEX: [Dot(0.1, 1.0)]}, None, ends)
    assert plot(given, 60, 6)[-1].plain.split() == ["15", "min", "ago", "7.5", "min", "ago", "now"]
    assert plot(given, 30, 6)[-1].plain.split() == ["15", "min", "ago", "now"]


@pytest.mark.parametrize("size", [(1, 1), (4, 2), (30, 3), (236, 40)])
def test_a_chart_has_the_size_asked_for(size: tuple[int, int]) -> None:
    """Whatever the terminal of the process is."""
    given = Plotted({Mode.CLOUD: [Dot(0.3, 1.0), Dot(0.4, None)]}, 2000.0, [(0, "a")])
    lines = plot(given, *size)
    assert len(lines) <= size[1]
    assert {line.cell_length for line in lines} == {size[0]}


def test_failures_beside_each_other_are_one_number() -> None:
    """One of each minute would otherwise read as eleven, or as a hundred and eleven."""
    columns = 80 - 9
    places = [10, 11, 30, 40, 41, 42, *[60] * 12, *[64] * 6, *[65] * 6]
    dots = [Dot(at / (columns - 1), None) for at in places]
    given = Plotted({Mode.REFLEX: [Dot(0.5, 80.0), *dots]}, 2000.0, [(0, "a")])
    (row,) = [each.plain for each in plot(given, 80, 12) if "failed" in each.plain]
    lane = row[9:]
    assert lane[9:13] == "·2×·"
    assert lane[30] == "1"
    assert lane[40:43] == "3××"
    assert lane[59:62] == "·+·"
    assert lane[63:67] == "·12·"


def test_what_a_criterion_saw_is_shortened_before_it_is_cut() -> None:
    """A run that was given up early says how many were solved, in the room there is."""
    seen = "reflex solved 6 at its first 17 tasks; the cloud was not asked further, as parity"
    row = CriterionRow("success_parity", "success parity", "70.6 %", seen, "≥ 85 %", "fail")
    wide, narrow = (criterion_line(row, width).plain for width in (200, 64))
    assert seen in wide
    assert "solved 6 of 17" in narrow
    assert "…" not in narrow
