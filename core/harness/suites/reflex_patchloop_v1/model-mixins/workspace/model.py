"""The base of all models."""


class Model:
    """Something that can be saved."""

    def validate(self):
        """Problems that prevent saving, as a list of texts."""
        return []

    def fields(self):
        """What is saved, as a dict."""
        return {}

    def save(self, store):
        """Append the fields to ``store``, a list.

        Raises:
            ValueError: there are problems; they are joined by "; ".
        """
        problems = self.validate()
        if problems:
            raise ValueError("; ".join(problems))
        store.append(self.fields())
