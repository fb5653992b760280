from clients import DEFAULTS, new_client


def test_defaults_are_there():
    assert new_client()["timeout"] == 10
    assert new_client()["retry"]["attempts"] == 3


def test_options_win():
    assert new_client(timeout=2)["timeout"] == 2
    assert new_client()["timeout"] == 10


def test_headers_are_not_shared():
    new_client()["headers"]["X-Trace"] = "1"
    assert new_client()["headers"] == {"Accept": "application/json"}


def test_retry_rules_are_not_shared():
    new_client()["retry"]["attempts"] = 9
    assert new_client()["retry"]["attempts"] == 3


def test_lists_deeper_down_are_not_shared():
    new_client()["retry"]["on"].append(429)
    assert DEFAULTS["retry"]["on"] == [502, 503]
    assert new_client()["retry"]["on"] == [502, 503]
