def alarms(values, limit):
    """The positions at which a value and the one before it are both over ``limit``."""
    return [at for at in range(1, len(values)) if values[at] > limit and values[at - 1] > limit]
