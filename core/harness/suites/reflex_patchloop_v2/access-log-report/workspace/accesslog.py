"""Reads the access log of the web server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Access:
    """One request; ``size`` is in bytes, None when the server did not note it."""

    path: str
    status: int
    size: int | None


def read(lines):
    """Yield an Access for each line of the form ``PATH STATUS SIZE``; others are skipped."""
    for line in lines:
        parts = line.split()
        if len(parts) != 3 or not parts[1].isdigit():
            continue
        path, status, size = parts
        yield Access(path, int(status), int(size) if size.isdigit() else None)
