"""The command line: ``code reflex COMMAND``.

``main`` has the entry points, and makes one line and an exit status of an error. ``parser`` says
which commands there are, in groups with a line of help each, and joins them. Each command has a
file of its own with its options, their help and what it does: ``add(commands)`` declares it,
``run(arguments)`` does it and returns the exit status. What costs start-up (pydantic, httpx,
Textual, the harness) is imported inside of what is run, so that ``--help``, completion and
``health`` stay fast. ``kinds`` reads numbers, ports and paths; ``output`` writes JSON, colours and
columns. ``bakeoff`` and ``check`` share ``verdict``;
the other ``…_text`` modules hold what one command prints.
"""
