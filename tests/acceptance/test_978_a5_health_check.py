"""978-A5: ``code reflex health`` is 0 for a healthy server, else non-zero with what to do."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.engine.local import start_engine
from reflex_tui.model.slash import parse
from tests.support.acceptance.workplace import configure

if TYPE_CHECKING:
    from core.engine.process import ServerProcess
    from core.standin.scripted_server import ScriptedServer

pytestmark = pytest.mark.engine
CODE = Path(sys.executable).parent / "code"


def health(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``code reflex health`` in the project."""
    return subprocess.run(
        [CODE, "reflex", "health", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_zero_for_a_healthy_engine(
    engine: ServerProcess, scripted: ScriptedServer, project: Path
) -> None:
    """The real server serves the configured model: up, in words and in JSON."""
    configure(project, engine, scripted)
    told = health(project)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("● up")
    document = json.loads(health(project, "--json").stdout)
    assert document["ok"]
    assert document["models"] == [engine.model]


async def test_deep_shows_that_it_can_generate(
    engine: ServerProcess, scripted: ScriptedServer, project: Path
) -> None:
    """``--deep`` adds one constrained generation, with its TTFT and whether the schema held."""
    configure(project, engine, scripted, "timeout_ms = 30000\n")
    told = health(project, "--deep")
    assert told.returncode == 0, told.stdout
    assert "TTFT" in told.stdout
    assert "schema" in told.stdout


async def test_a_model_that_is_not_served_is_one_with_the_line_that_mends_it(
    engine: ServerProcess, scripted: ScriptedServer, project: Path
) -> None:
    """The advice is tried: with the line it gives, the server is healthy."""
    path = configure(project, engine, scripted, model="qwen2.5-coder-7b-instruct")
    told = health(project)
    assert told.returncode == 1
    line = f'model = "{engine.model}"'
    assert line in told.stdout
    path.write_text(path.read_text().replace('model = "qwen2.5-coder-7b-instruct"', line))
    assert health(project).returncode == 0


async def test_nothing_listening_is_one_with_a_command_that_starts_a_server(
    scripted: ScriptedServer, project: Path
) -> None:
    """The advice is tried: the port and model it names make the server healthy."""
    with start_engine(n_ctx=512, n_parallel=1, n_threads=1) as gone:
        configure(project, gone, scripted)
    told = health(project)
    assert told.returncode == 1
    assert told.stdout.startswith("✖ down")
    commands = [shlex.split(line) for line in told.stdout.splitlines() if str(gone.port) in line]
    assert {command[0] for command in commands} >= {"sglang", "vllm", "code"}
    (own,) = [command for command in commands if command[:3] == ["code", "reflex", "engine"]]
    valued = [word for word in own[3:] if word != "--write"]
    advised = dict(zip(valued[::2], valued[1::2], strict=True))
    port, model = int(advised["--port"]), advised.get("--model", gone.model)
    with start_engine(port=port, model=model, n_threads=1):
        assert health(project).returncode == 0


def test_a_configuration_that_cannot_be_used_is_two(project: Path) -> None:
    """It is not taken for a sick server; file, line and key are named."""
    (project / "stage0.toml").write_text("[reflex]\ntimeout_ms = -1\n")
    told = health(project)
    assert told.returncode == 2
    assert "stage0.toml:2: reflex.timeout_ms" in told.stderr


def test_the_dashboards_command_is_the_same(project: Path) -> None:
    """``/speckit.reflex health`` is a command of the dashboard."""
    assert parse("/speckit.reflex health").command.name == "health"
