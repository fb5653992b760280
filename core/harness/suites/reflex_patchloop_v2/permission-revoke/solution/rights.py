"""Access rights as bits of one number."""

READ, WRITE, SHARE, ADMIN = 1, 2, 4, 8
NAMES = {READ: "read", WRITE: "write", SHARE: "share", ADMIN: "admin"}


def grant(rights, more):
    """``rights`` with every bit of ``more`` set."""
    return rights | more


def revoke(rights, less):
    """``rights`` without the bits of ``less``."""
    return rights & ~less


def names(rights):
    """The names of the rights held, weakest first."""
    return [name for bit, name in NAMES.items() if rights & bit]
