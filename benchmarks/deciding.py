"""What deciding costs while health and gate are remembered: who answers the next Implement call.

python benchmarks/deciding.py [--quick]
"""

from __future__ import annotations

import asyncio
import time

from processes import litellm, stub, versions
from table import Given, Result, Row, main, number, percentile
from workspace import implementing, promoted

from core.stages import Mode

TARGETS_US = {0.5: 5.0, 0.99: 20.0}


def measure(given: Given) -> Result:
    """p50 and p99 in µs, beside LiteLLM Router's choice of a deployment."""
    result = Result("deciding", versions=versions(given, ["litellm"]))
    with stub() as address:
        ours = asyncio.run(decisions(f"{address}/instant/v1", given.times(20_000, 100_000)))
        theirs = litellm(given, "deciding", address, given.times(2000, 10_000)).get("decide")
    for share, most in TARGETS_US.items():
        found = percentile(ours, share)
        peers = {"LiteLLM Router": 1000 * percentile(theirs, share)} if theirs else {}
        result.rows.append(
            Row(
                f"deciding p{100 * share:.0f}",
                "µs",
                found,
                f"≤ {most:g} µs",
                found <= most,
                ratio=", ".join(f"{number(found / p)} × {name}" for name, p in peers.items()),
                peers=peers,
            )
        )
    return result


async def decisions(endpoint: str, count: int) -> list[float]:
    """Microseconds of each of ``count`` decisions, all for reflex."""
    async with promoted(endpoint, endpoint) as settings, implementing(settings) as implementer:
        decision = await implementer.decide()
        assert decision.mode is Mode.REFLEX, decision
        found = []
        for _ in range(count):
            began = time.perf_counter_ns()
            await implementer.decide()
            found.append((time.perf_counter_ns() - began) / 1000)
        return found


if __name__ == "__main__":
    main(measure)
