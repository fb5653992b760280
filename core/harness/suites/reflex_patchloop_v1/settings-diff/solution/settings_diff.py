"""Compares two versions of a flat settings mapping."""


def diff(old, new):
    """What changed, as a dict of three lists.

    ``added`` and ``removed`` hold (name, value); ``changed`` holds (name, old value, new value).
    """
    added, removed, changed = [], [], []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            added.append((name, new[name]))
        elif name not in new:
            removed.append((name, old[name]))
        elif old[name] != new[name]:
            changed.append((name, old[name], new[name]))
    return {"added": added, "removed": removed, "changed": changed}


def summary(old, new):
    """One line, for example ``+1 -0 ~2``."""
    parts = diff(old, new)
    return f"+{len(parts['added'])} -{len(parts['removed'])} ~{len(parts['changed'])}"
