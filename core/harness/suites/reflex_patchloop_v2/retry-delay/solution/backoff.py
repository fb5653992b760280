def delay(attempt):
    """Seconds to wait before a retry, counted from 1: 1, 2, 4, 8 and so on, 60 at most."""
    return min(60, 2 ** (attempt - 1))
