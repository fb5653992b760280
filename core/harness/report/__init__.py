"""Bakeoff reports: what a run observed, and everything that is read from it afterwards.

``model`` is the format, published as a JSON Schema; ``files`` writes it whole or not at all, and
reads it as what a stranger wrote. The stored verdict is never believed: ``verdict`` derives it from
the trials. ``checking`` says whether a report still counts for the configuration as it is now,
``compare`` whether it is a significant regression against an earlier one, and ``merge`` makes one
report of shards, or takes over an earlier report's cloud trials. ``summary`` has the figures of an
arm; ``markdown``, ``markdown_evidence`` and ``neutral`` make the page, ``junit`` the XML for CI.
"""
