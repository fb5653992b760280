"""Page arithmetic for result listings."""


def page_count(total, size):
    """How many pages of ``size`` entries show ``total`` entries; never less than one."""
    if size < 1:
        raise ValueError("page size must be positive")
    return max(1, -(-total // size))


def page_bounds(page, total, size):
    """First and last entry number (from 1) on ``page``; ``(0, 0)`` for an empty listing."""
    if not 1 <= page <= page_count(total, size):
        raise IndexError(f"no page {page}")
    if total == 0:
        return 0, 0
    first = (page - 1) * size + 1
    return first, min(first + size - 1, total)
