"""Search results that arrive page by page."""


class Results:
    """All entries of a search.

    Args:
        fetch: called with a page number from 0 on; returns that page's entries as a list, which
            is empty past the last page.
    """

    def __init__(self, fetch):
        self._fetch = fetch
        self._pages = []
        self._page = 0
        self._index = 0

    def _load(self, number):
        """The page ``number``, fetched at most once."""
        while len(self._pages) <= number:
            self._pages.append(self._fetch(len(self._pages)))
        return self._pages[number]

    def __iter__(self):
        self._page = 0
        self._index = 0
        return self

    def __next__(self):
        page = self._load(self._page)
        if not page:
            raise StopIteration
        entry = page[self._index]
        self._index += 1
        if self._index == len(page):
            self._page += 1
            self._index = 0
        return entry

    def first(self, count):
        """The first ``count`` entries, fetching no more pages than needed."""
        found = []
        if count == 0:
            return found
        for entry in self:
            found.append(entry)
            if len(found) == count:
                break
        return found
