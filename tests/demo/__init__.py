"""The demo's own parts: how it fits itself to a machine, what happens in it, how it ends."""
