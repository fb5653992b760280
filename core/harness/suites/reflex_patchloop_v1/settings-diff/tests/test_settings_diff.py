from settings_diff import diff, summary


def test_no_difference():
    assert summary({"a": 1, "b": None}, {"a": 1, "b": None}) == "+0 -0 ~0"


def test_added_and_removed():
    parts = diff({"a": 1, "b": 2}, {"b": 2, "c": 3})
    assert parts == {"added": [("c", 3)], "removed": [("a", 1)], "changed": []}


def test_changed():
    assert diff({"a": 1}, {"a": 2})["changed"] == [("a", 1, 2)]


def test_added_as_none():
    parts = diff({}, {"proxy": None})
    assert parts == {"added": [("proxy", None)], "removed": [], "changed": []}


def test_removed_while_none():
    parts = diff({"proxy": None}, {})
    assert parts == {"added": [], "removed": [("proxy", None)], "changed": []}


def test_from_and_to_none():
    parts = diff({"a": None, "b": 5}, {"a": 5, "b": None})
    assert parts == {"added": [], "removed": [], "changed": [("a", None, 5), ("b", 5, None)]}


def test_falsy_values_and_order():
    parts = diff({"z": 0, "y": ""}, {"z": "", "y": "", "b": 0, "a": False})
    assert parts["added"] == [("a", False), ("b", 0)]
    assert parts["changed"] == [("z", 0, "")]
