from weekdays import DAYS, weekday


def test_first_day():
    assert weekday(1) == "Mon"


def test_last_day_of_the_week():
    assert weekday(7) == "Sun"


def test_the_second_week():
    assert weekday(8) == "Mon"
    assert weekday(12) == "Fri"


def test_all_days_occur():
    assert {weekday(number) for number in range(1, 8)} == set(DAYS)
