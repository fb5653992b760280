"""Stand-ins beside a test whose client blocks, or is a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from core.standin.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.standin.answers import Answerer
    from core.standin.script import Script


@contextmanager
def standin(
    script: Script, answerers: Sequence[Answerer] = (), *, port: int = 0
) -> Iterator[ScriptedServer]:
    """One in this process, on the loop of a thread of its own."""
    serving = ScriptedServer(script, answerers, port=port)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serving) as server,
    ):
        yield server
