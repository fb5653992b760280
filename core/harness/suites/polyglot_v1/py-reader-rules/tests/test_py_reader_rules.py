from rules import readers

PEOPLE = {"ann", "bob", "eve"}


def test_later_rules_win():
    assert readers([("+", "*"), ("-", "eve")], set(PEOPLE)) == {"ann", "bob"}
    assert readers([("-", "eve"), ("+", "*")], set(PEOPLE)) == PEOPLE
    assert readers([("+", "*"), ("-", "*"), ("+", "bob")], set(PEOPLE)) == {"bob"}


def test_strangers_stay_out():
    assert readers([("+", "zoe"), ("+", "ann")], set(PEOPLE)) == {"ann"}


def test_people_stay_as_they_are():
    people = set(PEOPLE)
    found = readers([("+", "*"), ("-", "eve")], people)
    found.discard("ann")
    assert people == PEOPLE
