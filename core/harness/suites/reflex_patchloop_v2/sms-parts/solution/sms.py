"""Splits text messages for the gateway."""

LONGEST_CHARACTER = 4


def parts(message, limit):
    """The message in parts of at most ``limit`` bytes of UTF-8, as strings.

    Raises:
        ValueError: ``limit`` is less than 4.
    """
    if limit < LONGEST_CHARACTER:
        raise ValueError("limit must be at least 4 bytes")
    pieces, start, used = [], 0, 0
    for at, character in enumerate(message):
        width = size(character)
        if used + width > limit:
            pieces.append(message[start:at])
            start, used = at, 0
        used += width
    if start < len(message):
        pieces.append(message[start:])
    return pieces


def size(message):
    """Length of the message in bytes, as the gateway counts it."""
    return len(message.encode())


def cost(message, limit, cents_a_part):
    """What sending the message costs, in cents."""
    return len(parts(message, limit)) * cents_a_part
