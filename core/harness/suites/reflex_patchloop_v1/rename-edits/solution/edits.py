"""Applies edits as a language server sends them."""

from positions import offset


def apply(text, edits):
    """The text after all edits.

    Args:
        text: the original text.
        edits: (start line, start column, end line, end column, new text) tuples; equal start and
            end mean an insertion.

    Raises:
        ValueError: edits overlap, end before they start, or lie outside of the text.
    """
    ranges = []
    for start_line, start_column, end_line, end_column, new in edits:
        start = offset(text, start_line, start_column)
        end = offset(text, end_line, end_column)
        if end < start:
            raise ValueError("an edit ends before it starts")
        ranges.append((start, end, new))
    # sorted() is stable: insertions at one place stay in the order given.
    ranges = sorted(ranges, key=lambda edit: (edit[0], edit[1] > edit[0]))
    pieces = []
    done = 0
    for start, end, new in ranges:
        if start < done:
            raise ValueError("edits overlap")
        pieces += [text[done:start], new]
        done = end
    return "".join([*pieces, text[done:]])
