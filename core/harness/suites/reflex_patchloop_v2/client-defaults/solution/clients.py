"""Configuration of API clients."""

import copy

DEFAULTS = {
    "timeout": 10,
    "headers": {"Accept": "application/json"},
    "retry": {"attempts": 3, "on": [502, 503]},
}


def new_client(**options):
    """A configuration of its own: the defaults with ``options`` put over the top level."""
    config = copy.deepcopy(DEFAULTS)
    config.update(options)
    return config
