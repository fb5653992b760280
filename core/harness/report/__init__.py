"""Bakeoff reports: written, read, rendered, compared, merged and checked again."""
