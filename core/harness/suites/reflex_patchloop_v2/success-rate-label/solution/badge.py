"""Text of the status badge."""


def rate_text(passed, total):
    """Share of checks passed, as a percentage with one decimal; ``n/a`` without checks."""
    if total == 0:
        return "n/a"
    return f"{passed / total:.1%}"


def badge(passed, total):
    """What the badge says."""
    return f"{rate_text(passed, total)} passed"
