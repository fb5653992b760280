"""The command line and the dashboard, both over the headless ``core``.

``cli/`` has one file a command. The dashboard is made of rooms whose imports point one way:

    app, web → screens → panes → widgets, watch → model

``watch/`` holds threads that read the workspace and ask the server; they only post messages.
``screens/dashboard`` takes those and puts what they bring into the panes. ``model/`` works out
what is shown and imports no Textual; ``widgets/`` draw it as lines of exactly the width they get.
``theme`` and ``terminal`` are the user's colours and terminal.

Importing it makes sure that ``core`` is the package beside it: see ``speckit_reflex``.
"""

import speckit_reflex  # noqa: F401  puts this installation's packages first
