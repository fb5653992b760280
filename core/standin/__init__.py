"""The scripted stand-in, a test double that ships: an OpenAI-compatible server."""
