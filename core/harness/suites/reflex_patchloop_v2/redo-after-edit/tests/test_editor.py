from editor import Document


def typed(*texts):
    document = Document()
    for text in texts:
        document.change(text)
    return document


def test_undo_goes_back_step_by_step():
    document = typed("a", "ab")
    assert document.undo()
    assert document.text == "a"
    assert document.undo()
    assert document.text == ""
    assert not document.undo()


def test_redo_after_undo():
    document = typed("a", "ab")
    document.undo()
    assert document.redo()
    assert document.text == "ab"
    assert not document.redo()


def test_several_redos():
    document = typed("a", "ab", "abc")
    for _ in range(3):
        document.undo()
    assert [document.redo() and document.text for _ in range(3)] == ["a", "ab", "abc"]
    assert document.undo()
    assert document.text == "ab"


def test_change_ends_redo():
    document = typed("a", "ab")
    document.undo()
    document.change("ax")
    assert not document.redo()
    assert document.text == "ax"
    document.undo()
    assert document.text == "a"


def test_same_text_is_no_change():
    document = typed("a", "a")
    assert document.undo()
    assert document.text == ""
    assert not document.undo()


def test_same_text_keeps_redo():
    document = typed("a", "ab")
    document.undo()
    document.change("a")
    assert document.redo()
    assert document.text == "ab"
