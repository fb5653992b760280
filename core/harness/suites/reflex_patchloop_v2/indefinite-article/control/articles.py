def with_article(noun):
    """The noun after "an" when it begins with a vowel, else after "a"."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
