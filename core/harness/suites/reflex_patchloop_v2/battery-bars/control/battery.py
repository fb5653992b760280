def bars(level):
    """How many of five bars to show for a level of 0 to 100 %: one for each 20 % begun."""
    return level // 20
