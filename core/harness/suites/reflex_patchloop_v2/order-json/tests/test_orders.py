from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from orders import dump_order, load_order


def round_trip(value):
    return load_order(dump_order({"value": value}))["value"]


def test_plain_values():
    for value in ("tea", 3, 2.5, True, None, [1, "x"], {"a": {"b": []}}):
        assert round_trip(value) == value


def test_date_stays_a_date():
    value = round_trip(date(2024, 2, 29))
    assert value == date(2024, 2, 29)
    assert not isinstance(value, datetime)


def test_time_keeps_clock_and_zone():
    zone = timezone(timedelta(hours=5, minutes=30))
    for moment in (
        datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=UTC),
        datetime(2024, 1, 1, 8, 0, tzinfo=zone),
    ):
        value = round_trip(moment)
        assert isinstance(value, datetime)
        assert value == moment
        assert value.utcoffset() == moment.utcoffset()


def test_decimal_keeps_every_digit():
    for text in ("19.90", "0.1", "12345678901234567890.123456789", "-0.05"):
        value = round_trip(Decimal(text))
        assert isinstance(value, Decimal)
        assert str(value) == text


def test_lookalikes_stay_strings():
    for text in ("2024-02-29", "2024-02-29T10:00:00+00:00", "19.90"):
        assert round_trip(text) == text


def test_floats_stay_floats():
    assert isinstance(round_trip(1.5), float)


def test_unknown_types_are_refused():
    try:
        dump_order({"value": object()})
    except TypeError:
        return
    raise AssertionError("stored an object()")


def test_nested_order():
    order = {
        "id": 7,
        "placed": datetime(2024, 5, 1, 9, 30, tzinfo=UTC),
        "lines": [{"article": "tea", "price": Decimal("3.50"), "due": date(2024, 5, 3)}],
    }
    assert load_order(dump_order(order)) == order
