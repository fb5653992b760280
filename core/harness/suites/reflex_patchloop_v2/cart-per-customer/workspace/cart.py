"""Shopping carts."""


class Cart:
    """The lines one customer has collected; prices are in cents."""

    lines = []

    def __init__(self, customer):
        self.customer = customer

    def add(self, article, price, quantity=1):
        """Put ``quantity`` of an article into the cart."""
        self.lines.append((article, price, quantity))

    def total(self):
        """What the cart costs."""
        return sum(price * quantity for _, price, quantity in self.lines)
