"""Natural numbers in groups of seven bits."""


def write(number):
    """The bytes of a number of at least 0."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F)
        number >>= 7
    data.append(number)
    return bytes(data)


def read(data, at):
    """The number that begins at ``data[at]``, and where the next one begins.

    Raises:
        EOFError: the data ends before the number does.
    """
    number = 0
    while True:
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at
