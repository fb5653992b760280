"""A game for two on a board, with its history."""

from board import Board

STONES = "XO"


class Game:
    """Two players lay stones in turn; X begins."""

    def __init__(self, rows=3, columns=3):
        self.board = Board(rows, columns)
        self._history = [self.board]

    @property
    def moves(self):
        """How many moves were made."""
        return len(self._history) - 1

    @property
    def turn(self):
        """Whose turn it is, X or O."""
        return STONES[self.moves % 2]

    def play(self, row, column):
        """Lay a stone of the player whose turn it is.

        Raises:
            ValueError: the move is not possible.
        """
        self._history.append(self.board.copy())
        self.board.put(row, column, self.turn)

    def at(self, moves):
        """The board after the first ``moves`` moves.

        Raises:
            IndexError: there were fewer moves.
        """
        if not 0 <= moves <= self.moves:
            raise IndexError(f"no position after {moves} moves")
        return self._history[moves]

    def back(self, moves):
        """Return to the position after the first ``moves`` moves."""
        self.board = self.at(moves)
        del self._history[moves:]
