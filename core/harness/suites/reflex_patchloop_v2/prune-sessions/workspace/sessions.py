"""Keeps the list of open sessions short."""


def is_expired(session, now):
    """Whether the session's end has been reached; times are seconds."""
    return session["expires"] <= now


def prune(sessions, now):
    """Remove expired sessions from ``sessions`` in place; return how many were removed."""
    removed = 0
    for session in sessions:
        if is_expired(session, now):
            sessions.remove(session)
            removed += 1
    return removed
