"""A user without a home directory: reading needs none, and what needs one says so in a line."""

from __future__ import annotations

import pwd
from typing import TYPE_CHECKING

import pytest

from core.capsule.keys import user_key
from core.errors import ConfigError, NoHome
from core.settings import load_settings
from core.settings import trust as trusting
from core.userdirs import in_demo, user_dir

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither HOME, nor XDG variables, nor an entry in the passwd file."""

    def missing(_: int) -> pwd.struct_passwd:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", missing)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("kind", ["cache", "config", "data", "state"])
def test_it_is_one_error(kind: str) -> None:
    """Which names the variables to set."""
    with pytest.raises(NoHome) as caught:
        user_dir(kind)  # type: ignore[arg-type]
    assert f"XDG_{kind.upper()}_HOME" in caught.value.remedy
    assert isinstance(caught.value, ConfigError)
    assert caught.value.exit_code == 2


def test_reading_needs_none(project: Path) -> None:
    """The project's file and the defaults are read; nothing is trusted, no workspace a demo's."""
    assert load_settings(cwd=project).source.path is None
    (project / "stage0.toml").write_text("[reflex]\nenabled = true\n")
    assert load_settings(cwd=project).reflex.enabled
    assert trusting.trusted() == frozenset()
    assert not in_demo(project)


def test_what_needs_one_says_so() -> None:
    """The list of trusted servers and the key."""
    with pytest.raises(NoHome):
        trusting.trust("http://llm.example:8000")
    with pytest.raises(NoHome):
        user_key()


def test_an_xdg_variable_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where instead."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert user_dir("config") == tmp_path / "speckit-reflex"
