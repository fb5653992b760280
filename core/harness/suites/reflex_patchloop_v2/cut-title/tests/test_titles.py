from titles import shortened


def test_short_enough():
    assert shortened("News", 10) == "News"


def test_it_just_fits():
    assert shortened("Tenletters", 10) == "Tenletters"


def test_cut():
    assert shortened("A long headline", 10) == "A long he…"


def test_never_wider():
    assert len(shortened("x" * 50, 8)) == 8
