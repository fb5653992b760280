from decimal import Decimal

from statement import balance, parse_amount


def is_refused(text):
    try:
        parse_amount(text)
    except ValueError:
        return True
    return False


def test_plain_amounts():
    assert parse_amount("12,50") == Decimal("12.50")
    assert parse_amount(" 7 ") == Decimal(7)


def test_thousands():
    assert parse_amount("1.234,50") == Decimal("1234.50")
    assert parse_amount("12.345.678,00") == Decimal("12345678.00")
    assert parse_amount("1234,50") == Decimal("1234.50")


def test_minus_in_front():
    assert parse_amount("-1.000,00") == Decimal("-1000.00")


def test_minus_behind():
    assert parse_amount("12,00-") == Decimal("-12.00")


def test_parentheses():
    assert parse_amount("(12,00)") == Decimal("-12.00")
    assert parse_amount("(1.250,75)") == Decimal("-1250.75")


def test_bad_amounts_are_refused():
    for text in (
        "",
        "x",
        "1.23,00",
        "12,5",
        "12,345",
        "1..000",
        "12,00 EUR",
        ".500",
        "1234.567,00",
    ):
        assert is_refused(text), text


def test_bad_signs_are_refused():
    for text in ("-12,00-", "(-12,00)", "(12,00", "12,00)", "--1", "-", "()"):
        assert is_refused(text), text


def test_balance():
    assert balance(["100,00", "", "30,25-", "(9,75)"]) == Decimal("60.00")
