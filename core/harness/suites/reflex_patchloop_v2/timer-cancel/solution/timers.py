"""Timers as the loop keeps them."""

import itertools

_numbers = itertools.count()


class Timer:
    """A callback due at ``when``; with an ``interval`` it is due again and again."""

    def __init__(self, when, callback, interval=None):
        self.when = when
        self.callback = callback
        self.interval = interval
        self.number = next(_numbers)
        self.cancelled = False

    def __lt__(self, other):
        return (self.when, self.number) < (other.when, other.number)

    def cancel(self):
        """Never call the callback again."""
        self.cancelled = True
