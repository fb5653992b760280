"""A board of fields."""


class Board:
    """Fields in rows; None means empty."""

    def __init__(self, rows, columns):
        self.fields = [[None] * columns for _ in range(rows)]

    def copy(self):
        """A board of its own with the same stones."""
        twin = Board(0, 0)
        twin.fields = [list(row) for row in self.fields]
        return twin

    def put(self, row, column, stone):
        """Lay a stone.

        Raises:
            ValueError: there is no such field, or it is taken.
        """
        if not (0 <= row < len(self.fields) and 0 <= column < len(self.fields[0])):
            raise ValueError(f"no field {row}, {column}")
        if self.fields[row][column] is not None:
            raise ValueError(f"field {row}, {column} is taken")
        self.fields[row][column] = stone

    def text(self):
        """The rows as lines, with dots for empty fields."""
        return "\n".join("".join(stone or "." for stone in row) for row in self.fields)
