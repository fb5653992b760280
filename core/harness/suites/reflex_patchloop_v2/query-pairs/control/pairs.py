def read(text):
    """The settings in a text such as ``a=1;b=2``, by name; a value may hold equals signs."""
    return dict(pair.split("=") for pair in text.split(";") if pair)
