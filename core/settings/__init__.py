"""The configuration: what may stand in stage0.toml, where it is found, and what it says."""

from core.settings.find import Source, find
from core.settings.model import Cloud, Fallback, LocalBackend, Reflex, Shadow, Thresholds
from core.settings.read import Settings, load_settings

__all__ = [
    "Cloud",
    "Fallback",
    "LocalBackend",
    "Reflex",
    "Settings",
    "Shadow",
    "Source",
    "Thresholds",
    "find",
    "load_settings",
]
