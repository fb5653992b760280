"""Lists of whole numbers, as stored in the log file."""

import varint


def fold(number):
    """0, -1, 1, -2, 2 and so on as 0, 1, 2, 3, 4."""
    return number * 2 if number >= 0 else -number * 2 - 1


def unfold(folded):
    """The reverse of ``fold``."""
    return -(folded // 2) - 1 if folded % 2 else folded // 2


def dump(numbers):
    """All numbers as bytes."""
    return b"".join(varint.write(fold(number)) for number in numbers)


def load(data):
    """The numbers that were dumped, as a list.

    Raises:
        EOFError: the data ends within a number.
    """
    numbers = []
    at = 0
    while at < len(data):
        folded, at = varint.read(data, at)
        numbers.append(unfold(folded))
    return numbers
