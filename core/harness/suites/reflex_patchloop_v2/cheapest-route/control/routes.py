"""Finds cheapest routes between towns."""

import heapq


def cheapest(roads, start, goal):
    """Cost and list of towns of a cheapest route, or None when there is no route.

    Args:
        roads: mapping of town to a mapping of neighbour to cost (at least 0).
        start: town where the route begins.
        goal: town where it ends.
    """
    waiting = [(0, start)]
    came_from = {start: None}
    done = set()
    while waiting:
        cost, town = heapq.heappop(waiting)
        if town == goal:
            return cost, _towns(came_from, goal)
        if town in done:
            continue
        done.add(town)
        for neighbour, price in roads.get(town, {}).items():
            if neighbour not in done:
                came_from[neighbour] = town
                heapq.heappush(waiting, (cost + price, neighbour))
    return None


def _towns(came_from, town):
    """The towns on the way to ``town``, first one first."""
    towns = []
    while town is not None:
        towns.append(town)
        town = came_from[town]
    return towns[::-1]
