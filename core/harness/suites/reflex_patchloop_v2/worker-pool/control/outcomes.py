"""What became of jobs."""


class Outcomes:
    """Collects one outcome a job."""

    def __init__(self):
        self._by_number = {}

    def ok(self, number, result):
        """Job ``number`` has ended well."""
        self._by_number[number] = ("ok", result)

    def error(self, number, error):
        """Job ``number`` has raised an Exception."""
        self._by_number[number] = ("error", error)

    def all(self):
        """All outcomes by the number of their jobs."""
        return [self._by_number[number] for number in sorted(self._by_number)]
