"""Remembers results of slow functions."""

import functools


def memo(function):
    """A version of ``function`` that computes each result once.

    All arguments must be hashable. ``forget()`` drops everything remembered.
    """
    results = {}

    @functools.wraps(function)
    def remembered(*args, **kwargs):
        key = args + tuple(sorted(kwargs.items()))
        if key not in results:
            results[key] = function(*args, **kwargs)
        return results[key]

    remembered.forget = results.clear
    return remembered
