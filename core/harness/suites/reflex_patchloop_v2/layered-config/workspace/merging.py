"""Merges nested settings."""


def merge(base, over):
    """The settings of ``base`` with those of ``over`` on top."""
    for key, value in over.items():
        if isinstance(value, list) and key in base:
            base[key] = base[key] + value
        elif isinstance(value, dict) and key in base:
            base[key].update(value)
        else:
            base[key] = value
    return base
