"""How far each client's TTFT is from the truth, which the paced stub tells in its last token.

Load generators that are commands start anew each time: their first calls, which open connections,
do not count either.

    python benchmarks/ttft_accuracy.py [--quick]
"""

from __future__ import annotations

from collections import defaultdict

from command_peers import Tools
from peer_tools import Load
from processes import drivers, stub, versions
from table import Curve, Given, Result, Row, main, number, percentile

CLIENTS = ("reflex", "httpx", "openai", "aiohttp")
CALLS = {1: (8, 40), 16: (64, 320), 64: (256, 1280)}
LIMIT_MS = {0.5: 0.5, 0.95: 1.5}


def measure(given: Given) -> Result:
    """Error p50 and p95 at each concurrency, clients taking turns."""
    tools = Tools(given)
    used = versions(given, CLIENTS) | tools.versions
    result = Result("ttft_accuracy", versions=used, notes=tools.notes)
    lines = []
    with stub() as address, drivers(given, CLIENTS, f"{address}/paced/v1") as clients:
        for concurrency, (quick, full) in CALLS.items():
            errors: defaultdict[str, list[float]] = defaultdict(list)
            turns = 2
            for turn in range(turns + 1):
                calls = given.times(quick, full) // turns if turn else concurrency
                for name, client in clients.items():
                    told = client.run(concurrency, calls=calls)
                    if turn:  # the first opens connections
                        errors[name] += [ttft - float(truth) for ttft, _, truth in told["samples"]]
                if turn:
                    load = Load(f"{address}/paced", concurrency, calls + concurrency)
                    for name, report in tools.run(load):
                        later = report.samples[concurrency:]
                        errors[name] += [ttft - float(reply.split()[-1]) for ttft, reply in later]
            for share, limit in LIMIT_MS.items():
                found = {name: percentile(map(abs, e), share) for name, e in errors.items()}
                ours = found.pop("reflex")
                result.rows.append(
                    Row(
                        f"TTFT error p{100 * share:.0f}, {concurrency} at once",
                        "ms",
                        ours,
                        f"≤ {limit} ms",
                        ours <= limit,
                        peers=found,
                    )
                )
            lines += [
                (name, str(concurrency), *(number(percentile(e, share)) for share in _SHARES))
                for name, e in errors.items()
            ]
    result.curves.append(
        Curve("TTFT error, measured less true", ("client", "at once", *_NAMES), lines)
    )
    return result


_SHARES = (0.05, 0.5, 0.95, 0.99)
_NAMES = tuple(f"p{100 * share:.0f} ms" for share in _SHARES)

if __name__ == "__main__":
    main(measure)
