"""Exporters by file suffix."""


class Exporter:
    """Base of the families of exporters; each direct subclass is a family."""

    registry = {}
    suffix = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.registry[cls.suffix] = cls

    @classmethod
    def find(cls, suffix):
        """The format of this family for ``suffix``.

        Raises:
            LookupError: the family has none.
        """
        try:
            return cls.registry[suffix]
        except KeyError:
            raise LookupError(f"{cls.__name__} has no format {suffix!r}") from None

    @classmethod
    def suffixes(cls):
        """All suffixes of this family, sorted."""
        return sorted(cls.registry)
