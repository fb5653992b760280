"""How often an arm whose true ratio is only 0.85 would be promoted: at most 6 %.

Single trials are enumerated exactly, several trials simulated. ``REFLEX_TORTURE=1`` runs the whole
grid with more repetitions.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from core.harness.gate.statistics import PairedTable
from tests.support.gate.tables import Clusters, cells, clustered, promotion_rate

TORTURE = os.environ.get("REFLEX_TORTURE") == "1"
torture = pytest.mark.skipif(not TORTURE, reason="REFLEX_TORTURE=1 runs the whole grid")
REPETITIONS = 5_000 if TORTURE else 2_000
MOST = 0.06

# A cloud arm that solves all, nearly all, three quarters, and just over half.
CLUSTERS = [
    Clusters(lost=0.15, reflex=1.0, cloud=1.0),
    Clusters(lost=0.05, reflex=0.85 / 0.95, cloud=1.0),
    Clusters(lost=0.1, reflex=0.85 * 0.95 / 0.9, cloud=0.95),
    Clusters(lost=0.0, reflex=0.85 * 0.75, cloud=0.75),
    Clusters(lost=0.2, reflex=0.85 * 0.6 / 0.8, cloud=0.6),
]


def simulated(
    tasks: int, trials: int, planted: Clusters, *, repetitions: int, as_one: bool
) -> float:
    """The share of bakeoffs that clear; ``as_one`` leaves the clustering out of account."""
    random = Random(20)
    promoted = 0
    for _ in range(repetitions):
        table = PairedTable.of(clustered(tasks, trials, planted, random))
        if as_one:
            table = PairedTable(
                table.a, table.b, table.c, table.d, tasks=table.pairs, design_effect=1.0
            )
        promoted += table.clears(0.85, 0.95) and 2 * (table.a + table.c) >= table.pairs
    return promoted / repetitions


@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("cloud", [0.55, 0.8, 0.95, 1.0])
def test_exact_rate_with_20_tasks(cloud: float, overlap: float) -> None:
    """Every table of 20 tasks, weighed by its chance."""
    assert promotion_rate(20, cells(cloud, overlap)) <= MOST


@pytest.mark.parametrize(
    ("n", "cloud", "overlap"),
    [
        (40, 0.7, 0.0),
        (40, 0.85, 0.5),
        (40, 0.95, 1.0),
        (40, 1.0, 0.0),
        (64, 0.7, 1.0),
        (64, 0.85, 0.5),
        (64, 1.0, 0.0),
        (204, 0.7, 1.0),
        (204, 1.0, 0.0),
    ],
)
def test_exact_rate_with_more_tasks(n: int, cloud: float, overlap: float) -> None:
    """The corners where the test is least conservative; the rate is near 5 %, so they can tell."""
    rate = promotion_rate(n, cells(cloud, overlap))
    assert 0.02 <= rate <= MOST


@torture
@pytest.mark.parametrize("n", [*range(10, 41), 48, 57, 64])
def test_exact_rate_over_the_grid(n: int) -> None:
    """No number of tasks and no mixture of results promotes more often than 6 %."""
    for cloud in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0):
        for overlap in (0.0, 0.25, 0.5, 0.75, 1.0):
            assert promotion_rate(n, cells(cloud, overlap)) <= MOST, (cloud, overlap)


@torture
@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("cloud", [0.6, 0.85, 0.95])
def test_simulated_rate_with_204_tasks(cloud: float, overlap: float) -> None:
    """Where all tables are too many to enumerate they are drawn."""
    random, planted = Random(3), cells(cloud, overlap)
    promoted = 0
    for _ in range(REPETITIONS):
        drawn = random.choices(range(4), planted, k=204)
        a, b, c, d = (drawn.count(i) for i in range(4))
        table = PairedTable(a, b, c, d, tasks=204, design_effect=1.0)
        promoted += table.clears(0.85, 0.95)
    assert promoted / REPETITIONS <= MOST


@pytest.mark.parametrize("planted", CLUSTERS if TORTURE else CLUSTERS[:3])
@pytest.mark.parametrize(
    ("tasks", "trials"),
    [(20, 3), (20, 5), (40, 3), (64, 3), (204, 3)] if TORTURE else [(20, 3), (40, 3)],
)
def test_rate_with_several_trials_a_task(tasks: int, trials: int, planted: Clusters) -> None:
    """Trials of one task that resemble each other do not promote more often."""
    assert planted.ratio == pytest.approx(0.85)
    rate = simulated(tasks, trials, planted, repetitions=REPETITIONS, as_one=False)
    assert rate <= MOST


def test_ignoring_the_clusters_would_promote_far_too_often() -> None:
    """The control: counted as independent, the same trials promote more than 12 % of the time."""
    rate = simulated(20, 3, CLUSTERS[0], repetitions=1000, as_one=True)
    assert rate > 0.12


def test_an_arm_that_is_as_good_is_mostly_promoted() -> None:
    """A true ratio of 1 at 95 % solved mostly passes, or the gate would be of no use."""
    equal = cells(0.95, 0.5, ratio=1.0)
    assert promotion_rate(40, equal) > 0.7
    several = Clusters(lost=0.0, reflex=0.95, cloud=0.95)
    assert simulated(64, 3, several, repetitions=200, as_one=False) > 0.95
