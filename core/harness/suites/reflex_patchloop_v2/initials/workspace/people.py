def initials(name):
    """The first letters of all parts of a name, as capitals."""
    return "".join(part[1].upper() for part in name.split())
