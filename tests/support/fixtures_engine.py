"""Servers that tests share: the real embedded engine, started once, and the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.engine.local import start_engine
from core.standin.scripted_server import Script, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from core.engine.process import ServerProcess


@pytest.fixture(scope="session")
def engine() -> Iterator[ServerProcess]:
    """The embedded engine on its default weights; shared, so leave it running.

    One thread: where tests share the CPUs, two would wait for each other.
    """
    with start_engine(n_threads=1) as server:
        yield server


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    """A stand-in in this process that answers at once; set its ``script`` at will."""
    async with ScriptedServer(Script(ttft_ms=0, tokens_per_s=0)) as server:
        yield server
