def seat(number, per_row):
    """Row and place of a seat in a hall with ``per_row`` seats a row; all count from 1."""
    return (number - 1) // per_row + 1, (number - 1) % per_row + 1
