"""``python -m core.capsule.index DIRECTORY``: build the index, out of the way of who needs it."""

from __future__ import annotations

import gc
import os
import sys

from core.capsule.index.projection import Index
from core.capsule.log import EventLog
from core.errors import CapsuleError

if __name__ == "__main__":
    os.nice(5)
    gc.disable()  # rows by the million, no cycles among them, and an end soon
    try:
        with Index(EventLog(sys.argv[1])) as index:
            index.update()
    except CapsuleError:
        sys.exit(1)  # who started this finds the same, and tells it
