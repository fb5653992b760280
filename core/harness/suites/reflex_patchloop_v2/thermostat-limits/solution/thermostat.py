"""A heating thermostat."""

LOWEST, HIGHEST = 5, 30


class Thermostat:
    """Holds a target temperature in degrees between ``LOWEST`` and its own ``limit``."""

    def __init__(self, target=20, limit=HIGHEST):
        self._target = LOWEST
        self.limit = limit
        self.target = target

    @property
    def target(self):
        """The temperature asked for."""
        return self._target

    @target.setter
    def target(self, degrees):
        if not LOWEST <= degrees <= self._limit:
            raise ValueError(f"target must be {LOWEST} to {self._limit}, not {degrees}")
        self._target = degrees

    @property
    def limit(self):
        """The highest target allowed, itself between ``LOWEST`` and ``HIGHEST``."""
        return self._limit

    @limit.setter
    def limit(self, degrees):
        if not LOWEST <= degrees <= HIGHEST:
            raise ValueError(f"limit must be {LOWEST} to {HIGHEST}, not {degrees}")
        self._limit = degrees
        self._target = min(self._target, degrees)
