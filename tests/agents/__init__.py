"""Coding agents as programs."""
