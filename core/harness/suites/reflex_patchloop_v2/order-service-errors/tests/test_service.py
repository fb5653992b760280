from errors import Busy, UnknownCustomer
from service import place_order
from store import Conflict, Customer, NotFound, Store


class Contended(Store):
    """Before each of the first ``rivals`` saves, somebody else places order 900 and up."""

    def __init__(self, customers, rivals):
        super().__init__(customers)
        self.rivals = rivals
        self.saves = 0

    def save(self, customer, version):
        self.saves += 1
        if self.rivals:
            self.rivals -= 1
            theirs, current = self.load(customer.name)
            super().save(Customer(theirs.name, [*theirs.orders, 900 + self.saves]), current)
        return super().save(customer, version)


def error_of(action):
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_store_is_as_delivered():
    store = Store([Customer("ida", [])])
    assert store.load("ida")[1] == 1
    assert isinstance(error_of(lambda: store.load("ole")), NotFound)
    assert isinstance(error_of(lambda: store.save(Customer("ida", []), 7)), Conflict)


def test_first_order():
    store = Store([Customer("ida", [])])
    assert place_order(store, "ida", 1) == 1
    assert store.load("ida") == (Customer("ida", [1]), 2)


def test_several_orders():
    store = Store([Customer("ida", [1, 2])])
    assert place_order(store, "ida", 3) == 3
    assert place_order(store, "ida", 4) == 4
    assert store.load("ida")[0].orders == [1, 2, 3, 4]


def test_unknown_customer():
    error = error_of(lambda: place_order(Store(), "ole", 1))
    assert isinstance(error, UnknownCustomer)
    assert isinstance(error.__cause__, NotFound)


def test_one_conflict():
    store = Contended([Customer("ida", [1])], rivals=1)
    assert place_order(store, "ida", 2) == 3
    assert store.load("ida")[0].orders == [1, 901, 2]
    assert store.saves == 2


def test_success_at_the_last_attempt():
    store = Contended([Customer("ida", [])], rivals=2)
    assert place_order(store, "ida", 5) == 3
    assert store.load("ida")[0].orders == [901, 902, 5]


def test_too_many_conflicts():
    store = Contended([Customer("ida", [])], rivals=99)
    error = error_of(lambda: place_order(store, "ida", 5))
    assert isinstance(error, Busy)
    assert isinstance(error.__cause__, Conflict)
    assert store.saves == 3
    assert store.load("ida")[0].orders == [901, 902, 903]


def test_loaded_customers_are_not_changed():
    before = Customer("ida", [1])
    store = Contended([before], rivals=99)
    error_of(lambda: place_order(store, "ida", 5))
    assert before.orders == [1]
    plain = Store([before])
    place_order(plain, "ida", 6)
    assert before.orders == [1]
