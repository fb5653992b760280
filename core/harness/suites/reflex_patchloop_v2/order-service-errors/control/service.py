"""Places orders."""

from errors import Busy, UnknownCustomer
from store import Conflict, NotFound

ATTEMPTS = 3


def place_order(store, name, number):
    """Add an order to a customer.

    Returns:
        How many orders the customer now has.

    Raises:
        UnknownCustomer: the store knows no such customer.
        Busy: saving met a conflict ``ATTEMPTS`` times.
    """
    conflict = None
    for _ in range(ATTEMPTS):
        try:
            customer, version = store.load(name)
        except NotFound as error:
            raise UnknownCustomer(name) from error
        customer.orders.append(number)
        try:
            store.save(customer, version)
            return len(customer.orders)
        except Conflict as error:
            customer.orders.pop()
            conflict = error
    raise Busy(name) from conflict
