"""Readers of suites, one a format, and the suites that come with the package."""
