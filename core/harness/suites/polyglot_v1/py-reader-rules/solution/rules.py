"""Who may read a document."""


def readers(rules: list[tuple[str, str]], people: set[str]) -> set[str]:
    """Apply rules in order: ``("+", name)`` lets in, ``("-", name)`` shuts out, ``*`` is everybody.

    Later rules win. Only people who are known are ever let in.
    """
    found: set[str] = set()
    for sign, name in rules:
        meant = set(people) if name == "*" else {name} & people
        if sign == "+":
            found |= meant
        else:
            found -= meant
    return found
