from undo import Text


def test_there_and_back():
    text = Text("a")
    text.change("b")
    text.change("c")
    assert text.undo() and text.text == "b"
    assert text.redo() and text.text == "c"
    assert text.undo() and text.undo()
    assert text.text == "a"
    assert not text.undo()


def test_a_new_change_ends_redo():
    text = Text("a")
    text.change("b")
    text.undo()
    text.change("c")
    assert not text.redo()
    assert text.undo() and text.text == "a"


def test_no_change_is_none():
    text = Text("a")
    text.change("b")
    text.undo()
    text.change("a")
    assert text.redo() and text.text == "b"
