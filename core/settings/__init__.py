"""The configuration: stage0.toml found, read strictly, edited, and judged.

``find`` says which file applies and which directory is the workspace. ``read`` parses it by
``model`` (names, types, ranges, defaults; the field descriptions are the reference) and refuses
whatever is unknown or out of range, with file, line and key. ``edit`` changes some keys in place
and verifies that nothing else changed. ``trust`` decides which servers a project's file may make us
contact, since a repository is untrusted input, and which may be sent a key. ``policy`` freezes the
result for one run and hashes its content: that hash is in every event.
"""

from core.settings.find import Source, find
from core.settings.model import (
    Cloud,
    Fallback,
    LocalBackend,
    Monitor,
    Reflex,
    Shadow,
    Thresholds,
)
from core.settings.read import Settings, load_settings

__all__ = [
    "Cloud",
    "Fallback",
    "LocalBackend",
    "Monitor",
    "Reflex",
    "Settings",
    "Shadow",
    "Source",
    "Thresholds",
    "find",
    "load_settings",
]
