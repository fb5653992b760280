"""The stock of a warehouse."""

import contextlib


class Stock:
    """Numbers of pieces by article."""

    def __init__(self, pieces=None):
        self.pieces = dict(pieces or {})

    def add(self, article, count):
        """Put pieces in."""
        self.pieces[article] = self.pieces.get(article, 0) + count

    def take(self, article, count):
        """Take pieces out; an article of which none is left is removed.

        Raises:
            ValueError: there are not enough.
        """
        left = self.pieces.get(article, 0) - count
        if left < 0:
            raise ValueError(f"not enough of {article}")
        self.pieces[article] = left
        if left == 0:
            del self.pieces[article]

    @contextlib.contextmanager
    def transaction(self):
        """A context in which changes take effect together or not at all."""
        saved = self.pieces.copy()
        try:
            yield self
        except BaseException:
            self.pieces = saved
            raise
