"""Search results that arrive page by page."""

import itertools


class Results:
    """All entries of a search.

    Args:
        fetch: called with a page number from 0 on; returns that page's entries as a list, which
            is empty past the last page.
    """

    def __init__(self, fetch):
        self._fetch = fetch
        self._pages = []

    def _load(self, number):
        """The page ``number``, fetched at most once."""
        while len(self._pages) <= number:
            self._pages.append(self._fetch(len(self._pages)))
        return self._pages[number]

    def __iter__(self):
        number = 0
        while page := self._load(number):
            yield from page
            number += 1

    def first(self, count):
        """The first ``count`` entries, fetching no more pages than needed."""
        return list(itertools.islice(self, count))
