"""``code reflex init``: the first configuration, for a server that is really there."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from core.settings import load_settings
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from reflex_tui.cli import init
from reflex_tui.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where nothing is configured."""
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port at which nothing listens, and the only one that is tried by default."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    monkeypatch.setattr(init, "PORTS", (port,))
    return port


async def test_it_finds_a_server_and_configures_it(
    here: Path, closed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Among ports where none is; the file is one that health then accepts."""
    async with ScriptedServer(Script(model='it\'s "m"')) as server:
        monkeypatch.setattr(init, "PORTS", (closed, server.port))
        assert await asyncio.to_thread(run, ["init"], "code reflex") == 0
        told = capsys.readouterr().out
        settings = load_settings()
        assert settings.source.path == here / "stage0.toml"
        assert settings.reflex.endpoint == f"http://127.0.0.1:{server.port}/v1"
        assert settings.reflex.model == 'it\'s "m"'
        assert settings.reflex.enabled is False
        assert "code reflex bakeoff" in told
        assert await asyncio.to_thread(run, ["health"], "code reflex") == 0
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((here / "stage0.toml").stat().st_mode) == 0o666 & ~umask


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("more", [[], ["--port", "9"]])
def test_without_a_server_nothing_is_written(
    here: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how to start one, and ends with 1."""
    assert run(["init", "--json", *more], "code reflex") == 1
    ended = capsys.readouterr()
    assert json.loads(ended.out)["error"]["code"] == "no_server"
    assert "code reflex engine" in ended.err
    assert not (here / "stage0.toml").exists()


async def test_a_model_that_is_not_served_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With those that are."""
    async with ScriptedServer(Script(model="there")) as server:
        line = ["init", "--port", str(server.port), "--model", "absent"]
        assert await asyncio.to_thread(run, line, "code reflex") == 1
    assert "serve: there" in capsys.readouterr().err
    assert not (here / "stage0.toml").exists()


@pytest.mark.parametrize("place", ["loop", "pipe", "gone/stage0.toml", "/dev/null"])
def test_a_place_that_cannot_be_written_is_refused(
    here: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any server is looked for."""
    (here / "loop").symlink_to("loop")
    os.mkfifo(here / "pipe")
    assert run(["init", "--config", place], "code reflex") == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_configuration_is_never_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even an empty one."""
    (here / "stage0.toml").touch()
    assert run(["init"], "code reflex") == 2
    assert "there is a configuration already" in capsys.readouterr().err
    assert (here / "stage0.toml").read_text() == ""
