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
    done = {}
    for first in needs:
        if first in done:
            continue
        path = {first: iter(needs[first])}
        while path:
            target, waiting = next(reversed(path.items()))
            for needed in waiting:
                if needed in path:
                    trail = list(path)
                    raise CircleError([*trail[trail.index(needed) :], needed])
                if needed not in done:
                    path[needed] = iter(needs.get(needed, ()))
                    break
            else:
                del path[target]
                done[target] = True
    return list(done)
