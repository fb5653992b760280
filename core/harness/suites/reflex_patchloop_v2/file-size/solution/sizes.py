def human(size):
    """A number of bytes in the largest unit of which it has at least one, rounded down."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} GiB"
