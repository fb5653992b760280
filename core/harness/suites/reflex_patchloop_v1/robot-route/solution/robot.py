"""Finds the way of the cleaning robot."""

from collections import deque

MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))


def steps(plan, start, goal):
    """Least number of moves between two free fields, or None if there is no way.

    Args:
        plan: rows of equal length; ``#`` is a wall, everything else is free.
        start: (row, column), from 0.
        goal: (row, column), from 0.
    """
    rows, columns = len(plan), len(plan[0])
    waiting = deque([(start, 0)])
    seen = {start}
    while waiting:
        (row, column), count = waiting.popleft()
        if (row, column) == goal:
            return count
        for down, right in MOVES:
            field = (row + down, column + right)
            if not (0 <= field[0] < rows and 0 <= field[1] < columns):
                continue
            if plan[field[0]][field[1]] == "#" or field in seen:
                continue
            seen.add(field)
            waiting.append((field, count + 1))
    return None
