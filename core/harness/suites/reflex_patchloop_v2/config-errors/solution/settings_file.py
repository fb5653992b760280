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
    except FileNotFoundError as error:
        raise SettingsError("missing", path) from error
    except UnicodeDecodeError as error:
        raise SettingsError("encoding", path) from error
    except json.JSONDecodeError as error:
        raise SettingsError("syntax", path) from error
    if not isinstance(settings, dict):
        raise SettingsError("syntax", path)
    return settings
