"""Names of spreadsheet columns: A to Z, then AA, AB and so on."""

from string import ascii_uppercase


def column_name(number):
    """The letters of column ``number``, counted from 1.

    Raises:
        ValueError: ``number`` is less than 1.
    """
    if number < 1:
        raise ValueError("columns are counted from 1")
    name = ""
    while number > 26:
        number, rest = divmod(number, 26)
        name = ascii_uppercase[rest - 1] + name
    return ascii_uppercase[number - 1] + name


def column_number(name):
    """The number of the column called ``name``; small letters are taken as well."""
    number = 0
    for letter in name.upper():
        number = number * 26 + ascii_uppercase.index(letter) + 1
    return number


def cell(row, column):
    """For example ``C7`` for row 7 in column 3."""
    return f"{column_name(column)}{row}"
