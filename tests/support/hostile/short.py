"""How much the hostile tests do: a few of everything, or all of it with ``REFLEX_TORTURE=1``."""

from __future__ import annotations

import os

FULL = bool(os.environ.get("REFLEX_TORTURE"))
