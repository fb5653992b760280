from player import clock, progress


def test_under_a_minute():
    assert clock(7) == "0:07"


def test_under_an_hour_minutes_are_not_padded():
    assert clock(309) == "5:09"
    assert clock(59 * 60 + 59) == "59:59"


def test_past_an_hour_minutes_are_padded():
    assert clock(3909) == "1:05:09"


def test_whole_hours():
    assert clock(3600) == "1:00:00"
    assert clock(36000) == "10:00:00"


def test_negative_times():
    assert clock(-3661.9) == "-1:01:01"


def test_progress_line():
    assert progress(65, 3725) == "1:05 / 1:02:05"
