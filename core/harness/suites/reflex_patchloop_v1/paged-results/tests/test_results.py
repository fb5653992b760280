from results import Results

PAGES = [["a", "b"], ["c", "d"], ["e"], []]


def search(pages=PAGES):
    fetched = []

    def fetch(number):
        fetched.append(number)
        return list(pages[number])

    return Results(fetch), fetched


def test_one_loop():
    results, fetched = search()
    assert list(results) == ["a", "b", "c", "d", "e"]
    assert fetched == [0, 1, 2, 3]


def test_nothing_found():
    results, _ = search([[]])
    assert list(results) == []


def test_second_loop_starts_anew_without_fetching():
    results, fetched = search()
    list(results)
    assert list(results) == ["a", "b", "c", "d", "e"]
    assert fetched == [0, 1, 2, 3]


def test_two_loops_at_once():
    results, _ = search()
    one, two = iter(results), iter(results)
    assert [next(one), next(two), next(one), next(one), next(two)] == ["a", "a", "b", "c", "b"]


def test_loop_after_break():
    results, fetched = search()
    for entry in results:
        if entry == "c":
            break
    assert fetched == [0, 1]
    assert list(results) == ["a", "b", "c", "d", "e"]


def test_first_is_repeatable_and_lazy():
    results, fetched = search()
    assert results.first(2) == ["a", "b"]
    assert fetched == [0]
    assert results.first(3) == ["a", "b", "c"]
    assert results.first(0) == []
    assert fetched == [0, 1]


def test_first_of_fewer():
    results, _ = search()
    assert results.first(99) == ["a", "b", "c", "d", "e"]
