"""Keeping the index's tables in step with the log: one chunk after the other, never past damage."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from core.capsule.index.chunk import Chunk, kinds_of, position_of
from core.capsule.index.joining import Decisions
from core.capsule.index.places import Places
from core.capsule.index.store import INDEXES
from core.capsule.segments import segment_name, segment_numbers
from core.capsule.walk import Place
from core.errors import CapsuleCorrupt, CapsuleError

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule.index.columns import Kind

_MUCH_BYTES = 16 << 20


class Growth:
    """How the tables of one directory's index grow."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.forget()

    def forget(self) -> None:
        """The tables may be others from now on."""
        self._decisions: tuple[int, Decisions] = (-1, Decisions())

    def check(self, db: sqlite3.Connection) -> None:
        """Raise DatabaseError when the log no longer holds what was indexed last."""
        position = position_of(db)
        if not position.seq:
            if sum(self.sizes().values()) > _MUCH_BYTES:
                for name in INDEXES:  # quicker made at the end, all at once
                    db.execute(f"DROP INDEX IF EXISTS {name}")
            return
        try:
            with Places(self._directory) as places:
                record = places.record(Place(position.segment, position.offset))
            held = (record.seq, record.hash) == (position.seq, position.hash)
        except (FileNotFoundError, CapsuleError):
            held = False
        if not held:
            raise sqlite3.DatabaseError("this index is of another log")

    def extend(
        self, db: sqlite3.Connection
    ) -> tuple[int, int, dict[Kind, int], CapsuleCorrupt | None]:
        """Index one chunk: how many records, up to which, all kinds, the damage that ended it."""
        db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been at it since.
            position, kinds = position_of(db), kinds_of(db)
            known_to, decisions = self._decisions
            if known_to != position.seq:
                decisions = Decisions.load(db, kinds, position.seq)
            chunk = Chunk(self._directory, position, dict(kinds), decisions)
            damage = chunk.read()
            chunk.write(db, len(kinds))
            db.execute("COMMIT")
        except BaseException:
            self.forget()
            db.execute("ROLLBACK")
            raise
        seq = chunk.position.seq
        self._decisions = (seq, decisions)
        return seq - position.seq, seq, chunk.kinds, damage

    def sizes(self) -> dict[int, int]:
        """The segments' sizes in bytes."""
        sizes: dict[int, int] = {}
        for number in segment_numbers(self._directory):
            try:
                sizes[number] = (self._directory / segment_name(number)).stat().st_size
            except OSError:
                sizes[number] = 0
        return sizes

    def share(self, db: sqlite3.Connection) -> float:
        """How much of the log's bytes is indexed, 0 to 1."""
        position, sizes = position_of(db), self.sizes()
        done = sum(size for number, size in sizes.items() if number < position.segment)
        return min((done + position.following) / (sum(sizes.values()) or 1), 1.0)


def complete(db: sqlite3.Connection) -> None:
    """Make the SQL indexes that a large log's first chunks did without."""
    for statement in INDEXES.values():
        db.execute(statement.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"))
