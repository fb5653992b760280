def shortened(title, width):
    """The title when it fits into ``width`` characters, else cut so that it fits with "…"."""
    return title if len(title) <= width else title[: width + 1] + "…"
