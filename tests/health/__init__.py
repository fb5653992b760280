"""Tests of what a server is and whether it is healthy."""
