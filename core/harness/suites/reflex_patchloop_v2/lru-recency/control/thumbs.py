"""A cache for thumbnails with a fixed number of places."""

from collections import OrderedDict


class ThumbCache:
    """Keeps the ``places`` most recently used thumbnails.

    Reading and storing both count as use; asking with ``in`` does not.
    """

    def __init__(self, places):
        if places < 1:
            raise ValueError("a cache needs at least one place")
        self.places = places
        self._entries = OrderedDict()

    def __len__(self):
        return len(self._entries)

    def __contains__(self, key):
        return key in self._entries

    def get(self, key, default=None):
        """The thumbnail stored under ``key``, or ``default``."""
        if key in self._entries:
            self._entries.move_to_end(key)
        return self._entries.get(key, default)

    def put(self, key, thumb):
        """Store a thumbnail; the one unused for longest makes room when all places are taken."""
        if key not in self._entries and len(self._entries) == self.places:
            self._entries.popitem(last=False)
        self._entries[key] = thumb
