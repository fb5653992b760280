"""Real coding agents edit a file and run its test through the gateway, in each dialect they speak.

Each is run where its program is found on the PATH, with a home directory of the test's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from core.agents.launching import launch
from core.agents.profiles import AGENTS
from core.capsule import EventLog
from core.stages import Stage
from tests.support.behaviours import Seen, delta, event, streams
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import configured, gateway, on_post
from tests.support.patience import PATIENCE_S
from tests.support.router.world import promote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.settings import Settings

FILE = "def add(a, b):\n    return a {} b\n"
FIX = "sed -i 's/a - b/a + b/' calc.py"
TEST = "python3 -c 'import calc; assert calc.add(2, 3) == 5; print(\"all is well\")'"
# How each agent's tool for commands is called, and what it wants to be told.
SHELLS: Mapping[str, Any] = {
    "bash": lambda command: {"command": command, "description": "Runs a command"},
    "Bash": lambda command: {"command": command, "description": "Runs a command"},
    "exec_command": lambda command: {"cmd": command},
    "run_shell_command": lambda command: {"command": command, "is_background": False},
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "claude": ("--allowedTools", "Bash", "-p"),
    "codex": (
        *("exec", "-m", "gpt-5.5"),
        *("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
    ),
    "opencode": ("run",),
    "pi": ("-p",),
    "qwen": ("--yolo", "-p"),
}
# Claude Code's main turns are a plan unless its user says otherwise.
MAIN_IS_IMPLEMENT = """\
[serve.stages.claude-main]
header = "user-agent"
value = "claude-cli/*"
stage = "implement"
"""
PIS_APIS = {"openai-completions": "/v1", "openai-responses": "/v1", "anthropic-messages": ""}


@dataclass
class Model:
    """A model that has the file edited, then its test run, and then says who it is and is done."""

    name: str
    dies: bool = False
    waits_s: float = 0.0
    ended_well: bool = False

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        offered = [tool["function"]["name"] for tool in seen.json.get("tools", ())]
        shell = next((name for name in offered if name in SHELLS), None)
        if shell is None:  # a title, which some want as JSON
            titled = '{"title": "Fix"}' if "response_format" in seen.json else "Fix"
            ending = event(delta({}, "stop"))
            await streams(event(delta({"content": titled})), ending)(seen, writer)
            return
        results = [each for each in seen.json["messages"] if each["role"] == "tool"]
        if results and self.dies:
            writer.transport.abort()
            return
        await asyncio.sleep(self.waits_s)
        if len(results) < 2:
            call = json.dumps(SHELLS[shell]((FIX, TEST)[len(results)]))
            await streams(
                event(delta({"content": "I will run a command."})),
                event(delta({"tool_calls": [_call(len(results), shell, call)]})),
                event(delta({}, "tool_calls")),
            )(seen, writer)
        else:
            self.ended_well = "all is well" in json.dumps(results)
            await streams(
                event(delta({"content": f"Done by {self.name}."})), event(delta({}, "stop"))
            )(seen, writer)


def _call(nth: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": 0, "id": f"call_{nth}", "type": "function", "function": function}


def installed(name: str) -> Any:
    """An agent's name, skipped where it is not installed."""
    agent = AGENTS[name]
    missing = shutil.which(agent.program) is None
    reason = f"{agent.title} is not installed: {agent.install}"
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=reason), id=name)


def workshop(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder with a fault in it, and an environment with an empty home."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (work / "calc.py").write_text(FILE.format("-"))
    return work, {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb"}


def reasons(settings: Settings) -> list[str]:
    """Why each call went where it went, in order."""
    with EventLog(settings.state_dir / "capsule") as log:
        found = [dict(each.body) for each in log.read() if each.event_type == "RoutingDecision"]
    return [f"{each['mode']}: {each['reason']}, {each.get('detail')}" for each in found]


@pytest.mark.parametrize("name", [installed(name) for name in WORDS])
@pytest.mark.parametrize("way", ["reflex", "cloud", "reflex dies in between", "held for long"])
async def test_it_finishes_a_task(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    """The file is fixed and its test has run, whoever answers; a death is not noticed."""
    if way == "held for long" and not os.environ.get("REFLEX_TORTURE"):
        pytest.skip("REFLEX_TORTURE=1 holds each reply for 40 s")
    work, environ = workshop(tmp_path)
    local = Model("reflex", dies=way == "reflex dies in between")
    local.waits_s = 40.0 if way == "held for long" else 0.0
    far = Model("cloud")
    async with (
        FaultServer(on_post(local)) as reflex,
        FaultServer(on_post(far)) as cloud,
    ):
        settings = configured(
            project,
            cloud.endpoint,
            MAIN_IS_IMPLEMENT,
            reflex=reflex.endpoint,
            patience_ms=100_000,
        )
        if way != "cloud":
            await promote(settings)
        monkeypatch.chdir(work)
        async with asyncio.timeout(10 * PATIENCE_S):
            ended = await launch(
                settings,
                name,
                (*WORDS[name], "Fix calc.py and run its test."),
                stage=Stage.IMPLEMENT,
                environ=environ,
            )
    assert ended.status == 0
    assert (work / "calc.py").read_text() == FILE.format("+")
    by = far if way in {"cloud", "reflex dies in between"} else local
    assert by.ended_well, reasons(settings)


@dataclass
class Editor:
    """A model that writes whole files, as aider has it: at first a wrong one, then what passes."""

    name: str
    dies: bool = False
    ended_well: bool = False

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        has_failed = "AssertionError" in seen.json["messages"][-1]["content"]
        if has_failed and self.dies:
            writer.transport.abort()
            return
        self.ended_well = has_failed
        text = (
            f"Done by {self.name}.\n\ncalc.py\n```\n{FILE.format('+' if has_failed else '*')}```\n"
        )
        await streams(event(delta({"content": text})), event(delta({}, "stop")))(seen, writer)


@pytest.mark.parametrize("name", [installed("aider")])
@pytest.mark.parametrize("way", ["reflex", "cloud", "reflex dies in between"])
async def test_aider_finishes_a_task(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    """It calls no tools: the model writes files, and what its test says goes back to the model."""
    work, environ = workshop(tmp_path)
    local, far = Editor("reflex", dies=way == "reflex dies in between"), Editor("cloud")
    async with FaultServer(on_post(local)) as reflex, FaultServer(on_post(far)) as cloud:
        settings = configured(project, cloud.endpoint, reflex=reflex.endpoint)
        if way != "cloud":
            await promote(settings)
        monkeypatch.chdir(work)
        words = (
            *("--no-git", "--yes-always", "--no-check-update", "--analytics-disable"),
            *("--auto-test", "--test-cmd", TEST, "--message", "Mend add().", "calc.py"),
        )
        async with asyncio.timeout(10 * PATIENCE_S):
            ended = await launch(settings, name, words, stage=Stage.IMPLEMENT, environ=environ)
    assert ended.status == 0
    assert (work / "calc.py").read_text() == FILE.format("+")
    assert (local if way == "reflex" else far).ended_well, reasons(settings)


@pytest.mark.skipif(shutil.which("pi") is None, reason="pi is not installed")
@pytest.mark.parametrize("api", PIS_APIS)
@pytest.mark.parametrize("dies", [False, True], ids=["local", "local dies in between"])
async def test_pi_finishes_a_task(project: Path, tmp_path: Path, api: str, *, dies: bool) -> None:
    """In each of the three dialects, and the agent does not notice when the cloud takes over."""
    work, environ = workshop(tmp_path)
    local, far = Model("reflex", dies=dies), Model("cloud")
    async with FaultServer(on_post(local)) as reflex, FaultServer(on_post(far)) as cloud:
        settings = configured(project, cloud.endpoint, reflex=reflex.endpoint)
        await promote(settings)
        async with gateway(settings) as url:
            base = url.removesuffix("/v1") + PIS_APIS[api]
            provider = {"baseUrl": base, "api": api, "apiKey": "any", "models": [{"id": "reflex"}]}
            models = tmp_path / "home" / ".pi" / "agent" / "models.json"
            models.parent.mkdir(parents=True)
            models.write_text(json.dumps({"providers": {"r": provider}}))
            agent = await asyncio.create_subprocess_exec(
                *("pi", "--provider", "r", "--model", "reflex", "-p", "Fix calc.py."),
                cwd=work,
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(4 * PATIENCE_S):
                said, _ = await agent.communicate()
    assert agent.returncode == 0, said.decode()
    assert ("Done by cloud." if dies else "Done by reflex.") in said.decode()
    assert (far if dies else local).ended_well
