"""How long sessions last."""


class Policy:
    """Session rules as configured, in minutes."""

    def __init__(self, idle_minutes):
        if idle_minutes <= 0:
            raise ValueError("idle_minutes must be positive")
        self.idle_minutes = idle_minutes

    def idle_limit(self):
        """Time without use after which a session is over, in seconds."""
        return self.idle_minutes * 60
