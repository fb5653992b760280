def neighbours(x, y, width, height):
    """The cells left, right, above and below that lie on the board, in this order."""
    around = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
    return [(a, b) for a, b in around if 0 < a < width and 0 <= b < height]
