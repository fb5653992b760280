"""Parts from which models are put together; each takes its own keyword arguments."""

from model import Model


class Named(Model):
    """Has a name, which must not be blank."""

    def __init__(self, *, name):
        self.name = name

    def validate(self):
        """As Model."""
        return [] if self.name.strip() else ["name is blank"]

    def fields(self):
        """As Model."""
        return {"name": self.name}


class Timestamps(Model):
    """Knows when it was created and changed; changed must not be earlier."""

    def __init__(self, *, created, changed=None, **rest):
        super().__init__(**rest)
        self.created = created
        self.changed = created if changed is None else changed

    def validate(self):
        """As Model."""
        if self.changed < self.created:
            return ["changed before it was created"]
        return super().validate()

    def fields(self):
        """As Model."""
        return {"created": self.created, "changed": self.changed}


class Priced(Model):
    """Has a price in cents, at least 0."""

    def __init__(self, *, price, **rest):
        Model.__init__(self)
        self.price = price

    def validate(self):
        """As Model."""
        return Model.validate(self) + (["price is negative"] if self.price < 0 else [])

    def fields(self):
        """As Model."""
        return Model.fields(self) | {"price": self.price}
