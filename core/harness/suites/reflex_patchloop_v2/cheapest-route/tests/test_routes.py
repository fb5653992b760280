from routes import cheapest


def test_single_road():
    assert cheapest({"A": {"B": 4}, "B": {}}, "A", "B") == (4, ["A", "B"])


def test_start_is_goal():
    assert cheapest({"A": {"B": 4}, "B": {}}, "A", "A") == (0, ["A"])


def test_detour_is_cheaper():
    roads = {"A": {"C": 10, "B": 1}, "B": {"C": 2}, "C": {}}
    assert cheapest(roads, "A", "C") == (3, ["A", "B", "C"])


def test_several_improvements():
    roads = {
        "A": {"E": 50, "B": 10, "C": 3},
        "B": {"E": 1},
        "C": {"B": 4, "D": 2},
        "D": {"B": 1, "E": 30},
        "E": {},
    }
    assert cheapest(roads, "A", "E") == (7, ["A", "C", "D", "B", "E"])


def test_town_without_roads():
    assert cheapest({"A": {"B": 1, "C": 5}}, "A", "C") == (5, ["A", "C"])
    assert cheapest({"A": {"B": 1}}, "B", "A") is None
    assert cheapest({}, "A", "B") is None


def test_roads_are_one_way():
    assert cheapest({"A": {"B": 1}, "B": {}}, "B", "A") is None


def test_free_roads_and_circles():
    roads = {"A": {"B": 0}, "B": {"A": 0, "C": 0}, "C": {"A": 0, "D": 5}, "D": {}}
    assert cheapest(roads, "A", "D") == (5, ["A", "B", "C", "D"])


def test_towns_with_falsy_names():
    assert cheapest({0: {1: 2}, 1: {2: 2}}, 0, 2) == (4, [0, 1, 2])


def test_large_grid():
    size = 20
    roads = {}
    for row in range(size):
        for column in range(size):
            near = {}
            if row + 1 < size:
                near[row + 1, column] = 1 + (row * 7 + column * 3) % 5
            if column + 1 < size:
                near[row, column + 1] = 1 + (row * 2 + column * 5) % 4
            roads[row, column] = near
    best = {(0, 0): 0}
    for town, near in roads.items():
        for neighbour, price in near.items():
            best[neighbour] = min(best.get(neighbour, 10**6), best[town] + price)
    cost, towns = cheapest(roads, (0, 0), (size - 1, size - 1))
    assert cost == best[size - 1, size - 1]
    assert sum(roads[one][two] for one, two in zip(towns, towns[1:], strict=False)) == cost
