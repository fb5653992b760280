from paging import page_bounds, page_count


def test_partial_last_page_counts():
    assert page_count(21, 10) == 3


def test_exact_multiple_has_no_extra_page():
    assert page_count(20, 10) == 2
    assert page_count(10, 10) == 1


def test_empty_listing_has_one_page():
    assert page_count(0, 10) == 1
    assert page_bounds(1, 0, 10) == (0, 0)


def test_bounds_of_last_page():
    assert page_bounds(3, 21, 10) == (21, 21)
    assert page_bounds(2, 20, 10) == (11, 20)


def test_page_beyond_the_end_is_refused():
    try:
        page_bounds(3, 20, 10)
    except IndexError:
        return
    raise AssertionError("page 3 of 20 entries was accepted")
