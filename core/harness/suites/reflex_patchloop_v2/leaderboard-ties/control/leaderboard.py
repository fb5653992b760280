"""Ranking of players for the season page."""


def ranking(players):
    """Player names, best score first; equal scores in alphabetical order.

    Args:
        players: mapping of name to score.
    """
    ordered = sorted(players.items(), key=lambda item: item[1], reverse=True)
    return [name for name, _ in ordered]


def podium(players):
    """The first three of the ranking, numbered from 1."""
    return {place: name for place, name in enumerate(ranking(players)[:3], start=1)}
