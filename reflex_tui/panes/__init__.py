"""The three panes: health, routing, bakeoff.

A pane is told everything through reactives and methods and never reads a file or asks a server.
What a user wants of it goes up as a message (``LookWanted``, ``CountWanted``, ``NewWanted`` …) to
the dashboard or the application. Each offers only keys that do something now (``check_action``).
"""
