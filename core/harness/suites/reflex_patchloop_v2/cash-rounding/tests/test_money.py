from decimal import Decimal

from money import to_cents, with_tax


def test_whole_cents_stay():
    assert to_cents("12.34") == Decimal("12.34")


def test_two_places_are_shown():
    assert str(to_cents(3)) == "3.00"


def test_half_a_cent_goes_up():
    assert to_cents("0.125") == Decimal("0.13")
    assert to_cents("0.135") == Decimal("0.14")
    assert to_cents("2.005") == Decimal("2.01")


def test_negative_half_goes_away_from_zero():
    assert to_cents("-0.125") == Decimal("-0.13")


def test_less_than_half_is_dropped():
    assert to_cents("0.1249") == Decimal("0.12")
    assert to_cents("-0.1201") == Decimal("-0.12")


def test_tax_is_rounded_once():
    assert with_tax("10.50", 19) == Decimal("12.50")
    assert with_tax("0.50", 5) == Decimal("0.53")
