"""Feature switches from the environment."""

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})


def env_flag(environ, name, default=False):
    """Whether the switch ``name`` is on in ``environ``, a mapping of strings."""
    value = environ.get(name)
    if value is None:
        return default
    return value.strip().lower() in TRUE_WORDS


def enabled(environ, prefix="FEATURE_"):
    """Lower-case names of all switches with ``prefix`` that are on, sorted."""
    names = (name for name in environ if name.startswith(prefix))
    return sorted(name.removeprefix(prefix).lower() for name in names if env_flag(environ, name))
