"""Busy and free time from a list of meetings; times are minutes since midnight."""


def merge(meetings):
    """Busy blocks as (start, end) tuples in order, none touching another.

    Args:
        meetings: (start, end) pairs with start < end, in any order.
    """
    blocks = []
    for start, end in sorted(meetings):
        if blocks and start < blocks[-1][1]:
            blocks[-1] = (blocks[-1][0], max(blocks[-1][1], end))
        else:
            blocks.append((start, end))
    return blocks


def free(meetings, opening, closing):
    """The gaps between the busy blocks from ``opening`` to ``closing``."""
    gaps = []
    at = opening
    for start, end in merge(meetings):
        if start > at:
            gaps.append((at, min(start, closing)))
        at = max(at, end)
        if at >= closing:
            return gaps
    gaps.append((at, closing))
    return gaps
