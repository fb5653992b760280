"""The slash commands that are about a pane: go there, and do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reflex_tui.panes.health import HealthPane

if TYPE_CHECKING:
    from reflex_tui.model.slash import SlashCall
    from reflex_tui.screens.dashboard import Dashboard


def run_command(dashboard: Dashboard, call: SlashCall) -> None:
    """Do what the command says, or say why there is nothing to do."""
    match call.command.name:
        case "events":
            dashboard.filter(call.argument)
        case "bakeoff":
            _bakeoff(dashboard, call.argument)
        case "stop" | "resume" | "report" | "compare" as name:
            _bakeoff(dashboard, f"--{name}")
        case "enable" | "disable" as name:
            dashboard.action_pane("bakeoff")
            dashboard.bakeoff.promote(on=name == "enable")
        case "chart" | "window" as name:
            _chart(dashboard, name)


def _bakeoff(dashboard: Dashboard, options: str) -> None:
    from reflex_tui.model.slash import parse_options  # not for the first paint

    dashboard.action_pane("bakeoff")
    dashboard.bakeoff.begin(parse_options(options))


def _chart(dashboard: Dashboard, action: str) -> None:
    if dashboard.pane == "bakeoff":
        dashboard.action_pane("health")
    health = dashboard.query_one(HealthPane)
    pane = dashboard.routing if dashboard.pane == "routing" else health
    if refused := pane.why_not(action):
        dashboard.notify(refused)
    elif action == "chart":
        pane.action_chart()
    else:
        pane.action_window()
