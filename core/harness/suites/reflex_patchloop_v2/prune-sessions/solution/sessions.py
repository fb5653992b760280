"""Keeps the list of open sessions short."""


def is_expired(session, now):
    """Whether the session's end has been reached; times are seconds."""
    return session["expires"] <= now


def prune(sessions, now):
    """Remove expired sessions from ``sessions`` in place; return how many were removed."""
    before = len(sessions)
    sessions[:] = [session for session in sessions if not is_expired(session, now)]
    return before - len(sessions)
