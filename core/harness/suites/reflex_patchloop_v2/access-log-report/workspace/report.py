"""The daily traffic report."""

from collections import Counter

import accesslog


def report(lines, top=3):
    """Figures of one day: requests, errors, bytes sent, and the ``top`` busiest paths."""
    entries = accesslog.read(lines)
    paths = Counter(path for _, path, _ in entries)
    busiest = sorted(paths, key=paths.get, reverse=True)
    return {
        "requests": len(entries),
        "errors": sum(1 for status, _, _ in entries if status >= "400"),
        "bytes": sum(int(size) for _, _, size in entries if size != "-"),
        "busiest": busiest[:top],
    }
