"""``python -m core.capsule.index DIRECTORY``: build a capsule's index in a process of its own."""

from __future__ import annotations

import os
import sys

from core.capsule.index.projection import Index
from core.capsule.log import EventLog
from core.errors import CapsuleError

if __name__ == "__main__":
    os.nice(5)
    try:
        with Index(EventLog(sys.argv[1])) as index:
            index.update()
    except CapsuleError:
        sys.exit(1)  # who started this meets the same error, and shows it
