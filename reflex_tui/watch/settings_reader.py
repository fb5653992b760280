"""Reading the configuration by a thread, which then loads what the application needs next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.settings import Settings


def loading(read: Callable[[], Settings]) -> Callable[[], Settings]:
    """As ``read``, and the watchers are loaded by then: on the loop that would hold it up."""

    def read_and_load() -> Settings:
        settings = read()
        from reflex_tui.watch import threads  # noqa: F401

        return settings

    return read_and_load
