from cards import Card, unique

IDA = Card("Ida", "ida@example.test")
IDA_AGAIN = Card("Ida Berg", " Ida@Example.Test ")
OLE = Card("Ole", "ole@example.test")


def test_equal_by_address():
    assert IDA == IDA_AGAIN
    assert IDA != OLE


def test_name_does_not_matter():
    assert Card("A", "x@y.test") == Card("B", "x@y.test")
    assert Card("A", "x@y.test") != Card("A", "z@y.test")


def test_set_of_cards():
    assert len({IDA, IDA_AGAIN, OLE}) == 2


def test_equal_cards_are_one_key():
    phones = {IDA: "123"}
    assert phones[IDA_AGAIN] == "123"
    assert OLE not in phones


def test_unique_keeps_the_first():
    cards = unique([OLE, IDA, IDA_AGAIN, OLE])
    assert [card.name for card in cards] == ["Ole", "Ida"]


def test_comparison_with_other_things():
    assert IDA != "ida@example.test"
    assert IDA != None  # noqa: E711
    assert IDA not in ["ida@example.test", 7, None]
