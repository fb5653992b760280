"""Settings from several layers."""

from merging import merge


def load(layers):
    """All settings.

    Args:
        layers: (name, settings) pairs, weakest first; settings are nested dicts.
    """
    settings = {}
    for _, layer in layers:
        settings = merge(settings, layer)
    return settings


def lookup(settings, path):
    """The value at a path such as ``server.port``, or None."""
    for part in path.split("."):
        if not isinstance(settings, dict) or part not in settings:
            return None
        settings = settings[part]
    return settings


def origin(layers, path):
    """Name of the layer that decides the setting at ``path``, or None."""
    found = None
    for count, (name, layer) in enumerate(layers, start=1):
        if lookup(load(layers[:count]), path) is None:
            found = None
        elif found is None or lookup(layer, path) is not None:
            found = name
    return found
