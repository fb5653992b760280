from version import Version


def test_numbers_are_numbers():
    assert Version("1.9") < Version("1.10")
    assert Version("2.0") > Version("1.99.99")
    assert Version("1.0.1") > Version("1.0")


def test_zeros_at_the_end_do_not_matter():
    assert Version("1.0") == Version("1")
    assert len({Version("1"), Version("1.0"), Version("1.0.0")}) == 1


def test_before_the_release():
    assert Version("2.0-beta") < Version("2.0")
    assert Version("2.0-alpha") < Version("2.0-beta")
    assert Version("2.0-rc") > Version("1.9")
