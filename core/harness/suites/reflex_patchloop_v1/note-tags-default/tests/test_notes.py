from notes import make_note, make_notes


def test_given_tags_come_first():
    assert make_note("tea", ["home", "shop"])["tags"] == ["home", "shop", "inbox"]


def test_text_is_stripped():
    assert make_note("  call Ida ")["text"] == "call Ida"


def test_second_untagged_note_has_one_tag():
    make_note("first")
    assert make_note("second")["tags"] == ["inbox"]


def test_list_of_the_caller_is_not_changed():
    tags = ["work"]
    assert make_note("a", tags)["tags"] == ["work", "inbox"]
    assert make_note("b", tags)["tags"] == ["work", "inbox"]
    assert tags == ["work"]


def test_notes_do_not_share_their_tags():
    one, two = make_notes(["one", "two"])
    one["tags"].append("urgent")
    assert two["tags"] == ["inbox"]


def test_blank_texts_are_left_out():
    assert [note["text"] for note in make_notes(["x", "  ", "y"])] == ["x", "y"]
