"""Positions in a text, as lines and columns from 0."""


def line_starts(text):
    """The offset at which each line begins."""
    starts = [0]
    for at, character in enumerate(text):
        if character == "\n":
            starts.append(at + 1)
    return starts


def offset(text, line, column):
    """Offset of a position; a column past the end of its line means the line's end.

    Raises:
        ValueError: there is no such line.
    """
    starts = line_starts(text)
    if not 0 <= line < len(starts):
        raise ValueError(f"no line {line}")
    end = text.find("\n", starts[line])
    return min(starts[line] + column, len(text) if end < 0 else end)
