from stock import Stock


def fails(action, kind=ValueError):
    try:
        action()
    except kind:
        return True
    return False


def test_add_and_take():
    stock = Stock({"nut": 5})
    stock.add("bolt", 2)
    stock.take("nut", 5)
    assert stock.pieces == {"bolt": 2}
    assert fails(lambda: stock.take("nut", 1))


def test_success_keeps_changes():
    stock = Stock({"nut": 5})
    with stock.transaction():
        stock.take("nut", 2)
        stock.add("bolt", 1)
    assert stock.pieces == {"nut": 3, "bolt": 1}


def test_exception_comes_out():
    stock = Stock({"nut": 5})

    def book():
        with stock.transaction():
            stock.take("nut", 9)

    assert fails(book)


def test_failure_restores_numbers_new_and_removed_articles():
    stock = Stock({"nut": 5, "bolt": 2})

    def book():
        with stock.transaction():
            stock.take("nut", 1)
            stock.take("bolt", 2)
            stock.add("gear", 7)
            raise KeyError("later step")

    assert fails(book, KeyError)
    assert stock.pieces == {"nut": 5, "bolt": 2}


def test_failed_inner_transaction():
    stock = Stock({"nut": 5})

    def inner():
        with stock.transaction():
            stock.take("nut", 3)
            raise ValueError("inner")

    with stock.transaction():
        stock.take("nut", 1)
        assert fails(inner)
        assert stock.pieces == {"nut": 4}
        stock.add("bolt", 1)
    assert stock.pieces == {"nut": 4, "bolt": 1}


def test_failed_outer_transaction_after_inner_success():
    stock = Stock({"nut": 5})

    def book():
        with stock.transaction():
            stock.take("nut", 1)
            with stock.transaction():
                stock.take("nut", 1)
            raise ValueError("outer")

    assert fails(book)
    assert stock.pieces == {"nut": 5}


def test_one_after_the_other():
    stock = Stock({"nut": 5})
    with stock.transaction():
        stock.take("nut", 1)

    def book():
        with stock.transaction():
            stock.take("nut", 9)

    assert fails(book)
    assert stock.pieces == {"nut": 4}
