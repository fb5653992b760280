from sizes import human


def test_bytes():
    assert human(0) == "0 B"
    assert human(1023) == "1023 B"


def test_one_kibibyte():
    assert human(1024) == "1 KiB"


def test_rounded_down():
    assert human(5000) == "4 KiB"


def test_one_mebibyte():
    assert human(1024 * 1024) == "1 MiB"


def test_gibibytes():
    assert human(3 * 1024**3) == "3 GiB"
