from board import Board
from game import Game


def played(*moves, **size):
    game = Game(**size)
    for row, column in moves:
        game.play(row, column)
    return game


def is_refused(game, row, column):
    try:
        game.play(row, column)
    except ValueError:
        return True
    return False


def test_new_game():
    game = Game(2, 3)
    assert game.board.text() == "...\n..."
    assert (game.moves, game.turn) == (0, "X")


def test_rows_are_separate():
    board = Board(2, 2)
    board.put(0, 1, "X")
    assert board.text() == ".X\n.."


def test_copy_is_separate():
    board = Board(2, 2)
    twin = board.copy()
    twin.put(1, 1, "O")
    assert board.text() == "..\n.."
    assert twin.text() == "..\n.O"


def test_players_take_turns():
    game = played((0, 0), (1, 1), (0, 2))
    assert game.board.text() == "X.X\n.O.\n..."
    assert (game.moves, game.turn) == (3, "O")


def test_earlier_positions():
    game = played((0, 0), (1, 1), (0, 2))
    assert game.at(0).text() == "...\n...\n..."
    assert game.at(1).text() == "X..\n...\n..."
    assert game.at(2).text() == "X..\n.O.\n..."
    assert game.at(3).text() == game.board.text()


def test_going_back_and_on():
    game = played((0, 0), (1, 1), (0, 2))
    game.back(1)
    assert (game.moves, game.turn) == (1, "O")
    assert game.board.text() == "X..\n...\n..."
    game.play(2, 2)
    assert game.at(2).text() == "X..\n...\n..O"
    assert game.at(1).text() == "X..\n...\n..."
    game.back(0)
    assert (game.board.text(), game.turn) == ("...\n...\n...", "X")
    game.play(1, 0)
    assert game.at(0).text() == "...\n...\n..."


def test_changing_a_returned_board():
    game = played((0, 0))
    for moves in (0, 1):
        game.at(moves).put(2, 2, "O")
    assert game.board.text() == "X..\n...\n..."
    assert game.at(1).text() == "X..\n...\n..."
    assert game.at(0).text() == "...\n...\n..."


def test_refused_move_changes_nothing():
    game = played((0, 0))
    assert is_refused(game, 0, 0)
    assert is_refused(game, 3, 0)
    assert is_refused(game, 0, -1)
    assert (game.moves, game.turn) == (1, "O")
    assert game.board.text() == "X..\n...\n..."


def test_position_that_never_was():
    game = played((0, 0))
    for moves in (-1, 2):
        try:
            game.at(moves)
        except IndexError:
            continue
        raise AssertionError(f"a position after {moves} moves")
