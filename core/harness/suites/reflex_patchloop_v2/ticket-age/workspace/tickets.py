"""Ages of support tickets."""

ESCALATE_AFTER_HOURS = 48


def hours_open(opened, now):
    """Full hours from ``opened`` to ``now``; 0 when ``opened`` lies in the future."""
    if opened > now:
        return 0
    return (now - opened).seconds // 3600


def needs_escalation(opened, now):
    """Whether the ticket has been open for 48 hours or more."""
    return hours_open(opened, now) >= ESCALATE_AFTER_HOURS
