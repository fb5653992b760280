"""Keeps customers in memory; several services may write to it."""

from dataclasses import dataclass


class NotFound(KeyError):
    """No customer of this name."""


class Conflict(Exception):
    """Somebody else has saved the customer in the meantime."""


@dataclass
class Customer:
    """A customer and the numbers of the orders placed."""

    name: str
    orders: list


class Store:
    """Customers with a version that grows by one with every save."""

    def __init__(self, customers=()):
        self._rows = {customer.name: (customer, 1) for customer in customers}

    def load(self, name):
        """The customer and its version.

        Raises:
            NotFound: there is none.
        """
        if name not in self._rows:
            raise NotFound(name)
        return self._rows[name]

    def save(self, customer, version):
        """Replace a customer that was loaded at ``version``; returns the new version.

        Raises:
            Conflict: it has another version by now.
        """
        if self._rows[customer.name][1] != version:
            raise Conflict(customer.name)
        self._rows[customer.name] = (customer, version + 1)
        return version + 1
