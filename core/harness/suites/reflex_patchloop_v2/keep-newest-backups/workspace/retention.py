"""Which backups the nightly job may delete."""


def to_delete(names, keep):
    """Names to delete, oldest first, so that the ``keep`` newest remain.

    Names begin with an ISO date, so their alphabetical order is their age.

    Raises:
        ValueError: ``keep`` is negative.
    """
    if keep < 0:
        raise ValueError("keep must not be negative")
    ordered = sorted(names)
    return ordered[:-keep]
