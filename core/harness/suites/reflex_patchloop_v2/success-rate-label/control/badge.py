"""Text of the status badge."""


def rate_text(passed, total):
    """Share of checks passed, as a percentage with one decimal; ``n/a`` without checks."""
    if total == 0:
        return "n/a"
    return f"{passed * 100 // total:.1f}%"


def badge(passed, total):
    """What the badge says."""
    return f"{rate_text(passed, total)} passed"
