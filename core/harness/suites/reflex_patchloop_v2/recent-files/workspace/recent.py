"""The "recent files" menu."""

LIMIT = 10


def recent_files(opened):
    """Paths for the menu, most recent first, each once.

    Args:
        opened: every path ever opened, oldest first, with repetitions.
    """
    newest_first = list(reversed(opened))
    return sorted(set(newest_first))[:LIMIT]
