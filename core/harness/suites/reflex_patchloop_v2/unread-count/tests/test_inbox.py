from inbox import unread


def message(to, read):
    return {"to": to, "read": read}


def test_no_messages():
    assert unread([], "ana") == 0


def test_counts_those_not_read():
    assert unread([message("ana", False), message("ana", False), message("ana", True)], "ana") == 2


def test_of_others_none():
    assert unread([message("ben", False), message("ana", True)], "ana") == 0


def test_half_and_half():
    assert unread([message("ana", True), message("ana", False)], "ana") == 1
