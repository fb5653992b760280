"""Which key does it now: keys that are named in a text follow the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.binding import Binding

if TYPE_CHECKING:
    from textual.app import App


def shown_key(app: App[Any], binding_id: str, default: str) -> str:
    """The key that does it now, as a person reads it; ``default`` unless the user changed it."""
    changed: str = getattr(app, "keymap", {}).get(binding_id, "")
    if not changed:
        return default
    return app.get_key_display(Binding(changed.split(",", maxsplit=1)[0], ""))
