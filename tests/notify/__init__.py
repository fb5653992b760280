"""How the user is told of what happens."""
