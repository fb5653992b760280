"""enable and disable change one line of the user's file and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError
from core.settings import load_settings
from core.settings.edit import set_enabled

if TYPE_CHECKING:
    from pathlib import Path


def test_comments_order_and_mode_are_kept(tmp_path: Path) -> None:
    """The file differs in the one value."""
    path = tmp_path / "stage0.toml"
    before = "# mine\n[other]\nx = 1\n\n[reflex] # ours\nenabled = false # yet\nmodel = 'm'\n"
    path.write_text(before)
    path.chmod(0o640)
    changed, line = set_enabled(load_settings(path), on=True)
    assert (changed, line) == (path, 6)
    assert path.read_text() == before.replace("false", "true")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_missing_table_or_file_is_made(tmp_path: Path) -> None:
    """Enabling works from nothing."""
    (tmp_path / ".git").mkdir()
    path, _ = set_enabled(load_settings(cwd=tmp_path), on=True)
    assert load_settings(path).reflex.enabled


def test_an_unwritable_place_is_a_config_error(tmp_path: Path) -> None:
    """The message says which file."""
    path = tmp_path / "stage0.toml"
    path.write_text("")
    settings = load_settings(path)
    path.unlink()
    tmp_path.rmdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        set_enabled(settings, on=True)


LONG = '[other]\ntext = """\n[reflex]\nenabled = true\n"""\n'


@pytest.mark.parametrize(
    ("text", "after", "line"),
    [
        ("reflex = { enabled = false }\n", "reflex = { enabled = true }\n", 1),
        ('"reflex" = { }\n', '"reflex" = { enabled = true}\n', 1),
        ("# a\nreflex.enabled = false\n", "# a\nreflex.enabled = true\n", 2),
        ("reflex.model = 'x'\n", "reflex.model = 'x'\nreflex.enabled = true\n", 2),
        (
            "[reflex]\nfallback.max_failures = 2\n",
            "[reflex]\nfallback.max_failures = 2\nenabled = true\n",
            3,
        ),
        (
            "[reflex.fallback]\nmax_failures = 2\n",
            "[reflex]\nenabled = true\n\n[reflex.fallback]\nmax_failures = 2\n",
            2,
        ),
        (f"{LONG}[reflex]\n", f"{LONG}[reflex]\nenabled = true\n", 7),
        ("[reflex]\r\nmodel = 'm'\r\n", "[reflex]\r\nmodel = 'm'\r\nenabled = true\r\n", 3),
        (
            "[reflex]\nmodel = 'm'\n# z\n\n# of the cloud\n[cloud]\nmodel = 'c'\n",
            "[reflex]\nmodel = 'm'\nenabled = true\n# z\n\n# of the cloud\n[cloud]\nmodel = 'c'\n",
            3,
        ),
        ('# """\n[reflex]\nenabled = false\n', '# """\n[reflex]\nenabled = true\n', 3),
        (
            "# a\u2028b\x85c\n[reflex]\nenabled=false\n",
            "# a\u2028b\x85c\n[reflex]\nenabled=true\n",
            3,
        ),
        ("[\"\\u0072eflex\"]\n'enabled' = false\n", "[\"\\u0072eflex\"]\n'enabled' = true\n", 2),
    ],
)
def test_however_a_key_is_written(tmp_path: Path, text: str, after: str, line: int) -> None:
    """Inline tables, dotted keys and strings that look like tables: one key changes."""
    path = tmp_path / "stage0.toml"
    path.write_bytes(text.encode())
    assert set_enabled(load_settings(path), on=True) == (path, line)
    assert path.read_bytes().decode() == after
    settings = load_settings(path)
    assert settings.reflex.enabled
    assert settings.origin("reflex", "enabled") == f"stage0.toml:{line}"
    assert settings.names("reflex", "enabled")


def test_an_edit_that_changes_anything_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What tomlkit made is read again first; the file stays as it was."""
    path = tmp_path / "stage0.toml"
    path.write_text("[reflex]\nmodel = 'a'\n")
    settings = load_settings(path)
    monkeypatch.setattr("core.settings.edit.tomlkit.dumps", lambda _: "[reflex]\nenabled = true\n")
    with pytest.raises(ConfigError, match="nothing was written"):
        set_enabled(settings, on=True)
    assert path.read_text() == "[reflex]\nmodel = 'a'\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_leaves_a_file_its_owner_and_group(tmp_path: Path) -> None:
    """On a bind mount, a person can still write what was rewritten for him."""
    path = tmp_path / "stage0.toml"
    path.write_text("[reflex]\n")
    os.chown(path, 1000, 1001)
    set_enabled(load_settings(path), on=True)
    assert (path.stat().st_uid, path.stat().st_gid) == (1000, 1001)
