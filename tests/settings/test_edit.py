"""enable and disable change one line of the user's file and nothing else."""

from __future__ import annotations

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
