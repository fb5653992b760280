"""The configuration of one who has none yet: where it goes, and the lines that are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

    from core.router.view import RoutingView
    from core.settings import Settings

NAME = "stage0.toml"
_ENDPOINT, _MODEL = "http://127.0.0.1:8000/v1", "the-id-it-serves"


def example(endpoint: str = _ENDPOINT, model: str = _MODEL) -> tuple[str, ...]:
    """The lines of a file that is good, and enough."""
    import json  # not for the dashboard's first paint

    told = {"endpoint": endpoint, "model": model}
    return (
        "[reflex]",
        *(
            f"{key} = {json.dumps(plain(value, 256), ensure_ascii=False)}"
            for key, value in told.items()
        ),
    )


def first_config(routing_view: RoutingView | None) -> tuple[str, ...]:
    """The lines to paste into a new file; none where there is one, or none is needed."""
    if (
        routing_view is None
        or routing_view.settings.source.path is not None
        or routing_view.health.ok
    ):
        return ()
    health = routing_view.health
    return example(health.endpoint, health.models[0]) if health.models else example()


def place_of(settings: Settings) -> Path:
    """The file in force, or the one that a project's own would be."""
    return settings.source.path or settings.source.root / NAME


def config_place(settings: Settings) -> str:
    """The same in words, safe to show."""
    if settings.source.path is not None:
        return plain(settings.source.path, 500)
    return f"none: built-in defaults; yours would be {plain(place_of(settings), 500)}"
