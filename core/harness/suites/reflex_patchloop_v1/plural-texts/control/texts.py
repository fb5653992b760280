"""Translated texts."""

from plurals import form


def fallbacks(locale, default="en"):
    """Locales in which a text is looked up, for example de-AT, de, en."""
    language = locale.split("-")[0]
    return list(dict.fromkeys([locale, language, default]))


def translate(catalogs, locale, key, **values):
    """The text for ``key``, with placeholders filled in.

    Args:
        catalogs: mapping of locale to a mapping of key to text, or to a dict of plural forms.
        locale: such as ``de-AT``.
        key: what to look up; returned when no catalog has it.
        values: for the placeholders; ``count`` also chooses the plural form.
    """
    for candidate in fallbacks(locale):
        text = catalogs.get(candidate, {}).get(key)
        if text is None:
            continue
        if isinstance(text, dict):
            text = text.get(form(locale, values["count"]), text.get("other"))
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text
    return key
