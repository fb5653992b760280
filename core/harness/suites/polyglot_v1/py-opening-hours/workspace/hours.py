"""Opening hours of a shop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hours:
    """Opens and closes at minutes of the day; closing before opening is after midnight."""

    opens: int
    closes: int

    def is_open(self, minute: int) -> bool:
        """Whether it is open at a minute of the day; at closing time it is closed."""
        return self.opens <= minute < self.closes
