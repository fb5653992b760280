import json
import tempfile
from pathlib import Path

from settings_file import SettingsError, read_settings


def read(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "settings.json")
        path.write_bytes(data)
        return read_settings(path)


def error_of(action):
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_good_settings():
    assert read('{"name": "Zoë"}'.encode()) == {"name": "Zoë"}


def test_missing_file():
    with tempfile.TemporaryDirectory() as folder:
        error = error_of(lambda: read_settings(Path(folder, "none.json")))
    assert isinstance(error, SettingsError)
    assert error.reason == "missing"
    assert isinstance(error.__cause__, FileNotFoundError)


def test_not_utf_8():
    error = error_of(lambda: read(b'{"name": "Zo\xeb"}'))
    assert isinstance(error, SettingsError)
    assert error.reason == "encoding"
    assert isinstance(error.__cause__, UnicodeDecodeError)


def test_broken_json():
    error = error_of(lambda: read(b'{"name": '))
    assert isinstance(error, SettingsError)
    assert error.reason == "syntax"
    assert isinstance(error.__cause__, json.JSONDecodeError)


def test_json_that_is_no_object():
    for data in (b"[1, 2]", b"null", b'"text"', b"3"):
        error = error_of(lambda data=data: read(data))
        assert isinstance(error, SettingsError), data
        assert error.reason == "syntax"


def test_folder_comes_out_unchanged():
    with tempfile.TemporaryDirectory() as folder:
        error = error_of(lambda: read_settings(folder))
    assert isinstance(error, OSError)
    assert not isinstance(error, SettingsError)


def test_message_names_the_file():
    error = error_of(lambda: read_settings("/nowhere/settings.json"))
    assert str(error) == "/nowhere/settings.json: missing"
