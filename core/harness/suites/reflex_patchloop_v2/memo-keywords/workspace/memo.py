"""Remembers results of slow functions."""

import functools


def memo(function):
    """A version of ``function`` that computes each result once.

    All arguments must be hashable. ``forget()`` drops everything remembered.
    """
    results = {}

    @functools.wraps(function)
    def remembered(*args, **kwargs):
        result = results.get(args)
        if result is None:
            result = results[args] = function(*args, **kwargs)
        return result

    remembered.forget = results.clear
    return remembered
