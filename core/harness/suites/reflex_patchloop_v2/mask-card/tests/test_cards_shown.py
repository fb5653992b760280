from cards_shown import masked


def test_sixteen_digits():
    assert masked("4000123412349876") == "************9876"


def test_fifteen_digits():
    assert masked("371449635398431") == "***********8431"


def test_length_is_kept():
    assert len(masked("4000123412349876")) == 16


def test_eight_digits():
    assert masked("12345678") == "****5678"


def test_four_digits():
    assert masked("1234") == "1234"
