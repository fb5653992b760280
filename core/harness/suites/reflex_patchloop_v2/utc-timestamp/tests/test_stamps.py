from datetime import UTC, datetime, timedelta, timezone

from stamps import line, stamp

EAST = timezone(timedelta(hours=2))
WEST = timezone(timedelta(hours=-5, minutes=-30))


def test_utc_stays():
    assert stamp(datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)) == "2024-05-01T12:00:00Z"


def test_east_of_greenwich():
    assert stamp(datetime(2024, 5, 1, 14, 0, 0, tzinfo=EAST)) == "2024-05-01T12:00:00Z"


def test_west_of_greenwich_reaches_the_next_day():
    assert stamp(datetime(2024, 2, 28, 20, 15, 9, tzinfo=WEST)) == "2024-02-29T01:45:09Z"


def test_no_zone_is_refused():
    try:
        stamp(datetime(2024, 5, 1))
    except ValueError:
        return
    raise AssertionError("a naive time was accepted")


def test_line():
    moment = datetime(2024, 1, 1, 1, 0, tzinfo=EAST)
    assert line(moment, "started") == "2023-12-31T23:00:00Z started"
