from hours import Hours


def test_by_day():
    shop = Hours(9 * 60, 17 * 60)
    assert [shop.is_open(each * 60) for each in (8, 9, 16, 17)] == [False, True, True, False]


def test_over_midnight():
    bar = Hours(18 * 60, 2 * 60)
    assert [bar.is_open(each * 60) for each in (17, 18, 23)] == [False, True, True]
    assert [bar.is_open(each * 60) for each in (0, 1, 2, 12)] == [True, True, False, False]
