"""LiteLLM's Router measured in the Python that has it: deciding, added cost, fallback.

    python benchmarks/litellm_peer.py deciding|cost|fallback ADDRESS-OF-STUB REPETITIONS

Prints a JSON object of samples in ms by name.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from typing import TYPE_CHECKING, Any

import litellm
import openai

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MESSAGES: Any = [{"role": "user", "content": "Which line is wrong?"}]


async def times(call: Callable[[], Awaitable[Any]], repetitions: int) -> list[float]:
    """Milliseconds of each of ``repetitions`` calls."""
    found = []
    for _ in range(repetitions):
        began = time.perf_counter()
        await call()
        found.append(1000 * (time.perf_counter() - began))
    return found


def deployment(name: str, endpoint: str, **more: Any) -> dict[str, Any]:
    """One entry of a Router's model list."""
    parameters = {"model": "openai/stub", "api_base": endpoint, "api_key": "none", **more}
    return {"model_name": name, "litellm_params": parameters}


async def streamed(stream: Any) -> None:
    """Read a stream to its end."""
    async for _ in await stream:
        pass


async def deciding(address: str, repetitions: int) -> dict[str, list[float]]:
    """Which of two deployments: no request is sent."""
    endpoint = f"{address}/instant/v1"
    router = litellm.Router(model_list=[deployment("m", endpoint), deployment("m", endpoint)])

    async def decide() -> None:
        await router.async_get_available_deployment(model="m", messages=MESSAGES, request_kwargs={})

    await times(decide, 50)
    return {"decide": await times(decide, repetitions)}


async def cost(address: str, repetitions: int) -> dict[str, list[float]]:
    """A streamed call by the SDK that the Router uses itself, and through the Router."""
    endpoint = f"{address}/instant/v1"
    sdk = openai.AsyncOpenAI(base_url=endpoint, api_key="none", max_retries=0)
    router = litellm.Router(model_list=[deployment("m", endpoint)], num_retries=0)
    found: dict[str, list[float]] = {"sdk": [], "router": []}

    async def by_sdk() -> None:
        await streamed(sdk.chat.completions.create(model="stub", messages=MESSAGES, stream=True))

    async def by_router() -> None:
        await streamed(router.acompletion(model="m", messages=MESSAGES, stream=True))

    await times(by_sdk, 20)
    await times(by_router, 20)
    for _ in range(repetitions):
        found["sdk"] += await times(by_sdk, 1)
        found["router"] += await times(by_router, 1)
    await sdk.close()
    return found


async def fallback(address: str, repetitions: int) -> dict[str, list[float]]:
    """A call whose first deployment refuses or answers 500, told not to try again or cool down."""
    found = {}
    refused = "http://127.0.0.1:9/v1"
    for kind, endpoint in (("refused", refused), ("500", f"{address}/error/v1")):
        router = litellm.Router(
            model_list=[
                deployment("failing", endpoint, max_retries=0),
                deployment("healthy", f"{address}/instant/v1"),
            ],
            fallbacks=[{"failing": ["healthy"]}],
            num_retries=0,
            disable_cooldowns=True,
        )

        async def call(router: litellm.Router = router) -> None:
            await streamed(router.acompletion(model="failing", messages=MESSAGES, stream=True))

        await times(call, 3)
        found[kind] = await times(call, repetitions)
    return found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    litellm.suppress_debug_info = True
    measured = {"deciding": deciding, "cost": cost, "fallback": fallback}[sys.argv[1]]
    print(json.dumps(asyncio.run(measured(sys.argv[2], int(sys.argv[3])))))
