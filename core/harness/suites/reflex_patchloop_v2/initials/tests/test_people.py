from people import initials


def test_two_parts():
    assert initials("Ada Lovelace") == "AL"


def test_single_letters():
    assert initials("J R R") == "JRR"


def test_small_letters():
    assert initials("ludwig van beethoven") == "LVB"


def test_nobody():
    assert initials("") == ""
