def merged(one, other):
    """The tags of two notes together, each once, in order of the alphabet."""
    return sorted(one + other)
