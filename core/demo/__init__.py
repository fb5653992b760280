"""The demo: a workspace of its own, real servers in it, and real calls flowing."""
