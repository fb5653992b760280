"""The table of open sessions."""

import math


class SessionTable:
    """Open sessions and when each was last used.

    Args:
        policy: a session_policy.Policy.
        clock: returns milliseconds since the start of the program.
    """

    def __init__(self, policy, clock):
        self._policy = policy
        self._clock = clock
        self._used = {}

    def open(self, name):
        """Begin a session, or begin it anew."""
        self._used[name] = self._clock()

    def touch(self, name):
        """Note a use of the session; False when it is over or unknown."""
        if self.remaining(name) == 0:
            self._used.pop(name, None)
            return False
        self._used[name] = self._clock()
        return True

    def remaining(self, name):
        """Seconds until the session ends if nobody uses it."""
        used = self._used.get(name)
        if used is None:
            return 0
        left_ms = self._policy.idle_limit() * 1000 - (self._clock() - used)
        return max(0, math.ceil(left_ms / 1000))
