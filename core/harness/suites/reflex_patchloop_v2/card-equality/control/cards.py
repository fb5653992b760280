"""Business cards in the address book."""


class Card:
    """A name and an e-mail address; the address alone tells cards apart."""

    def __init__(self, name, email):
        self.name = name
        self.email = email

    def __repr__(self):
        return f"Card({self.name!r}, {self.email!r})"

    def __eq__(self, other):
        if not isinstance(other, Card):
            return NotImplemented
        return self.email.strip().lower() == other.email.strip().lower()

    def __hash__(self):
        return hash(self.email)


def unique(cards):
    """Each card once, in order of first appearance."""
    return list(dict.fromkeys(cards))
