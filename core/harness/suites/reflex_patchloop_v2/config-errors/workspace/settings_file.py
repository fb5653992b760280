"""Reads the settings file."""

import json


class SettingsError(Exception):
    """The settings cannot be used; ``reason`` is missing, encoding or syntax."""

    def __init__(self, reason, path):
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def read_settings(path):
    """The settings as a dict.

    Raises:
        SettingsError: with the error it came from as its cause, where there is one.
    """
    try:
        with open(path, "rb") as file:
            settings = json.loads(file.read().decode("utf-8"))
    except OSError:
        raise SettingsError("missing", path) from None
    except ValueError:
        raise SettingsError("encoding", path) from None
    except json.JSONDecodeError:
        raise SettingsError("syntax", path) from None
    return settings
