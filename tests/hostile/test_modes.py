"""What is written is for its owner alone, whatever the umask."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.capsule.index import Index
from core.demo.workspace import configure, make_workspace, plant_gate
from core.errors import Counting
from core.router.backends import primary
from core.router.view import breaker_of
from core.settings import load_settings
from core.settings.policy import PolicySnapshot
from core.settings.trust import trust
from core.standin.scripted_server import start_scripted
from reflex_tui import terminal as clipboard
from reflex_tui import theme
from tests.support.hostile.canary import scene

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    """The least careful user's umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def too_open(*roots: Path) -> dict[str, str]:
    """Everything below that anybody else could read or write, with its mode."""
    found = [path for root in roots if root.exists() for path in (root, *root.rglob("*"))]
    assert found
    modes = {path: S_IMODE(path.lstat().st_mode) for path in found}
    return {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077}


def homes() -> list[Path]:
    """The user's own directories, where there is one by now."""
    return [Path(os.environ[f"XDG_{name}_HOME"]) for name in ("CONFIG", "DATA", "STATE")]


async def test_a_workspace_and_the_users_key(project: Path) -> None:
    """Capsule, index, policies, breakers, key: files 0600, directories 0700."""
    async with scene(project, "full_io") as world:
        for reflex in ("closes", "reply", "error_401"):
            await world.call(reflex, "reply")
        state = world.settings.state_dir
        with EventLog(state / "capsule") as log, Index(log) as index:
            index.update()
            assert {path.name for path in state.iterdir()} == {"capsule", "policies", "breaker"}
            assert not too_open(state, *homes())


@pytest.mark.parametrize("first", ["policies", "breaker", "capsule"])
async def test_whoever_comes_first_makes_the_directory_private(project: Path, first: str) -> None:
    """``.speckit`` itself is private whichever of its parts is written first."""
    settings = load_settings(cwd=project)
    if first == "policies":
        PolicySnapshot.capture(settings).store(settings.state_dir / "policies")
    elif first == "breaker":
        breaker = breaker_of(settings, primary(settings))
        breaker.failed(Counting.COUNTED)
        breaker.close()
    else:
        start_scripted(log=settings.state_dir / "capsule" / "x.log").stop()
    assert not too_open(settings.state_dir)


def test_the_users_own_files() -> None:
    """The trust list decides where prompts may go; nobody else may add to it."""
    trust("https://llm.example.com/v1")
    theme.remember(theme.user_state_file(), "reflex-light")
    assert not too_open(*homes())
    assert not too_open(clipboard.to_file("x", homes()[0]))


def test_a_trust_list_that_was_open_is_closed() -> None:
    """One made by an earlier version under a loose umask does not stay open."""
    trust("https://llm.example.com/v1")
    path = homes()[0] / "speckit-reflex" / "trusted-endpoints"
    path.chmod(0o666)
    trust("https://other.example.com/v1")
    assert not too_open(*homes())
    assert path.read_text().split() == [
        "https://llm.example.com:443",
        "https://other.example.com:443",
    ]


def test_a_demo() -> None:
    """The demo's workspace keeps whole requests and replies."""
    workspace = make_workspace()
    path = configure(
        workspace,
        engine="http://127.0.0.1:9/v1",
        engine_model="e",
        cloud="http://127.0.0.1:9/v1",
        cloud_model="c",
    )
    plant_gate(load_settings(path), "engine")
    assert not too_open(*homes())
