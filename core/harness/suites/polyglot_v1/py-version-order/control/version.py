"""Versions of a program."""

from functools import total_ordering


@total_ordering
class Version:
    """Such as ``1.10`` or ``2.0-beta``: numbers, and perhaps what it is before its release."""

    def __init__(self, text: str) -> None:
        numbers, _, self.before = text.partition("-")
        self.numbers = tuple(int(each) for each in numbers.split("."))

    def _key(self) -> tuple[tuple[int, ...], bool, str]:
        numbers = self.numbers
        while numbers and not numbers[-1]:
            numbers = numbers[:-1]
        return numbers, bool(self.before), self.before

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __lt__(self, other: "Version") -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())
