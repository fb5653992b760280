"""Tells the user what happens while nobody looks, by a command of the user's own.

``Notifier`` is held by whoever writes an event into the capsule: that process tells of it, so that
each event is told once, with or without a dashboard. ``own`` reads ``[notify]`` from the user's own
configuration file and no other, since a repository must not choose what runs on this machine.
``command`` runs it: never through a shell, with a deadline, without our environment, so that no API
key reaches it, and with its output dropped. Which events are worth a notice is
``core.router.news``' affair.

To follow a notice, read ``core.router.news``, ``notifier``, then ``command``.
"""
