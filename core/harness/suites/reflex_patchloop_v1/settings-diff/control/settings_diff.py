"""Compares two versions of a flat settings mapping."""


def diff(old, new):
    """What changed, as a dict of three lists.

    ``added`` and ``removed`` hold (name, value); ``changed`` holds (name, old value, new value).
    """
    added, removed, changed = [], [], []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None and name not in old:
            added.append((name, after))
        elif after is None:
            removed.append((name, before))
        elif before != after:
            changed.append((name, before, after))
    return {"added": added, "removed": removed, "changed": changed}


def summary(old, new):
    """One line, for example ``+1 -0 ~2``."""
    parts = diff(old, new)
    return f"+{len(parts['added'])} -{len(parts['removed'])} ~{len(parts['changed'])}"
