"""``code reflex mcp`` by the official client: in process, and once as an agent starts it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from core.client.backend import ChatRequest
from core.errors import ConfigError
from core.extras import how_to_install
from core.stages import Stage
from reflex_tui.cli.main import run
from reflex_tui.cli.mcp import server
from tests.support.implement.scene import BROKEN, CHECK, GOOD, PROMPT, scene
from tests.support.router.world import QUESTION, world

if TYPE_CHECKING:
    from mcp.client.client import Client
    from mcp_types import CallToolResult

CODE = Path(sys.executable).with_name("code")


def client_of(transport: object) -> Client:
    """The official client; the SDK takes seconds to load, so the first test does it."""
    from mcp.client.client import Client

    return Client(cast("Any", transport))


def said(result: CallToolResult) -> str:
    """The text of a result."""
    return "\n".join(getattr(block, "text", "") for block in result.content)


def document(result: CallToolResult) -> dict[str, Any]:
    """The document of a result that is no error."""
    assert not result.is_error, said(result)
    found: dict[str, Any] = json.loads(said(result))
    return found


async def test_it_says_how_things_are(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Health, who would answer next, and why a call went where it did."""
    monkeypatch.chdir(project)
    async with world(project) as w, client_of(server()) as client:
        async with w.implementer() as implementer:
            call = await implementer.call(ChatRequest(QUESTION), stage=Stage.PLAN)
            answer = await call.answer()
        assert document(await client.call_tool("health", {}))["ok"] is True
        status = document(await client.call_tool("status", {}))
        why = document(await client.call_tool("why", {"call_id": answer.call_id[:8]}))
        lost = await client.call_tool("why", {"call_id": "ffff"})
        tools = [tool.name for tool in (await client.list_tools()).tools]
    assert status["next_implement_call"]["mode"] == "reflex"
    assert why["decisions"][0]["reason"] == "not_implement_stage"
    assert why["attempts"][0]["success"] is True
    assert "request" not in json.dumps(why)
    assert lost.is_error
    assert "no call" in said(lost)
    assert tools == ["health", "status", "why"]  # without a check there is nothing to implement


async def test_a_task_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Solved on a copy, shown as a diff, written when that was asked for; other checks refused."""
    async with scene(tmp_path / "repo", reflex=[GOOD]) as found:
        monkeypatch.chdir(found.root)
        asked = {"prompt": PROMPT, "files": ["calc.py"]}
        async with client_of(server(checks=(CHECK,))) as client:
            refused = await client.call_tool("implement", {**asked, "check": "rm -rf ."})
            outside = await client.call_tool("implement", {**asked, "files": ["/etc/passwd"]})
            shown = document(await client.call_tool("implement", asked))
            assert found.calc == BROKEN
            written = document(await client.call_tool("implement", {**asked, "write": True}))
        assert found.calc == GOOD
    assert refused.is_error
    assert "must be one of" in said(refused)
    assert outside.is_error
    assert shown["solved"]
    assert not shown["written"]
    assert "+    return a + b" in shown["diff"]
    assert written["written"]


@pytest.mark.slow
async def test_as_an_agent_starts_it(project: Path) -> None:
    """By its command, over standard streams, in the project's directory."""
    async with world(project):
        from mcp.client.stdio import StdioServerParameters, stdio_client

        started = StdioServerParameters(
            command=str(CODE),
            args=["reflex", "mcp", "--check", CHECK],
            cwd=project,
            env=dict(os.environ),
        )
        async with client_of(stdio_client(started)) as client:
            names = {tool.name: tool for tool in (await client.list_tools()).tools}
            status = document(await client.call_tool("status", {}))
    assert set(names) == {"health", "status", "why", "implement"}
    assert "write" in names["implement"].input_schema["properties"]
    assert status["gate"]["valid"] is True


def test_a_check_for_a_shell_is_refused_at_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not when a model asks for it."""
    monkeypatch.chdir(project)
    assert run(["mcp", "--check", "pytest && rm x"], "code reflex") == 2
    assert "for a shell" in capsys.readouterr().err


def test_without_the_extra_it_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As other extras do."""
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    with pytest.raises(ConfigError, match="is not installed") as caught:
        server()
    assert caught.value.remedy == how_to_install("mcp")
