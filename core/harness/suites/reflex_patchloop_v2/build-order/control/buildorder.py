"""In which order the targets of a build are made."""


class CircleError(Exception):
    """Targets need each other; ``circle`` begins and ends with the same target."""

    def __init__(self, circle):
        super().__init__(" needs ".join(circle))
        self.circle = circle


def order(needs):
    """All targets, each after those it needs.

    Args:
        needs: mapping of target to the list of targets it needs, in the order wanted.

    Raises:
        CircleError: there is no such order.
    """
    done = []
    seen = []

    def visit(target):
        if target in seen:
            raise CircleError([*seen[seen.index(target) :], target])
        seen.append(target)
        for needed in needs.get(target, ()):
            if needed not in done:
                visit(needed)
        done.append(target)

    for target in needs:
        if target not in done:
            visit(target)
    return done
