"""The dashboard, and what opens over it."""
