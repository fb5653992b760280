from datetime import UTC, datetime, timedelta

from tickets import hours_open, needs_escalation

NOW = datetime(2024, 6, 10, 15, 0, tzinfo=UTC)


def test_same_day():
    assert hours_open(NOW - timedelta(hours=5, minutes=59), NOW) == 5


def test_just_opened_and_future():
    assert hours_open(NOW, NOW) == 0
    assert hours_open(NOW + timedelta(hours=1), NOW) == 0


def test_two_days_and_five_hours():
    assert hours_open(NOW - timedelta(days=2, hours=5), NOW) == 53


def test_whole_days():
    assert hours_open(NOW - timedelta(days=1), NOW) == 24
    assert hours_open(NOW - timedelta(days=30), NOW) == 720


def test_escalation():
    assert not needs_escalation(NOW - timedelta(hours=47, minutes=59), NOW)
    assert needs_escalation(NOW - timedelta(hours=48), NOW)


def test_started_hours_do_not_count():
    assert hours_open(NOW - timedelta(days=1, minutes=59, seconds=59), NOW) == 24
