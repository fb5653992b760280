"""Time stamps for the audit log."""

from datetime import UTC


def stamp(moment):
    """``YYYY-MM-DDTHH:MM:SSZ``, in UTC.

    Raises:
        ValueError: ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without zone cannot be logged")
    in_utc = moment.replace(tzinfo=UTC)
    return in_utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def line(moment, text):
    """One line of the log."""
    return f"{stamp(moment)} {text}"
