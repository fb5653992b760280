"""``events``: the capsule's newest records, live; ``events verify``: its hash chain."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.plain import plain
from core.stages import Mode, Reason
from reflex_tui.cli import export
from reflex_tui.cli.kinds import count
from reflex_tui.cli.output import coloured, columns, milliseconds, print_json
from reflex_tui.cli.since import moment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from core.capsule import EventLog, Record
    from core.clock import Clock
    from reflex_tui.cli.parser import Commands

_PAGE = 1000
_NONE_SUCH = "this workspace's capsule has no such events\n"
_NONE_AT_ALL = (
    "this workspace's capsule is empty; calls fill it: code reflex implement, code reflex serve, "
    "code reflex bakeoff\n"
)


def add(commands: Commands) -> None:
    """Declare the command and its actions."""
    events = commands.add(
        "events",
        run,
        "events -n 50",
        "events -f --mode reflex",
        "events --type RoutingDecision --since 15m",
        "events verify",
        "events export --out events.jsonl",
    )
    add = events.add_argument
    add("-f", "--follow", action="store_true", help="follow new events")
    add("-n", type=count, default=20, metavar="N", help="how many (default: 20)")
    add("--type", metavar="TYPE", help="only events of this type")
    add("--mode", choices=[mode.value for mode in Mode], help="only events of this mode")
    add("--reason", metavar="REASON", help="only decisions with this reason")
    add("--since", metavar="WHEN", help=export.SINCE)
    actions = commands.actions(events)
    verify = actions.add(
        "verify",
        run_verify,
        "check the whole hash chain",
        "events verify",
        "events verify --head sha256:…",
    )
    verify.add_argument("--head", metavar="HASH", help="the chain must contain this hash")
    export.add(actions)


def local(text: str, clock: Clock | None = None) -> str:
    """A record's time on the local clock, as ``--since`` takes it: with the date before today."""
    from core.clock import SystemClock

    try:
        at = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return plain(text, 24)
    if at.date() == (clock or SystemClock()).now().astimezone().date():
        return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def run(arguments: argparse.Namespace) -> int:
    """Show or follow the workspace's capsule."""
    _check_names(arguments)
    with _capsule(arguments) as log:
        return _list(log, arguments)


def _check_names(arguments: argparse.Namespace) -> None:
    """A name that no event can have would show nothing, for ever: it is refused."""
    from core.capsule import events

    types = [each.event_type for each in vars(events).values() if _is_event(each, events.Event)]
    for option, given, known in (
        ("--type", arguments.type, types),
        ("--reason", arguments.reason, [reason.value for reason in Reason]),
    ):
        if given is not None and given not in known:
            _refuse(option, given, known)


def _is_event(each: object, base: type) -> bool:
    return isinstance(each, type) and issubclass(each, base) and each is not base


def _refuse(option: str, given: str, known: Iterable[str]) -> None:
    import difflib  # rarely needed

    from reflex_tui.cli.parser import UsageError

    near = difflib.get_close_matches(given[:60], known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(
        f"{option}: unknown {option[2:]} {plain(given, 60)}{hint}",
        remedy=f"One of: {', '.join(sorted(known))}.",
    )


def run_verify(arguments: argparse.Namespace) -> int:
    """Check the chain, the order of gate decisions, and who was held out: 0 when all hold."""
    from core.capsule import EventLog
    from core.capsule.decisions import check_decisions
    from core.monitor.holdout import check_holdouts
    from core.settings import load_settings

    settings = load_settings(arguments.config)
    with EventLog(settings.state_dir / "capsule") as log:
        found = log.verify(head=arguments.head)
        disorder = check_decisions(log, settings.source.root) if found.ok else []
        chosen = check_holdouts(log, settings.state_dir / "policies") if found.ok else []
    sound = found.ok and not disorder and not chosen
    if arguments.json:
        problem = found.problem
        print_json(
            {
                "ok": sound,
                "records": found.records,
                "head": found.head,
                "problem": problem
                and {
                    "message": problem.message,
                    "segment": problem.segment,
                    "line": problem.line,
                },
                "decisions": disorder,
                "holdouts": chosen,
            }
        )
    elif disorder:
        print(f"{coloured('✖ out of order', 'red')}  {disorder[0]}")
        for each in disorder[1:]:
            print(each)
        print("Gate decisions were changed after they were made. Run a new bakeoff.")
    elif chosen:
        print(f"{coloured('✖ hold-out not by chance', 'red')}  {chosen[0]}")
        print("\n".join((*chosen[1:], "Savings of these calls prove nothing.")))
    elif found.ok:
        print(f"{coloured('✓ holds', 'green')}  {found.records:,} records, head {found.head}")
    else:
        message = found.problem.message if found.problem else "the chain does not hold"
        print(f"{coloured('✖ broken', 'red')}  {message}")
        if found.problem and found.problem.remedy:
            print(found.problem.remedy)
    return 0 if sound else 1


def _capsule(arguments: argparse.Namespace) -> EventLog:
    from core.capsule import EventLog
    from core.settings import load_settings

    return EventLog(load_settings(arguments.config).state_dir / "capsule")


def _list(log: EventLog, arguments: argparse.Namespace) -> int:
    wanted = _filter(arguments)
    newest = _newest(log, wanted, arguments.n, moment(arguments.since))
    if arguments.json and not arguments.follow:
        print_json([_document(record) for record in newest])
        return 0
    show = _show_json if arguments.json else _show_line
    for record in newest:
        show(record)
    if not arguments.follow:
        if not newest and not arguments.json:
            sys.stderr.write(_NONE_SUCH if log.head()[0] else _NONE_AT_ALL)
        return 0
    last = newest[-1].seq if newest else log.head()[0]
    for record in log.follow(after=last):
        if wanted(record.body):
            show(record)
            sys.stdout.flush()
    return 0


def _newest(
    log: EventLog, wanted: Callable[[Mapping[str, Any]], bool], count: int, since: str
) -> list[Record]:
    """The newest ``count`` wanted records not older than ``since``, oldest first."""
    found: list[Record] = []
    for record in _backwards(log):
        if len(found) >= count or record.time < since:
            break
        if wanted(record.body):
            found.append(record)
    return found[::-1]


def _backwards(log: EventLog) -> Iterator[Record]:
    page = log.tail(_PAGE)
    while page:
        yield from reversed(page)
        page = log.before(page[0].seq, _PAGE)


def _filter(arguments: argparse.Namespace) -> Callable[[Mapping[str, Any]], bool]:
    asked = {"event_type": arguments.type, "mode": arguments.mode, "reason": arguments.reason}
    needed = {name: value for name, value in asked.items() if value is not None}
    return lambda body: all(body.get(name) == value for name, value in needed.items())


def _document(record: Record) -> dict[str, Any]:
    return dict(record.body)


def _show_json(record: Record) -> None:
    print_json(_document(record), indent=None)


def _show_line(record: Record) -> None:
    body = record.body
    print(
        columns(
            [
                (
                    f"{record.seq:>6}",
                    f"{local(record.time):<19}",
                    f"{record.event_type:<20}",
                    f"{plain(body.get('mode') or '', 40):<6}",
                    f"{milliseconds(body.get('latency_ms')):>8}",
                    _gist(record),
                )
            ]
        )[0]
    )


def _gist(record: Record) -> str:
    """What a person wants to know of an event, in a few words."""
    body = record.body
    match record.event_type:
        case "RoutingDecision":
            words = [body.get("reason"), body.get("detail"), "→", body.get("backend")]
        case "LLMCall":
            outcome = "✓" if body.get("success") else f"✖ {body.get('error')}"
            tokens = body.get("completion_tokens")
            words = [outcome, body.get("backend"), f"{tokens} tokens" if tokens else None]
        case "BreakerStateChanged":
            words = [body.get("before"), "→", body.get("after"), body.get("cause")]
        case "GateDecision":
            stamps = body.get("stamps")
            words = [body.get("verdict"), body.get("suite")]
            words += stamps if isinstance(stamps, list) else []
        case "CapsuleExported":
            words = [
                f"{body.get('first_seq')}-{body.get('last_seq')}",
                "→",
                body.get("destination"),
            ]
        case _:
            words = [body.get("path"), body.get("report_path"), body.get("suite")]
    call = plain(body.get("call_id") or "")[:4]
    return " ".join(plain(word, 300) for word in [*words, call] if word)
