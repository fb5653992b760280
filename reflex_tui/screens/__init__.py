"""The dashboard, and what opens over it.

``dashboard`` holds masthead, panes and keys and takes the watchers' messages. ``bakeoff_control``
runs bakeoffs for the bakeoff pane. Over it open: ``pages`` (help, status, check, models),
``detail`` (one call), ``report`` and ``comparison``, the dialogs ``bakeoff_start``, ``promote`` and
``leave``, and ``broken_config``. Files are read in worker threads, whose results come as messages.
"""
