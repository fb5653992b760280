"""Streamed requests a second on one core against the instant stub: 32 tokens a reply.

Each client has a core of its own and all of it goes into calls; per second of its CPU time, so that
what else runs on the machine does not count. As curves: with TTFT's error and memory at 1, 4, 16
and 64 at once.

    python benchmarks/throughput.py [--quick]
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from processes import CLIENTS as PEERS
from processes import drivers, stub, versions
from table import Curve, Given, Result, Row, main, middle, number

CLIENTS = ("reflex", "bare asyncio", "httpx", "httpx, one a worker", "aiohttp", "openai", "litellm")
CONCURRENCIES = (1, 4, 16, 64)
# Times what the peer manages, by the concurrency: the targets.
WANTED = {"httpx": {64: 5.0}, "litellm": {16: 20.0, 64: 20.0}}
KNEE_SHARE = 0.9


def measure(given: Given) -> Result:
    """Requests per CPU second at each concurrency, clients taking turns."""
    result = Result("throughput", versions=versions(given, CLIENTS))
    seconds = 0.4 if given.quick else 2.0
    rates: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    last: dict[tuple[str, int], dict[str, Any]] = {}
    with stub() as address, drivers(given, CLIENTS, f"{address}/instant/v1") as clients:
        for client in clients.values():
            client.run(64, calls=128)
        for _ in range(given.times(2, 5)):
            for concurrency in CONCURRENCIES:
                for name, client in clients.items():
                    told = client.run(concurrency, seconds=seconds)
                    rates[name, concurrency].append(len(told["samples"]) / told["cpu_s"])
                    last[name, concurrency] = told
    found = {key: middle(samples) for key, samples in rates.items()}
    names = [name for name in CLIENTS if (name, 1) in found]
    result.rows += [_row(found, names, concurrency) for concurrency in (16, 64)]
    result.curves += [_curve(found, last, name) for name in names]
    return result


def _row(found: dict[tuple[str, int], float], names: list[str], concurrency: int) -> Row:
    ours = found["reflex", concurrency]
    floor = found["bare asyncio", concurrency]
    peers = {name: found[name, concurrency] for name in names if PEERS[name]}
    wanted = {n: w[concurrency] for n, w in WANTED.items() if n in peers and concurrency in w}
    times = {name: ours / peers[name] for name in peers}
    return Row(
        f"streamed requests per CPU second, {concurrency} at once",
        "/s",
        ours,
        ", ".join(f"≥ {least:g} × {name}" for name, least in wanted.items()) or "–",
        all(times[name] >= least for name, least in wanted.items()) if wanted else None,
        floor=("bare asyncio", floor),
        ratio=", ".join(f"{number(ratio)} × {name}" for name, ratio in times.items()),
        peers=peers,
    )


def _curve(
    found: dict[tuple[str, int], float], last: dict[tuple[str, int], Any], name: str
) -> Curve:
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
