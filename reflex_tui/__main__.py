"""``python -m reflex_tui``: the same as ``speckit-reflex``."""

from __future__ import annotations

from reflex_tui.cli.main import speckit_reflex

speckit_reflex()
