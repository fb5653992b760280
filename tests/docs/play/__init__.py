"""Plays the command blocks of a page, in a workspace and a network of their own."""
