from terms import school_year


def test_autumn():
    assert school_year(2026, 9) == school_year(2026, 12) == 2026


def test_spring():
    assert school_year(2027, 1) == school_year(2027, 7) == 2026


def test_august():
    assert school_year(2026, 8) == 2026
