"""Which plural form a number takes."""


def _english(count):
    return "one" if count == 1 else "other"


def _polish(count):
    if count == 1:
        return "one"
    if 2 <= count <= 4:
        return "few"
    return "other"


RULES = {"en": _english, "de": _english, "pl": _polish}


def form(locale, count):
    """The name of the plural form, such as ``few``; an unknown language counts as English."""
    return RULES.get(locale, _english)(count)
