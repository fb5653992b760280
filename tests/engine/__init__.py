"""The embedded engine and the scripted stand-in."""
