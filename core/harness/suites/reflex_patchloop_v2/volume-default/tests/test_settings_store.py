from settings_store import load, volume


def test_stored_volume():
    assert volume({"volume": 30}) == 30


def test_zero_is_a_stored_volume():
    assert volume({"volume": 0}) == 0
    assert volume(load('{"volume": 0}')) == 0


def test_missing_volume():
    assert volume({}) == 50
    assert volume(load("")) == 50


def test_null_volume():
    assert volume(load('{"volume": null}')) == 50


def test_out_of_range_is_clamped():
    assert volume({"volume": 130}) == 100
    assert volume({"volume": -5}) == 0
