"""Who may read a document."""


def readers(rules: list[tuple[str, str]], people: set[str]) -> set[str]:
    """Apply rules in order: ``("+", name)`` lets in, ``("-", name)`` shuts out, ``*`` is everybody.

    Later rules win. Only people who are known are ever let in.
    """
    found: set[str] = set()
    for sign, name in rules:
        if sign == "+":
            found.add(name) if name != "*" else found.update(people)
    for sign, name in rules:
        if sign == "-":
            people.discard(name)
    return found & people
