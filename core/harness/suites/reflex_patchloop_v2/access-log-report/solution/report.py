"""The daily traffic report."""

from collections import Counter

import accesslog


def report(lines, top=3):
    """Figures of one day: requests, errors, bytes sent, and the ``top`` busiest paths."""
    entries = list(accesslog.read(lines))
    paths = Counter(entry.path for entry in entries)
    busiest = sorted(paths, key=lambda path: (-paths[path], path))
    return {
        "requests": len(entries),
        "errors": sum(1 for entry in entries if entry.status >= 400),
        "bytes": sum(entry.size or 0 for entry in entries),
        "busiest": busiest[:top],
    }
