from sessions import prune


def sessions(*ends):
    return [{"id": number, "expires": end} for number, end in enumerate(ends)]


def ids(entries):
    return [entry["id"] for entry in entries]


def test_nothing_expired():
    entries = sessions(50, 60)
    assert prune(entries, 10) == 0
    assert ids(entries) == [0, 1]


def test_one_expired():
    entries = sessions(50, 5, 60)
    assert prune(entries, 10) == 1
    assert ids(entries) == [0, 2]


def test_neighbours_expired():
    entries = sessions(5, 6, 7, 60, 8, 9)
    assert prune(entries, 10) == 5
    assert ids(entries) == [3]


def test_all_expired():
    entries = sessions(1, 2, 3)
    assert prune(entries, 10) == 3
    assert entries == []


def test_end_counts_as_expired():
    entries = sessions(10, 11)
    assert prune(entries, 10) == 1
    assert ids(entries) == [1]


def test_the_same_list_changes():
    entries = sessions(1, 2, 30)
    view = entries
    prune(entries, 10)
    assert ids(view) == [2]
