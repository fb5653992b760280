"""Coding agents as programs: how each is told to use the gateway, and started with one.

``profiles`` is the table of agents: the environment, arguments and files by which one process of an
agent speaks to an address of ours. It is pure, and changes no file of the user's. ``launching``
runs a gateway on a free port for as long as the agent lives, and passes on signals and exit status.
``summary`` says from the log what came of it. ``tools`` is the other way round: what an agent may
ask of Reflex, as an MCP server (the ``mcp`` extra).

Launching needs the ``serve`` extra; profiles and summary need nothing.
"""
