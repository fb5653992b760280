"""Keys that have something to do here, but not now: the foot leaves them out, a press says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.actions import parse

if TYPE_CHECKING:
    from textual.screen import Screen


class RefusesKeys:
    """Of a node with bindings; the application shows ``why_not`` when a refused key is pressed.

    Stands before the widget among a class's bases, so that this ``check_action`` is asked.
    """

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:
        """Why the action cannot be done now, as a clause; empty when it can be."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None where the key cannot act now: Textual then knows of it, and does nothing."""
        return None if self.why_not(action, parameters) else True


def why_refused(screen: Screen[object], key: str, *, priority: bool) -> str:
    """Why what the key does here cannot be done now; empty when it can, or does nothing.

    ``priority``: asked before the key goes to what has the focus, of bindings that come first.
    """
    bound = screen.active_bindings.get(key)
    if bound is None or bound.enabled or bound.binding.priority is not priority:
        return ""
    if not isinstance(bound.node, RefusesKeys):
        return ""
    _, action, parameters = parse(bound.binding.action)
    return bound.node.why_not(action, parameters)
