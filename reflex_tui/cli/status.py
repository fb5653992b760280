"""``status``: the configuration and where each value comes from, and the next call's route."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.plain import plain
from reflex_tui.cli.output import coloured, columns, milliseconds, print_json, warn

if TYPE_CHECKING:
    import argparse

    from core.harness.sandbox import SelfTest
    from core.router.shadowed import ShadowSummary
    from core.router.view import RoutingView
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands
    from reflex_tui.model.latencies import Figures

_NEWEST = 5000  # events; few machines make more calls in the time that counts


def add(commands: Commands) -> None:
    """Declare the command."""
    commands.add(
        "status",
        run,
        "status",
        "status --json",
    )


def run(arguments: argparse.Namespace) -> int:
    """Show everything a decision rests on; 0 unless the configuration cannot be used."""
    import asyncio

    from core.harness.gate.own_tasks import parity_of
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    warn(settings.warning)
    seen, sandbox = asyncio.run(_look(settings))
    shadow = _shadow(settings)
    if arguments.json:
        held = {"tier": sandbox.tier.value, "reason": plain(sandbox.reason, 1000)}
        told = asdict(shadow) | {
            "parity": asdict(parity_of(shadow.tasks, seen.policy.reflex.thresholds))
        }
        print_json(_document(seen) | {"sandbox": held, "shadow": told})
    else:
        print("\n".join(_lines(seen, sandbox, shadow, _live(settings))))
    return 0


async def _look(settings: Settings) -> tuple[RoutingView, SelfTest]:
    """The routing view, and which sandbox a bakeoff would run model-written code in."""
    import asyncio

    from core.harness.sandbox import choose_tier
    from core.router.view import RoutingState

    state = RoutingState(settings)
    choosing = asyncio.create_task(choose_tier())
    try:
        return await state.look(), await choosing
    finally:
        # Left to the loop's end, a process that is just being started may never be waited for.
        choosing.cancel()
        await asyncio.wait({choosing})
        await state.aclose()


def _shadow(settings: Settings) -> ShadowSummary:
    from core.capsule import EventLog
    from core.capsule.keys import own_key
    from core.router.shadowed import shadow_summary

    reflex = settings.reflex
    with EventLog(settings.state_dir / "capsule") as log:
        return shadow_summary(
            log,
            settings.source.root,
            endpoint=reflex.endpoint,
            model=reflex.model,
            key=own_key(),
        )


def _document(seen: RoutingView) -> dict[str, Any]:
    from core.gateway.stage_rules import rules_of

    settings = seen.settings
    return {
        "config": str(settings.source.path) if settings.source.path else None,
        "workspace": str(settings.source.root),
        "warning": settings.warning or None,
        "settings": {
            ".".join(path): {"value": value, "source": settings.origin(*path)}
            for path, value in _values(settings)
        },
        "stages": [
            {"name": name, "built_in": name not in settings.serve.stages}
            | rule.model_dump(mode="json", exclude_none=True)
            for name, rule in rules_of(settings.serve.stages).items()
        ],
        "notices": _told(settings),
        **seen.as_json(),
    }


def _told(settings: Settings) -> dict[str, Any]:
    """Who is told of what happens; of the command its name only, as an argument may be secret."""
    from core.errors import ConfigError
    from core.notify.own import ignored, own_notify

    own: dict[str, Any] = {"command": None, "problem": None}
    try:
        command = own_notify().command
        own["command"] = plain(command[0], 200) if command else None
    except ConfigError as error:
        own["problem"] = plain(error, 500)
    return own | {"ignored": ignored(settings) or None}


def _notices(settings: Settings) -> list[str]:
    """The command that is told of what happens, and whether a project's file named one."""
    told = _told(settings)
    does = told["command"] or "no command; see [notify]"
    lines = [f"notices   {told['problem'] or does}"]
    if told["ignored"]:
        lines.append(
            f"{coloured('▲', 'yellow')} {told['ignored']}: [notify] is ignored here. It counts in "
            "your own stage0.toml only, as it starts a program."
        )
    return lines


def _live(settings: Settings) -> Figures | None:
    """What the newest calls show of the server, by which the dashboard judges it too."""
    from core.capsule import EventLog
    from core.clock import SystemClock
    from core.stages import PRIMARY
    from reflex_tui.model.latencies import STATE_WINDOW_S, Calls, of_state
    from reflex_tui.model.rows import call_end

    calls = Calls()
    with EventLog(settings.state_dir / "capsule") as log:
        for record in log.tail(_NEWEST):
            if record.event_type == "LLMCall":
                calls.add(call_end(record))
    found = of_state(calls.within(STATE_WINDOW_S, SystemClock().now().timestamp()))
    return next((of for of in found if of.backend == PRIMARY), None)


def _server(seen: RoutingView, live: Figures | None) -> str:
    """Its state, why it is not simply up, and where it is."""
    from reflex_tui.model.gate import BAD, GOOD, server_condition

    state = server_condition(seen, live)
    colour = {GOOD: "green", BAD: "red"}.get(state.style, "yellow")
    why = f"{state.why}; " if seen.health.ok and state.why else ""
    return f"{coloured(state.label, colour)}  {why}{seen.health.summary}"


def _lines(
    seen: RoutingView, sandbox: SelfTest, shadow: ShadowSummary, live: Figures | None
) -> list[str]:
    from reflex_tui.model.first_config import config_place
    from reflex_tui.model.next_call import next_call

    health = seen.health
    found = next_call(seen)
    lines = [
        f"server    {_server(seen, live)}",
        f"breaker   {_breaker(seen)}",
        *_gate(seen),
        *_watched(seen),
        f"sandbox   {plain(sandbox.reason, 1000)}",
        f"shadow    {_shadow_words(seen, shadow)}",
        *_notices(seen.settings),
        coloured(found.sentence, "bold"),
        f"reason    {found.code}",
    ]
    lines += [f"{coloured('▲', 'yellow')} {each}" for each in seen.notices]
    if not health.ok:
        lines += ["", *health.remedy]
    settings = seen.settings
    lines += [
        "",
        f"workspace {plain(settings.source.root)}",
        f"config    {config_place(settings)}",
        f"policy    {seen.policy.policy_hash}",
        "",
    ]
    rows = [
        (".".join(path), _shown(value), settings.origin(*path)) for path, value in _values(settings)
    ]
    return lines + columns(rows) + ["", "stages of agents' requests, first match:"] + _rules(seen)


def _rules(seen: RoutingView) -> list[str]:
    """Of which stage the gateway takes a request to be, a line a rule."""
    from core.gateway.stage_rules import conditions, rules_of

    settings = seen.settings
    return columns(
        (f"serve.stages.{name}", rule.stage, conditions(rule), _rule_origin(settings, name))
        for name, rule in rules_of(settings.serve.stages).items()
    )


def _rule_origin(settings: Settings, name: str) -> str:
    if name not in settings.serve.stages:
        return "built in"
    return settings.origin("serve", "stages", name, "stage")


def _breaker(seen: RoutingView) -> str:
    from core.figures import plural

    breaker = seen.breaker
    wait = f", next probe in {breaker.retry_in_s:.0f} s" if breaker.retry_in_s else ""
    state = str(breaker.state).replace("_", "-")
    return (
        f"{state}, {plural(breaker.failure_count, 'failure')} (limit {breaker.max_failures}){wait}"
    )


def _gate(seen: RoutingView) -> list[str]:
    """The verdict or why it does not hold, and below it what to do then."""
    from core.figures import ago
    from reflex_tui.model.gate import next_step, why
    from reflex_tui.model.gate_table import gate_table

    gate, event = seen.gate, seen.gate.event or {}
    table = gate_table(gate, seen.policy.reflex.thresholds)
    verdict = coloured("✓ pass", "green") if gate.valid else f"✖ {why(gate)}"
    if event and not table.past:
        verdict += f", {plain(event.get('suite'), 80)}"
        verdict += "" if gate.age_days is None else f", {ago(gate.age_days * 86_400)}"
    marks = [plain(each, 40) for each in event.get("stamps") or []]
    marked = f" [{', '.join(marks)}]" if marks else ""
    below = (table.demoted, *table.told[:1], next_step(gate))
    return [f"gate      {verdict}{marked}", *(f"{'':10}{each}" for each in below if each)]


def _watched(seen: RoutingView) -> list[str]:
    """What live calls show of the pass, a line a promise, and a warning where one is broken."""
    from core.router.lapses import RUN_AGAIN, explained
    from reflex_tui.model.watched import watched_rows

    monitor = seen.policy.reflex.monitor
    if not monitor.enabled:
        return ["live      not watched: [reflex.monitor] enabled = false"]
    rows = watched_rows(seen.gate)
    lines = [f"{row.name:9} {row.told}; evidence at {row.percent} of its limit" for row in rows]
    broken = next((one for one in seen.gate.drift or () if one.broken), None)
    if broken and seen.gate.valid:  # with demote = false it is a warning
        said = explained(broken.cause).sentence
        lines.append(f"{coloured('▲', 'yellow')} {said}; demote = false. {RUN_AGAIN}")
    if not rows and seen.gate.valid:
        return ["live      no calls since the pass"]
    return [f"{'live' if not place else '':9} {each}" for place, each in enumerate(lines)]


def _shadow_words(seen: RoutingView, shadow: ShadowSummary) -> str:
    from core.figures import plural
    from reflex_tui.model.shadows import paired_tasks

    sample = seen.policy.reflex.shadow.sample
    state = f"{100 * sample:g} % of the cloud's Implement calls" if sample else "off"
    if not shadow.calls and not shadow.tasks.count:
        return f"{state}; no comparisons yet" if sample else state
    told = []
    if shadow.calls:
        told.append(
            f"{plural(shadow.calls, 'call')}, {shadow.agreed_percent:.0f} % agreed with the cloud, "
            f"{shadow.failed} failed, P50 {milliseconds(shadow.p50_ms)}, "
            f"P95 {milliseconds(shadow.p95_ms)}"
        )
    if shadow.tasks.count:
        told.append(paired_tasks(shadow.tasks, seen.settings))
    return f"{'; '.join(told)} (now {state})"


def _values(settings: Settings) -> list[tuple[tuple[str, ...], Any]]:
    document = {
        "reflex": settings.reflex.model_dump(mode="json"),
        "cloud": settings.cloud.model_dump(mode="json"),
    }
    return list(_leaves((), document))


def _leaves(path: tuple[str, ...], value: Any) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves((*path, key), inner)]
    return [(path, value)]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
