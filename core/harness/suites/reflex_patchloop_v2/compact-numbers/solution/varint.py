"""Natural numbers in groups of seven bits."""


def write(number):
    """The bytes of a number of at least 0."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)


def read(data, at):
    """The number that begins at ``data[at]``, and where the next one begins.

    Raises:
        EOFError: the data ends before the number does.
    """
    number = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
    raise EOFError("the data ends within a number")
