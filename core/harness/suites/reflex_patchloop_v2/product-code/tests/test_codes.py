from codes import is_code, rejected


def test_a_code():
    assert is_code("ABC-1234")


def test_wrong_beginnings():
    assert not is_code("abc-1234")
    assert not is_code(" ABC-1234")
    assert not is_code("XABC-1234")


def test_too_many_digits():
    assert not is_code("ABC-12345")


def test_text_after_the_code():
    assert not is_code("ABC-1234 ")
    assert not is_code("ABC-1234x")


def test_line_break_after_the_code():
    assert not is_code("ABC-1234\n")


def test_rejected_keeps_order():
    assert rejected(["QQQ-0001", "", "QQQ-00011", "A"]) == ["", "QQQ-00011", "A"]
