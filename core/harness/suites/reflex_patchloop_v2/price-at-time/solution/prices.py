"""The price of an article over time."""

from bisect import bisect_left, bisect_right


class PriceHistory:
    """Prices with the moment from which each holds; times are ints."""

    def __init__(self):
        self._times = []
        self._prices = []

    def set(self, time, price):
        """Let ``price`` hold from ``time`` on; prices may be set in any order."""
        at = bisect_left(self._times, time)
        if at < len(self._times) and self._times[at] == time:
            self._prices[at] = price
            return
        self._times.insert(at, time)
        self._prices.insert(at, price)

    def at(self, time):
        """The price at ``time``.

        Raises:
            LookupError: no price had been set by then.
        """
        position = bisect_right(self._times, time)
        if position == 0:
            raise LookupError(f"no price at {time}")
        return self._prices[position - 1]

    def changes(self):
        """All (time, price) pairs in order of time."""
        return list(zip(self._times, self._prices, strict=True))
