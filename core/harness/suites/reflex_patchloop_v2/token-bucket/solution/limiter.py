"""Limits how often something may be done."""


class Limiter:
    """A bucket of ``capacity`` permits, refilled at ``per_second``; it starts full.

    Args:
        capacity: most permits the bucket holds.
        per_second: permits added each second, in proportion to the time passed.
        clock: returns the time in seconds; never goes back.
    """

    def __init__(self, capacity, per_second, clock):
        self.capacity = capacity
        self.per_second = per_second
        self._clock = clock
        self._permits = float(capacity)
        self._filled_at = clock()

    def allow(self, permits=1):
        """Take ``permits`` if that many are there; whether they were."""
        self._refill()
        if permits > self._permits:
            return False
        self._permits -= permits
        return True

    def _refill(self):
        now = self._clock()
        passed = now - self._filled_at
        self._permits = min(self.capacity, self._permits + passed * self.per_second)
        self._filled_at = now
