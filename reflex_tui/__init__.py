"""The command line and the dashboard, both over the headless ``core``.

``cli/`` has one file a command. The dashboard is made of rooms whose imports point one way:

    app, web → screens → panes → widgets, watch → messages → model

``watch/`` holds threads that read the workspace and ask the server; they only post ``messages``.
``screens/dashboard`` takes those and puts what they bring into the panes. ``model/`` works out
what is shown and imports no Textual; ``widgets/`` draw it as lines of exactly the width they get.
``keymap``, ``theme`` and ``terminal`` are the user's keys, colours and terminal.
"""
