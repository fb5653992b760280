"""Checking every record of a log, and that a log still holds what somebody once saw of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.capsule.record import GENESIS, check_line
from core.capsule.segments import segment_name, segment_numbers
from core.capsule.walk import Chain, Place, corrupt, lines_from
from core.errors import CapsuleCorrupt
from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Verification:
    """``records`` good ones from the first on, the last of them with hash ``head``."""

    ok: bool
    records: int
    head: str
    problem: CapsuleCorrupt | None = None


def verify(directory: Path, head: str | None = None) -> Verification:
    """Check each line's hash, each link and each ``seq``, up to the first that does not hold.

    ``head`` is a hash that the log once had as its last (a report holds one): a log in whose chain
    it does not occur was cut or rewritten, and is not ok. A torn last line is no problem.
    """
    chain = Chain()
    found = head in {None, GENESIS}
    numbers = segment_numbers(directory)
    place = Place(numbers[0] if numbers else 1, 0)
    ahead = place
    try:
        for here, line in lines_from(directory, place):
            try:
                stamp = check_line(line)
                chain.join(stamp.seq, stamp.prev, stamp.hash)
            except ValueError as error:
                raise corrupt(directory, here, str(error)) from error
            found = found or stamp.hash == head
            ahead = Place(here.segment, here.offset + len(line))
    except CapsuleCorrupt as problem:
        return Verification(ok=False, records=chain.seq or 0, head=chain.hash, problem=problem)
    if found:
        return Verification(ok=True, records=chain.seq or 0, head=chain.hash)
    return Verification(
        ok=False, records=chain.seq or 0, head=chain.hash, problem=_cut(directory, ahead, head)
    )


def _cut(directory: Path, end: Place, head: str | None) -> CapsuleCorrupt:
    damage = corrupt(directory, end, f"the log no longer holds the record {plain(head)}")
    return CapsuleCorrupt(
        damage.message,
        segment=segment_name(end.segment),
        line=damage.line,
        remedy="Its end was cut off or rewritten since that hash was noted.",
    )
