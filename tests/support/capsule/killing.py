"""Four writers, one of them killed with SIGKILL again and again; prints what was acknowledged.

``python -m tests.support.capsule.killing DIRECTORY KILLS`` forks its writers, so a kill costs
milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from dataclasses import dataclass, field

from core.capsule import EventLog
from tests.support.capsule.making import decision

WRITERS = 4


@dataclass
class Writer:
    """A process that appends until it is killed, and says over a pipe what was acknowledged."""

    name: str
    pid: int = 0
    pipe: int = -1
    said: bytes = field(default=b"")

    def start(self, directory: str) -> None:
        """Fork it."""
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            write_for_ever(directory, self.name, writer)
        os.close(writer)
        self.pipe = reader

    def listen(self, timeout_s: float) -> bool:
        """Take what it said; False when it said nothing in time, or its pipe has ended."""
        if not select.select([self.pipe], [], [], timeout_s)[0]:
            return False
        said = os.read(self.pipe, 1 << 16)
        self.said += said
        return bool(said)

    def kill(self) -> list[tuple[int, str]]:
        """End it at once; every ``(seq, call_id)`` that it was given."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        while self.listen(10):
            pass
        os.close(self.pipe)
        rows = [row.split() for row in self.said.decode().splitlines()]
        return [(int(seq), call_id) for seq, call_id in rows]


def write_for_ever(directory: str, name: str, pipe: int) -> None:
    """Append, and say so, until killed."""
    log = EventLog(directory, segment_bytes=1 << 16)
    number = 0
    while True:
        call_id = f"{name}-{number}"
        record = log.append(decision(call_id))
        os.write(pipe, f"{record.seq} {call_id}\n".encode())
        number += 1


def main(directory: str, kills: int) -> None:
    """Kill and replace ``kills`` writers, then print the tally as JSON."""
    chance = random.Random(0)
    acknowledged: list[tuple[int, str]] = []
    after_first = 0
    writers = [Writer(f"w{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start(directory)
    for number in range(kills):
        place = chance.randrange(WRITERS)
        victim = writers[place]
        if chance.random() < 0.95:
            while not victim.said:
                victim.listen(10)
        time.sleep(chance.random() * 0.003)
        given = victim.kill()
        after_first += bool(given)
        acknowledged += given
        writers[place] = Writer(f"k{number}")
        writers[place].start(directory)
    for writer in writers:
        acknowledged += writer.kill()
    print(json.dumps({"acknowledged": acknowledged, "after_first": after_first}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
