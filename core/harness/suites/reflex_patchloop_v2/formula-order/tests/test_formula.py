from formula import compute
from scanner import FormulaError


def is_refused(text):
    try:
        compute(text)
    except FormulaError:
        return True
    return False


def test_simple():
    assert compute("1 + 2") == 3
    assert compute(" 2*3 + 4 ") == 10
    assert compute("2 + 3*4") == 14


def test_minus_goes_left_to_right():
    assert compute("10-4-3") == 3
    assert compute("10-4+3") == 9
    assert compute("1-2*3-4") == -9


def test_division_goes_left_to_right():
    assert compute("100/10/2") == 5
    assert compute("100/10*2") == 20


def test_power_goes_right_to_left():
    assert compute("2^3^2") == 512
    assert compute("2*3^2") == 18


def test_minus_in_front():
    assert compute("-2^2") == -4
    assert compute("(-2)^2") == 4
    assert compute("2*-3") == -6
    assert compute("2^-1") == 0.5
    assert compute("--3") == 3
    assert compute("5 - -3 - 1") == 7


def test_parentheses():
    assert compute("(1+2)*(3+4)") == 21
    assert compute("2*(10-(4-3))") == 18


def test_decimals():
    assert compute("1.5 + .5") == 2
    assert compute("2.*3") == 6


def test_incomplete_formulas():
    for text in ("", "1 +", "(1", "1)", "* 2", "()", "2 3", "(1 2)", "1 + + ", "."):
        assert is_refused(text), text


def test_foreign_characters_and_zero_division():
    assert is_refused("1 & 2")
    assert is_refused("x")
    assert is_refused("1/0")
    assert is_refused("1/(2-2)")
