"""The demo: a workspace of its own, real servers in it, and real calls flowing.

``workspace`` makes a directory below the user's state, with a configuration and a gate pass that is
marked ``demo`` and counts there alone. ``traffic`` is a process that sends calls of all stages, one
after another. The servers are the embedded engine and the scripted stand-in; ``code reflex demo``
starts all of it, opens the dashboard over it, and leaves nothing running.
"""
