"""The remembered health: how long it serves, who looks again, and that nobody looks twice."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from core.router.health import Cause, Health, HealthMonitor
from tests.support.health.clocks import FakeClock
from tests.support.health.servers import local, recording, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.client.backend import Backend

BACKEND = local("http://127.0.0.1:9/v1")


class Server:
    """A stand-in for ``probe``: up or down, and answering when let."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.up = True
        self.probes = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, backend: Backend, **_: Any) -> Health:
        """What it was when the probe began, told once it is let."""
        self.probes += 1
        up = self.up
        await asyncio.sleep(0)
        await self.hold.wait()
        cause = Cause.HEALTHY if up else Cause.NOT_LISTENING
        return Health(
            up, cause, "", (), None, (), 1.0, self.clock.now(), backend.endpoint, backend.model
        )


@asynccontextmanager
async def monitored() -> AsyncIterator[tuple[HealthMonitor, Server, FakeClock]]:
    """A monitor over a stand-in, by a clock of its own."""
    clock = FakeClock()
    server = Server(clock)
    monitor = HealthMonitor(BACKEND, timeout_ms=1000, clock=clock, probe=server)
    try:
        yield monitor, server, clock
    finally:
        await monitor.aclose()


async def settle() -> None:
    """Let what runs in the background come to rest."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_fresh_verdict_is_served_without_looking() -> None:
    """Nothing is asked twice within a second."""
    async with monitored() as (monitor, server, clock):
        assert monitor.last is None
        first = await monitor.current()
        clock.advance(0.9)
        assert await monitor.current() is first
        assert monitor.last is first
        await settle()
        assert server.probes == 1


async def test_concurrent_callers_share_one_probe() -> None:
    """A hundred decisions at once ask the server once."""
    async with monitored() as (monitor, server, _):
        found = await asyncio.gather(*(monitor.current() for _ in range(100)))
        assert server.probes == 1
        assert len({id(health) for health in found}) == 1


async def test_an_ageing_healthy_verdict_is_refreshed_in_the_background() -> None:
    """From half its time on it is still served at once, while a probe looks again."""
    async with monitored() as (monitor, server, clock):
        first = await monitor.current()
        clock.advance(1.5)
        assert await monitor.current() is first
        assert await monitor.current() is first
        await settle()
        assert server.probes == 2
        assert await monitor.current() is not first


async def test_a_healthy_verdict_expires() -> None:
    """Past its time nobody decides by it: the caller waits for the probe."""
    async with monitored() as (monitor, server, clock):
        await monitor.current()
        server.up = False
        clock.advance(2.0)
        assert (await monitor.current()).cause is Cause.NOT_LISTENING


async def test_a_healthy_verdict_ages_from_the_beginning_of_its_probe() -> None:
    """A server that took 1.9 s to say it is healthy may have died since it began to."""
    async with monitored() as (monitor, server, clock):
        server.hold.clear()
        waiting = asyncio.create_task(monitor.current())
        await settle()
        clock.advance(1.9)
        server.hold.set()
        assert (await waiting).ok
        server.up = False
        clock.advance(0.1)
        assert not (await monitor.current()).ok


async def test_an_unhealthy_verdict_is_served_while_a_probe_looks_again() -> None:
    """A hung server must not hold up every decision by a whole timeout."""
    async with monitored() as (monitor, server, clock):
        server.up = False
        first = await monitor.current()
        server.up = True
        clock.advance(1.2)
        server.hold.clear()
        assert await monitor.current() is first
        server.hold.set()
        await settle()
        assert (await monitor.current()).ok


async def test_an_old_unhealthy_verdict_is_not_served() -> None:
    """After a pause a caller waits for the truth rather than go to the cloud in error."""
    async with monitored() as (monitor, server, clock):
        server.up = False
        await monitor.current()
        server.up = True
        clock.advance(5)
        assert (await monitor.current()).ok


async def test_a_failed_connection_forgets_the_verdict() -> None:
    """The next decision looks for itself."""
    async with monitored() as (monitor, server, _):
        await monitor.current()
        server.up = False
        monitor.invalidate()
        assert monitor.last is None
        assert not (await monitor.current()).ok


async def test_a_probe_under_way_is_forgotten_too() -> None:
    """It may have seen the server just before it died; its waiters get a newer one."""
    async with monitored() as (monitor, server, _):
        server.hold.clear()
        waiting = asyncio.create_task(monitor.current())
        await settle()
        server.up = False
        monitor.invalidate()
        server.hold.set()
        assert not (await waiting).ok
        assert server.probes == 2


async def test_refresh_looks_at_once() -> None:
    """However fresh the verdict is."""
    async with monitored() as (monitor, server, _):
        first = await monitor.current()
        assert await monitor.refresh() is not first
        assert server.probes == 2


async def test_one_caller_giving_up_leaves_the_probe_to_the_others() -> None:
    """A cancelled decision does not cancel what others wait for."""
    async with monitored() as (monitor, server, _):
        server.hold.clear()
        quitter, stayer = (asyncio.create_task(monitor.current()) for _ in range(2))
        await settle()
        quitter.cancel()
        await settle()
        server.hold.set()
        assert (await stayer).ok
        assert quitter.cancelled()
        assert server.probes == 1


async def test_closing_ends_the_background() -> None:
    """No task outlives the monitor, however its probe hangs."""
    async with monitored() as (monitor, server, clock):
        await monitor.current()
        server.hold.clear()
        clock.advance(1.5)
        await monitor.current()
        await settle()
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "health of reflex" in names
        await monitor.aclose()
        assert "health of reflex" not in {task.get_name() for task in asyncio.all_tasks()}


@pytest.mark.parametrize("seed", range(20))
async def test_no_decision_trusts_a_server_dead_for_two_seconds(seed: int) -> None:
    """Under any pattern of calls, the last healthy decision falls within 2 s of the death."""
    chance = random.Random(seed)
    async with monitored() as (monitor, server, clock):
        for _ in range(chance.randrange(1, 30)):
            await monitor.current()
            clock.advance(chance.choice((0.01, 0.3, 0.9, 1.1, 1.9)))
            await settle()
        server.up = False
        died_at = clock.monotonic()
        for _ in range(60):
            healthy = (await monitor.current()).ok
            assert not healthy or clock.monotonic() - died_at < 2.0
            clock.advance(chance.choice((0.01, 0.1, 0.5, 1.05)))
            if chance.random() < 0.5:
                await settle()


async def test_a_monitor_over_a_real_socket_remembers_the_version_and_the_load() -> None:
    """SGLang is asked its version once; the load comes with every probe."""
    clock = FakeClock()
    async with serving(recording("sglang")) as server:
        backend = local(server.endpoint, "tiny-sgl")
        monitor = HealthMonitor(backend, timeout_ms=30_000, clock=clock, load=True)
        for _ in range(3):
            health = await monitor.refresh()
            assert health.ok
            assert health.load is not None
            assert health.load.running == 2
            clock.advance(2)
        clock.advance(60)
        await monitor.refresh()
        await monitor.aclose()
        asked = Counter(server.paths)
    assert asked["/v1/models"] == asked["/metrics"] == 4
    assert asked["/server_info"] == 2  # the second after a minute in which nobody looked


def test_importing_health_is_cheap() -> None:
    """``code reflex health`` pays for the HTTP client alone."""
    heavy = "{'pydantic', 'jsonschema', 'sqlite3', 'textual', 'core.harness'}"
    code = f"import sys, core.router.health; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
