"""A loop that calls timers; time is a plain number that the caller moves on."""

import heapq

from timers import Timer


class Loop:
    """Calls timers when they are due."""

    def __init__(self):
        self.now = 0
        self._heap = []

    @property
    def pending(self):
        """How many timers are still to be called."""
        return len(self._heap)

    def call_at(self, when, callback):
        """Call ``callback`` once; returns its Timer."""
        return self._add(Timer(when, callback))

    def call_every(self, interval, callback):
        """Call ``callback`` every ``interval`` from now on; returns its Timer."""
        return self._add(Timer(self.now + interval, callback, interval))

    def run_until(self, time):
        """Move on to ``time`` and call what is due; returns how many calls were made."""
        self.now = time
        calls = 0
        due = [timer for timer in sorted(self._heap) if timer.when <= time]
        for timer in due:
            self._heap.remove(timer)
            heapq.heapify(self._heap)
            timer.callback()
            calls += 1
            if timer.interval is not None:
                self._add(Timer(self.now + timer.interval, timer.callback, timer.interval))
        return calls

    def _add(self, timer):
        heapq.heappush(self._heap, timer)
        return timer
