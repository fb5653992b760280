from leaderboard import podium, ranking


def test_best_score_first():
    assert ranking({"ada": 3, "bob": 9, "cyd": 5}) == ["bob", "cyd", "ada"]


def test_ties_are_alphabetical():
    assert ranking({"zoe": 7, "ada": 7, "mia": 7}) == ["ada", "mia", "zoe"]


def test_ties_below_the_leader():
    players = {"yan": 2, "top": 8, "abe": 2, "kim": 5}
    assert ranking(players) == ["top", "kim", "abe", "yan"]


def test_negative_scores():
    assert ranking({"low": -4, "mid": 0, "lag": -4}) == ["mid", "lag", "low"]


def test_podium_numbers_three_places():
    players = {"d": 1, "c": 1, "b": 1, "a": 1}
    assert podium(players) == {1: "a", 2: "b", 3: "c"}


def test_empty_season():
    assert ranking({}) == []
    assert podium({}) == {}
