"""``events export``: evidence as JSON Lines or Parquet, or to a collector; it is recorded."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

from core.plain import plain, plain_block
from reflex_tui.cli.kinds import path
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from core.capsule import EventLog
    from core.export.selection import Range
    from core.export.shipping import Cursor, Destination
    from core.settings import Settings
    from reflex_tui.cli.parser import Actions

SINCE = "only newer ones: 30s, 15m, 2h, 7d, a local time, or a date and time"
_POLL_S = 0.5
_MOST_PAUSE_S = 30.0
_STDOUT = "standard output"


def add(actions: Actions) -> None:
    """Declare the action of ``events``."""
    export = actions.add(
        "export",
        run,
        "write events as JSON Lines or Parquet, or send them to a collector; recorded",
        "events export --out events.jsonl",
        "events export --parquet events.parquet",
        "events export --since 7d --with-io > week.jsonl",
        "events export --otlp http://127.0.0.1:4318 -f",
    )
    add = export.add_argument
    add("--out", type=path, metavar="FILE", help="the file (default: standard output)")
    add("--parquet", type=path, metavar="FILE", help="as a Parquet table, for DuckDB and others")
    add("--with-io", action="store_true", help="include requests, replies and server messages")
    add("--since", metavar="WHEN", default=argparse.SUPPRESS, help=SINCE)
    add("--otlp", metavar="URL", help="send spans to the collector at URL, from the last one sent")
    add(
        "-f",
        "--follow",
        action="store_true",
        default=argparse.SUPPRESS,
        help="with --otlp: follow new events until Ctrl-C",
    )


def run(arguments: argparse.Namespace) -> int:
    """Hand out the records, after the capsule has noted that they were."""
    from core.capsule import EventLog
    from core.export.selection import range_since
    from core.settings import load_settings
    from reflex_tui.cli.since import moment

    settings = load_settings(arguments.config)
    _check(arguments)
    since = moment(arguments.since)
    with EventLog(settings.state_dir / "capsule") as log:
        if arguments.otlp is not None:
            return _ship(log, settings, since, arguments)
        return _write(log, range_since(log, since), arguments)


def _check(arguments: argparse.Namespace) -> None:
    from reflex_tui.cli.parser import UsageError

    if arguments.follow and arguments.otlp is None:
        raise UsageError(
            "--follow needs --otlp", remedy="To follow as JSON Lines: code reflex events -f --json"
        )
    if arguments.otlp is not None and arguments.out is not None:
        raise UsageError("--otlp and --out exclude each other")
    if arguments.parquet is not None and (arguments.otlp or arguments.out) is not None:
        raise UsageError("--parquet excludes --out and --otlp")
    if arguments.json and not (arguments.otlp or arguments.out or arguments.parquet):
        raise UsageError("--json prints one document about the export: it needs --out FILE")


def _write(log: EventLog, span: Range, arguments: argparse.Namespace) -> int:
    from core.export import parquet
    from core.export.selection import announce, exported_bodies, exported_lines

    out: Path | None = arguments.parquet or arguments.out
    if not span:
        sys.stderr.write("there is nothing to export\n")
    else:
        destination = str(out.absolute()) if out else _STDOUT
        announce(
            log,
            span,
            with_io=arguments.with_io,
            destination=destination,
        )
        lines = exported_lines(log, span, with_io=arguments.with_io)
        if arguments.parquet:
            bodies = exported_bodies(log, span, with_io=arguments.with_io)
            _replace(arguments.parquet, lambda file: parquet.write(file, bodies))
        elif out is None and sys.stdout.isatty():
            for line in lines:
                print(plain_block(line.decode(errors="replace")), end="")
        elif out is None:
            sys.stdout.flush()
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
        else:
            _replace(out, lambda file: _write_lines(file, lines))
    if arguments.json:
        _tell_json(span, str(out), arguments)
    elif span and out:
        print(f"{_count(span):,} events to {plain(out)}{_about_io(arguments)}")
    return 0


def _write_lines(file: Path, lines: Iterable[bytes]) -> None:
    with file.open("wb") as opened:
        opened.writelines(lines)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` make the file, whole or not at all, for its owner only."""
    import tempfile
    from pathlib import Path

    from core.errors import ConfigError

    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    os.close(descriptor)
    try:
        write(Path(temporary))
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _ship(log: EventLog, settings: Settings, since: str, arguments: argparse.Namespace) -> int:
    from core.export.otlp import Collector, traces_url
    from core.export.selection import announce, range_since
    from core.export.shipping import cursor_for, ship_batch

    url = traces_url(arguments.otlp)
    with ExitStack() as stack:
        cursor = stack.enter_context(cursor_for(settings.state_dir, url))
        collector = stack.enter_context(Collector(url))
        span = range_since(log, since, after=cursor.after(log))
        if span or arguments.follow:
            announce(
                log,
                span,
                with_io=arguments.with_io,
                destination=url,
                follows=arguments.follow,
            )
        # Without --since the cursor alone says where to continue, also in a log that was replaced.
        after = span.first - 1 if since else 0
        if arguments.follow:
            _follow(log, cursor, collector, after, arguments)
        while ship_batch(
            log, cursor, collector, with_io=arguments.with_io, after=after, until=span.last
        ):
            pass
    if arguments.json:
        _tell_json(span, url, arguments)
    else:
        print(f"{_count(span):,} events to {plain(url)}{_about_io(arguments)}")
    return 0


def _follow(
    log: EventLog,
    cursor: Cursor,
    collector: Destination,
    after: int,
    arguments: argparse.Namespace,
) -> NoReturn:
    """Ship for ever; a collector that is away is waited for. Ends by KeyboardInterrupt."""
    from core.errors import ExportError
    from core.export.shipping import ship_batch

    pause_s = 1.0
    while True:
        try:
            batch = ship_batch(log, cursor, collector, with_io=arguments.with_io, after=after)
        except ExportError as error:
            sys.stderr.write(f"{plain(error.message)}; next attempt in {pause_s:.0f} s\n")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _MOST_PAUSE_S)
            continue
        pause_s = 1.0
        if not batch:
            time.sleep(_POLL_S)
        elif arguments.json:
            print_json(
                {"records": len(batch), "first_seq": batch[0].seq, "last_seq": batch[-1].seq},
                indent=None,
            )
        else:
            print(f"{len(batch):,} events, to {batch[-1].seq}", flush=True)


def _count(span: Range) -> int:
    return max(0, span.last - span.first + 1)


def _about_io(arguments: argparse.Namespace) -> str:
    return ", requests and replies included" if arguments.with_io else ""


def _tell_json(span: Range, destination: str, arguments: argparse.Namespace) -> None:
    print_json(
        {
            "destination": destination,
            "records": _count(span),
            "first_seq": span.first if span else None,
            "last_seq": span.last if span else None,
            "with_io": arguments.with_io,
        }
    )
