"""Threads that watch the workspace and only post messages."""
