"""Lays out comments in generated code."""


def wrap_comment(text, width, marker="# "):
    """Lines of at most ``width`` characters that each begin with ``marker``.

    Words are never broken: one that is too long stands alone on a line that is too long.
    """
    room = width - len(marker)
    lines = []
    line = ""
    for word in text.split():
        if not line:
            line = word
        elif len(line) + 1 + len(word) <= room:
            line = f"{line} {word}"
        else:
            lines.append(marker + line)
            line = word
    if line:
        lines.append(marker + line)
    return lines


def comment_block(paragraphs, width):
    """Several paragraphs with a bare marker line between them."""
    blocks = [wrap_comment(paragraph, width) for paragraph in paragraphs]
    lines = []
    for block in filter(None, blocks):
        if lines:
            lines.append("#")
        lines.extend(block)
    return lines
