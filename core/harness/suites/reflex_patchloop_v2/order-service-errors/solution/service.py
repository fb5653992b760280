"""Places orders."""

from dataclasses import replace

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
            changed = replace(customer, orders=[*customer.orders, number])
            store.save(changed, version)
        except NotFound as error:
            raise UnknownCustomer(name) from error
        except Conflict as error:
            conflict = error
        else:
            return len(changed.orders)
    raise Busy(name) from conflict
