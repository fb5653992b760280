"""Names of git references."""

PREFIX = "refs/heads/"


def branch_name(ref):
    """The branch that a full reference stands for, or None for tags and the like."""
    if not ref.startswith(PREFIX):
        return None
    return ref.removeprefix(PREFIX)


def branches(refs):
    """Names of all branches among ``refs``, sorted."""
    return sorted(name for name in map(branch_name, refs) if name)
