"""A small event bus."""


class Bus:
    """Delivers events to listeners in the order of their subscription."""

    def __init__(self):
        self._listeners = {}

    def subscribe(self, event, listener):
        """Call ``listener(payload)`` at every ``event``; returns the listener."""
        self._listeners.setdefault(event, []).append(listener)
        return listener

    def unsubscribe(self, event, listener):
        """Forget a listener; nothing happens if it is unknown."""
        listeners = self._listeners.get(event, [])
        if listener in listeners:
            listeners.remove(listener)

    def once(self, event, listener):
        """Call ``listener`` at the next ``event`` only."""

        def wrapper(payload):
            self.unsubscribe(event, wrapper)
            listener(payload)

        return self.subscribe(event, wrapper)

    def emit(self, event, payload=None):
        """Deliver; returns how many listeners were called."""
        called = 0
        listeners = self._listeners.get(event, [])
        for listener in list(listeners):
            if listener in listeners:
                listener(payload)
                called += 1
        return called
