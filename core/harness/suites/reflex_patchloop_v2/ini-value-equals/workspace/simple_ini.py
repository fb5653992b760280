"""Settings files of the form ``key = value``."""


def parse(text):
    """All settings as a dict of strings; a later line wins over an earlier one.

    Raises:
        ValueError: a line has no equals sign.
    """
    settings = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if "=" not in line:
            raise ValueError(f"line {number}: no '=' in {line!r}")
        key, value = line.split("=")
        settings[key.strip()] = value.strip()
    return settings
