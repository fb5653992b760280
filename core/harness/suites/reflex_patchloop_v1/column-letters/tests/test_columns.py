from columns import cell, column_name, column_number


def test_single_letters():
    assert column_name(1) == "A"
    assert column_name(25) == "Y"


def test_z():
    assert column_name(26) == "Z"


def test_two_letters():
    names = {27: "AA", 28: "AB", 52: "AZ", 53: "BA", 78: "BZ", 702: "ZZ"}
    assert {number: column_name(number) for number in names} == names


def test_three_letters():
    assert column_name(703) == "AAA"
    assert column_name(16384) == "XFD"


def test_there_and_back():
    for number in range(1, 1500):
        assert column_number(column_name(number)) == number


def test_zero_is_refused():
    try:
        column_name(0)
    except ValueError:
        return
    raise AssertionError("accepted column 0")


def test_cell():
    assert cell(7, 3) == "C7"
    assert cell(1, 26) == "Z1"
