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
    for start_line, start_column, end_line, end_column, new in edits:
        start = offset(text, start_line, start_column)
        end = offset(text, end_line, end_column)
        text = text[:start] + new + text[end:]
    return text
