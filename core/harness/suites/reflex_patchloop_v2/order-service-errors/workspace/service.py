"""Places orders."""

from errors import Busy, UnknownCustomer

ATTEMPTS = 3


def place_order(store, name, number):
    """Add an order to a customer.

    Returns:
        How many orders the customer now has.

    Raises:
        UnknownCustomer: the store knows no such customer.
        Busy: saving met a conflict ``ATTEMPTS`` times.
    """
    customer = store.load(name)
    if customer is None:
        raise UnknownCustomer(name)
    customer.orders.append(number)
    for _ in range(ATTEMPTS):
        if store.save(customer):
            return len(customer.orders)
    raise Busy(name)
