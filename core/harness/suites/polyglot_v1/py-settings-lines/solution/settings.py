"""Settings read from lines of text."""


def read(lines: list[str]) -> dict[str, str]:
    """``name = value`` a line; ``#`` begins a comment, a backslash at the end goes on."""
    found: dict[str, str] = {}
    whole = ""
    for line in lines:
        whole += line.partition("#")[0].strip()
        if whole.endswith("\\"):
            whole = whole[:-1].rstrip() + " "
            continue
        name, equals, value = whole.partition("=")
        if equals:
            found[name.strip()] = value.strip()
        whole = ""
    return found
