"""Timers as the loop keeps them."""


class Timer:
    """A callback due at ``when``; with an ``interval`` it is due again and again."""

    def __init__(self, when, callback, interval=None):
        self.when = when
        self.callback = callback
        self.interval = interval
        self.cancelled = False

    def __lt__(self, other):
        return self.when <= other.when

    def cancel(self):
        """Never call the callback again."""
        self.cancelled = True
