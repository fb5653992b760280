"""``events``: the capsule's newest records, live; ``events verify``: its whole chain.

``--since``: a duration ago or a moment, as records write their time.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.decisions import check_decisions
from core.clock import Clock, SystemClock, rfc3339
from core.errors import ConfigError
from core.plain import plain
from core.settings import load_settings
from reflex_tui.cli.output import coloured, columns, milliseconds, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from core.capsule import Record


_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment(text: str | None, clock: Clock | None = None) -> str:
    """RFC 3339 in UTC; ``""``, which is before all others, for None.

    Raises:
        ConfigError: ``text`` is neither a duration nor a moment.
    """
    if text is None:
        return ""
    try:
        if ago := _AGO.fullmatch(text):
            elapsed = timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
            return rfc3339((clock or SystemClock()).now() - elapsed)
        return rfc3339(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--since {plain(text, 60)!r} is neither a duration nor a moment",
            remedy="For example 30s, 15m, 2h, 7d, or 2026-01-12T10:30:00Z.",
        ) from None


_PAGE = 1000
_NONE_SUCH = "no such events in this workspace's capsule yet\n"
_NONE_AT_ALL = (
    "this workspace's capsule is empty; calls fill it: code reflex implement, code reflex serve, "
    "code reflex bakeoff\n"
)


def events(arguments: argparse.Namespace) -> int:
    """Show or follow the workspace's capsule."""
    with _capsule(arguments) as log:
        return _list(log, arguments)


def verify(arguments: argparse.Namespace) -> int:
    """Check the whole chain: 0 when it holds, else 1."""
    settings = load_settings(arguments.config)
    with EventLog(settings.state_dir / "capsule") as log:
        found = log.verify(head=arguments.head)
        disorder = check_decisions(log, settings.source.root) if found.ok else []
    sound = found.ok and not disorder
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
            }
        )
    elif disorder:
        print(f"{coloured('✖ out of order', 'red')}  {disorder[0]}")
        for each in disorder[1:]:
            print(each)
        print("Gate decisions were changed after they were made. Run a new bakeoff.")
    elif found.ok:
        print(f"{coloured('✓ holds', 'green')}  {found.records:,} records, head {found.head}")
    else:
        message = found.problem.message if found.problem else "the chain does not hold"
        print(f"{coloured('✖ broken', 'red')}  {message}")
        if found.problem and found.problem.remedy:
            print(found.problem.remedy)
    return 0 if sound else 1


def _capsule(arguments: argparse.Namespace) -> EventLog:
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
                    record.time[11:23],
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
