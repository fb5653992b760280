"""Reads what the player stored at its last exit."""

import json

DEFAULT_VOLUME = 50


def volume(settings):
    """Volume from 0 to 100: the stored one, or the default where none is stored."""
    stored = settings.get("volume", DEFAULT_VOLUME)
    return max(0, min(100, stored))


def load(text):
    """Settings from a JSON object; an empty text means none."""
    return json.loads(text) if text.strip() else {}
