"""The stock of a warehouse."""


class Stock:
    """Numbers of pieces by article."""

    def __init__(self, pieces=None):
        self.pieces = dict(pieces or {})
        self._saved = None

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

    def transaction(self):
        """A context in which changes take effect together or not at all."""
        return self

    def __enter__(self):
        self._saved = self.pieces.copy()
        return self

    def __exit__(self, exc_type, exc, traceback):
        if exc_type is not None:
            self.pieces = self._saved
        return False
