"""Errors that the service shows to its callers."""


class UnknownCustomer(Exception):
    """There is no such customer."""


class Busy(Exception):
    """Too many changes at the same time; try again later."""
