"""Parts from which models are put together; each takes its own keyword arguments."""

from model import Model


class Named(Model):
    """Has a name, which must not be blank."""

    def __init__(self, *, name, **rest):
        super().__init__(**rest)
        self.name = name

    def validate(self):
        """As Model."""
        own = [] if self.name.strip() else ["name is blank"]
        return own + super().validate()

    def fields(self):
        """As Model."""
        return {"name": self.name} | super().fields()


class Timestamps(Model):
    """Knows when it was created and changed; changed must not be earlier."""

    def __init__(self, *, created, changed=None, **rest):
        super().__init__(**rest)
        self.created = created
        self.changed = created if changed is None else changed

    def validate(self):
        """As Model."""
        own = ["changed before it was created"] if self.changed < self.created else []
        return own + super().validate()

    def fields(self):
        """As Model."""
        return {"created": self.created, "changed": self.changed} | super().fields()


class Priced(Model):
    """Has a price in cents, at least 0."""

    def __init__(self, *, price, **rest):
        super().__init__(**rest)
        self.price = price

    def validate(self):
        """As Model."""
        own = ["price is negative"] if self.price < 0 else []
        return own + super().validate()

    def fields(self):
        """As Model."""
        return {"price": self.price} | super().fields()
