"""What n-gram drafts are worth where a reply copies the prompt: tokens/s with them and without.

The embedded engine is held by a grammar to copy a file from its prompt, so both runs say the same
and only the speed differs.

    python benchmarks/drafts.py [--quick]
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from engines import engine
from table import Given, Result, Row, main, middle

from core.client.backend import Backend, ChatRequest
from core.client.chat import ChatClient
from core.stages import Mode

# Code as people write it: in lines that are all alike a draft would go wrong at each difference.
COPIED = Path(__file__).with_name("engines.py").read_text(encoding="utf-8")[:700]


def measure(given: Given) -> Result:
    """One row: the rate with drafts, and the rate without as its floor."""
    result = Result("drafts")
    rates = {}
    for drafts in (True, False):
        with engine(n_parallel=1, drafts=drafts) as server:
            if server is None:
                result.notes.append("No llama.cpp: the embedded engine is not installed.")
                return result
            rates[drafts] = asyncio.run(rate(server.endpoint, server.model, given.times(2, 9)))
    gain = rates[True] / rates[False]
    result.rows.append(
        Row(
            "decoding a copy of the prompt with n-gram drafts, SmolLM2-135M",
            "tokens/s",
            rates[True],
            "faster than without",
            gain > 1,
            ratio=f"{gain:.1f} × without",
            floor=("without drafts", rates[False]),
        )
    )
    return result


async def rate(endpoint: str, model: str, calls: int) -> float:
    """The median of completion tokens per second after the first."""
    backend = Backend("reflex", Mode.REFLEX, endpoint, model, 120_000)
    literal = COPIED.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    request = ChatRequest(
        [{"role": "user", "content": f"Copy this file:\n\n{COPIED}"}],
        grammar=f'root ::= "{literal}"\n',
        temperature=0,
    )
    rates = []
    async with ChatClient(backend) as client:
        for _ in range(calls):
            since = time.perf_counter()
            reply = await client.complete(request)
            took_s = time.perf_counter() - since - (reply.ttft_ms or 0) / 1000
            assert reply.text == COPIED
            assert reply.completion_tokens
            rates.append((reply.completion_tokens - 1) / took_s)
    return middle(rates)


if __name__ == "__main__":
    main(measure)
