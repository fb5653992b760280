"""The wire formats that an agent may speak; pure: no I/O, nothing of the ``serve`` extra."""
