"""The embedded llama.cpp engine for a measurement, where it is installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.engine.local import start_engine
from core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.engine.process import ServerProcess


@contextmanager
def engine(*, n_parallel: int = 2, drafts: bool = True) -> Iterator[ServerProcess | None]:
    """The engine with one computing thread; None where it or its weights are not installed."""
    try:
        server = start_engine(n_threads=1, n_parallel=n_parallel, drafts=drafts)
    except EngineError as error:
        print(f"no engine: {error.message}")
        yield None
        return
    with server:
        yield server
