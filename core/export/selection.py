"""Which records are exported, what is left out of them, and the record of the export itself."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule.events import CapsuleExportedEvent
from core.plain import plain_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.capsule import EventLog, Record

# What a user or a model wrote, or what a server may have quoted of it.
RAW = frozenset({"request", "response", "error_message"})
_PAGE = 1000
_KEYED_HASH = re.compile(r"hmac-sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Range:
    """Records ``first`` to ``last`` by ``seq``, both included; none when ``last < first``."""

    first: int
    last: int

    def __bool__(self) -> bool:
        return self.last >= self.first


def range_since(log: EventLog, moment: str, *, after: int = 0) -> Range:
    """The records not older than ``moment`` (RFC 3339, ``""`` for all) with ``seq > after``.

    Goes back from the end, so that an old log costs no more than what is taken of it.

    Raises:
        CapsuleCorrupt: a line on the way is damaged.
    """
    last = log.head()[0]
    if not moment:
        return Range(after + 1, last)
    first = last + 1
    while first > after + 1:
        page = log.before(first, _PAGE)
        newer = [record.seq for record in page if record.seq > after and record.time >= moment]
        if not newer:
            break
        first = newer[0]
    return Range(first, last)


def announce(
    log: EventLog,
    span: Range,
    *,
    with_io: bool,
    destination: str,
    follows: bool = False,
) -> Record:
    """Record that ``span`` is taken; durable before anything of it leaves.

    Raises:
        CapsuleError: it cannot be recorded; then nothing may leave.
    """
    return log.append(
        CapsuleExportedEvent(
            run_id=uuid.uuid4().hex,
            first_seq=span.first,
            last_seq=span.last,
            with_io=with_io,
            destination=destination,
            follows=follows,
        )
    )


def exported_bodies(log: EventLog, span: Range, *, with_io: bool) -> Iterator[Mapping[str, Any]]:
    """The records of ``span``, with raw input and output or without.

    Raises:
        CapsuleCorrupt: at a damaged line.
    """
    for record in log.read(after=span.first - 1, limit=span.last - span.first + 1):
        yield record.body if with_io else without_io(record.body)


def exported_lines(log: EventLog, span: Range, *, with_io: bool) -> Iterator[bytes]:
    """The records of ``span`` as JSON Lines, LF included.

    ``with_io`` gives the log's own bytes, whose hashes can be checked. Without, what is raw is
    left out and named in ``left_out``; ``seq``, ``prev`` and ``hash`` stay those of the whole.

    Raises:
        CapsuleCorrupt: at a damaged line.
    """
    for record in log.read(after=span.first - 1, limit=span.last - span.first + 1):
        yield (record.line if with_io else _encoded(without_io(record.body))) + b"\n"


def without_io(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without raw input and output; keyed hashes of them stay."""
    left_out = [name for name in body if name in RAW and _is_raw(body[name])]
    if not left_out:
        return dict(body)
    kept = {name: value for name, value in body.items() if name not in left_out}
    return {**kept, "left_out": left_out}


def _is_raw(value: Any) -> bool:
    hashed = isinstance(value, str) and _KEYED_HASH.fullmatch(value)
    return value is not None and not hashed


def _encoded(body: Mapping[str, Any]) -> bytes:
    return plain_json(body, separators=(",", ":")).encode()
