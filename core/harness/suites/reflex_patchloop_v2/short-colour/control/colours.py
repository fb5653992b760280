"""Colours as written in style sheets."""


def parse_colour(text):
    """Red, green and blue (0 to 255) of ``#rrggbb`` or ``#rgb``; the ``#`` may be missing.

    Raises:
        ValueError: it has another number of digits, or something that is no hex digit.
    """
    digits = text.strip().removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit + "0" for digit in digits)
    if len(digits) != 6:
        raise ValueError(f"not a colour: {text!r}")
    return tuple(int(digits[at : at + 2], 16) for at in (0, 2, 4))


def is_dark(text):
    """Whether white text is easier to read on this colour than black."""
    red, green, blue = parse_colour(text)
    return red * 299 + green * 587 + blue * 114 < 128_000
