"""Runs an action again when it fails for a passing reason."""


def delays(first, attempts, cap):
    """Seconds to wait after each failed attempt but the last: doubling, never over ``cap``."""
    return [min(cap, first * 2**number) for number in range(attempts - 1)]


def retry(action, attempts=3, on=(OSError,), first_delay=0.5, cap=8.0, pause=lambda seconds: None):
    """The result of ``action()``, tried up to ``attempts`` times.

    Args:
        action: called without arguments.
        attempts: how often it is called at most; at least 1.
        on: exception classes after which it is tried again.
        first_delay: seconds before the second attempt.
        cap: longest pause in seconds.
        pause: called with the seconds to wait between two attempts.

    Raises:
        Exception: what the last attempt raised.
    """
    if attempts < 1:
        raise ValueError("attempts must be at least 1")
    waits = delays(first_delay, attempts, cap)
    tried = 0
    while tried < attempts:
        try:
            return action()
        except on as error:
            tried += 1
            last = error
            if tried < len(waits):
                pause(waits[tried])
    raise last
