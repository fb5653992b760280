from tags import merged


def test_the_same_tags():
    assert merged(["b", "a"], ["a", "b"]) == ["a", "b"]


def test_different_tags():
    assert merged(["work"], ["home"]) == ["home", "work"]


def test_some_shared():
    assert merged(["x", "y"], ["y", "z"]) == ["x", "y", "z"]


def test_none():
    assert merged([], []) == []
