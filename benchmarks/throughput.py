"""Streamed requests a second on one core against the instant stub: 32 tokens a reply.

Each client has a core of its own and all of it goes into calls; per second of its CPU time, so that
what else runs on the machine does not count. Load generators that are commands take all cores,
so beside them stands our one core's rate by the wall clock too. As curves: with TTFT's error and
memory at 1, 4, 16 and 64 at once.

    python benchmarks/throughput.py [--quick]
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, Any

from command_peers import Tools
from peer_tools import TOOLS, Load
from processes import CLIENTS as PEERS
from processes import drivers, stub, versions
from table import Curve, Given, Result, Row, main, middle, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CLIENTS = ("reflex", "bare asyncio", "httpx", "httpx, one a worker", "aiohttp", "openai", "litellm")
CONCURRENCIES = (1, 4, 16, 64)
COMPARED = (16, 64)
# Times what the peer manages, by the concurrency: the targets. guidellm's is four times what it
# makes on two cores; by the clock a busy machine favours it, as its processes are many.
WANTED = {
    "httpx": {64: 5.0},
    "litellm": {16: 20.0, 64: 20.0},
    "guidellm": {16: 8.0, 64: 8.0},
}
WANTED_BY_THE_CLOCK = {"guidellm": {16: 4.0, 64: 4.0}}
TOOL_CALLS = (600, 2000)
KNEE_SHARE = 0.9
# By client and concurrency.
_Rates = dict[tuple[str, int], float]
_Told = dict[tuple[str, int], dict[str, Any]]


def measure(given: Given) -> Result:
    """Requests a second of CPU and of wall time at each concurrency, clients taking turns."""
    tools = Tools(given)
    by_cpu, by_clock, last = _rates(given, tools)
    names = [name for name in CLIENTS if (name, 1) in by_cpu]
    peers = [name for name in names if PEERS[name]]
    result = Result("throughput", versions=versions(given, CLIENTS) | tools.versions)
    for concurrency in COMPARED:
        title = f"streamed requests per CPU second, {concurrency} at once"
        result.rows.append(_row(title, by_cpu, [*peers, *TOOLS], concurrency, WANTED))
    for concurrency in COMPARED:
        if any((name, concurrency) in by_clock for name in TOOLS):
            title = f"streamed requests a second, {concurrency} at once, ours on one core"
            result.rows.append(_row(title, by_clock, TOOLS, concurrency, WANTED_BY_THE_CLOCK))
    result.curves += [_curve(by_cpu, last, name) for name in names]
    result.notes += tools.notes
    return result


def _rates(given: Given, tools: Tools) -> tuple[_Rates, _Rates, _Told]:
    """Medians per second of CPU and of wall time, and what each client told last."""
    by_cpu: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    by_clock: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    last: _Told = {}
    seconds = 0.4 if given.quick else 2.0
    with stub() as address, drivers(given, CLIENTS, f"{address}/instant/v1") as clients:
        for client in clients.values():
            client.run(64, calls=128)
        for _, concurrency in product(range(given.times(2, 5)), CONCURRENCIES):
            for name, client in clients.items():
                told = client.run(concurrency, seconds=seconds)
                by_cpu[name, concurrency].append(len(told["samples"]) / told["cpu_s"])
                by_clock[name, concurrency].append(len(told["samples"]) / told["wall_s"])
                last[name, concurrency] = told
            if concurrency in COMPARED:
                load = Load(f"{address}/instant", concurrency, given.times(*TOOL_CALLS))
                for name, report in tools.run(load, rate=True):
                    by_clock[name, concurrency].append(report.rate)
                    if report.cpu_rate:
                        by_cpu[name, concurrency].append(report.cpu_rate)
    return _medians(by_cpu), _medians(by_clock), last


def _medians(samples: Mapping[tuple[str, int], Sequence[float]]) -> _Rates:
    return {key: middle(found) for key, found in samples.items()}


def _row(
    title: str,
    found: _Rates,
    names: Iterable[str],
    concurrency: int,
    targets: dict[str, dict[int, float]],
) -> Row:
    ours = found["reflex", concurrency]
    peers = {name: found[name, concurrency] for name in names if (name, concurrency) in found}
    wanted = {n: w[concurrency] for n, w in targets.items() if n in peers and concurrency in w}
    times = {name: ours / peers[name] for name in peers}
    return Row(
        title,
        "/s",
        ours,
        ", ".join(f"≥ {least:g} × {name}" for name, least in wanted.items()) or "–",
        all(times[name] >= least for name, least in wanted.items()) if wanted else None,
        floor=("bare asyncio", found["bare asyncio", concurrency]),
        ratio=", ".join(f"{number(ratio)} × {name}" for name, ratio in times.items()),
        peers=peers,
    )


def _curve(found: _Rates, last: _Told, name: str) -> Curve:
    lines = []
    for concurrency in CONCURRENCIES:
        told = last[name, concurrency]
        lines.append(
            (
                str(concurrency),
                number(found[name, concurrency]),
                number(middle(ms for _, ms, _ in told["samples"])),
                number(told["rss_mb"]),
                str(sum(told["failures"].values())),
            )
        )
    best = max(found[name, c] for c in CONCURRENCIES)
    knee = next(c for c in CONCURRENCIES if found[name, c] >= KNEE_SHARE * best)
    return Curve(
        f"{name}: load",
        ("at once", "requests per CPU second", "latency p50 ms", "memory MB", "failures"),
        lines,
        f"{knee} at once bring {KNEE_SHARE:.0%} of the most it does; more only wait.",
    )


if __name__ == "__main__":
    main(measure)
