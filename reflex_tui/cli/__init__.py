"""``code reflex …``: one module a family of commands, imported when it is run."""
