"""``savings``: what reflex saves against sending every call to the cloud, and how sure that is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from core.plain import plain
from reflex_tui.cli.kinds import words
from reflex_tui.cli.output import columns, print_json
from reflex_tui.cli.since import moment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from core.monitor.savings import Savings
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands

_BY = ("day", "week", "session")
_ESTIMATES = ("usd", "seconds", "parity")
_PAIRED = ("paired_tasks", "paired_reflex", "paired_cloud")
_PLAIN = ("name", "calls", "local", "compared", "held_out", "tokens_local", "uncounted", "usd_by")


def add(commands: Commands) -> None:
    """Declare the command."""
    savings = commands.add(
        "savings",
        run,
        "savings",
        "savings --by day --since 30d",
        "savings --by session --csv",
        "savings --json | jq .all.usd",
    )
    savings.add_argument("--by", choices=_BY, help="a line for each day, week or session too")
    savings.add_argument(
        "--since", type=words, metavar="TIME", help="only calls from then on: 7d, or a date"
    )
    savings.add_argument(
        "--csv", action="store_true", help="comma-separated values, a header first"
    )


def run(arguments: argparse.Namespace) -> int:
    """0, whatever was saved."""
    from core.capsule.keys import own_key
    from core.monitor.facts import GROUPINGS, facts_of
    from core.monitor.savings import grouped, savings_of
    from core.settings import load_settings

    if arguments.csv and arguments.json:
        raise ConfigError("--csv and --json exclude each other", remedy="Leave one of them out.")
    settings = load_settings(arguments.config)
    capsule, root = settings.state_dir / "capsule", settings.source.root
    calls = facts_of(capsule, root, since=moment(arguments.since), key=own_key())
    price = settings.cloud.price_usd
    total = savings_of("all", calls, price)
    groups = grouped(calls, GROUPINGS[arguments.by]) if arguments.by else {}
    parts = [savings_of(plain(name, 40), group, price) for name, group in groups.items()]
    if arguments.json:
        document = {"all": total.as_json(), "by": arguments.by}
        print_json(document | {"parts": [one.as_json() for one in parts]})
    elif arguments.csv:
        _write_csv([*parts, total])
    else:
        print("\n".join(_lines(total, parts, settings)))
    return 0


def _write_csv(rows: Sequence[Savings]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    bounds = [f"{name}{end}" for name in _ESTIMATES for end in ("", "_low", "_high")]
    writer.writerow([*_PLAIN, *bounds, "known_reflex", "known_cloud", *_PAIRED])
    for one in rows:
        values: list[Any] = [getattr(one, name) for name in _PLAIN]
        for name in _ESTIMATES:
            found = getattr(one, name)
            values += [found.value, found.low, found.high] if found else [None] * 3
        pairs = one.paired
        writer.writerow([*values, *one.known, pairs.count, pairs.reflex, pairs.cloud])


def _lines(total: Savings, parts: Sequence[Savings], settings: Settings) -> list[str]:
    from core.figures import count, percent, plural
    from reflex_tui.model.savings import parity, seconds, unknown, usd
    from reflex_tui.model.shadows import paired_tasks

    if not total.calls:
        return ["no Implement calls yet"]
    share = percent(100 * total.local / total.calls)
    more = f"; {plural(total.uncounted, 'call')} not counted" if total.uncounted else ""
    local = f"{count(total.local)} answered locally ({share})"
    lines = [
        f"calls     {count(total.calls)} of Implement, {local}, {count(total.held_out)} held out",
        f"tokens    {count(total.tokens_local)} stayed local{more}",
        f"money     {usd(total)}",
        f"time      {seconds(total)}",
        f"success   {parity(total)}",
    ]
    if total.paired.count:
        lines.append(f"tasks     {paired_tasks(total.paired, settings)}")
    if parts:
        head = ("", "calls", "local", "tokens", "money", "time", "success")
        rows = [
            (
                one.name,
                count(one.calls),
                count(one.local),
                count(one.tokens_local),
                usd(one),
                seconds(one),
                parity(one),
            )
            for one in parts
        ]
        lines += ["", *columns([head, *rows])]
    return [*lines, "", *unknown(total, settings)]
