"""Claude Code, told to use a tool of ``code reflex mcp``, gets its answer and goes on with it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.behaviours import Seen, delta, event, streams
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import configured, gateway, on_post

if TYPE_CHECKING:
    from tests.support.behaviours import Handler

CLAUDE = shutil.which("claude")
CODE = Path(sys.executable).with_name("code")
TOOL = "mcp__reflex__status"


def calling(name: str, **arguments: str) -> Handler:
    """What calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    return streams(event(delta({"tool_calls": [call]})), event(delta({}, "tool_calls")))


async def model(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """A server that asks for the status where it is offered, and says what it was told."""
    results = str([one["content"] for one in seen.json["messages"] if one["role"] == "tool"])
    offered = [one["function"]["name"] for one in seen.json.get("tools", ())]
    if "next_implement_call" in results:
        told = "reflex_disabled" if "reflex_disabled" in results else "something else"
        said = streams(event(delta({"content": f"It says {told}."})), event(delta({}, "stop")))
    elif TOOL in offered:
        said = calling(TOOL)
    else:
        said = streams(event(delta({"content": "No such tool."})), event(delta({}, "stop")))
    await said(seen, writer)


@pytest.mark.skipif(
    CLAUDE is None, reason="Claude Code is not installed: npm i -g @anthropic-ai/claude-code"
)
async def test_claude_code_asks_for_the_status(project: Path, tmp_path: Path) -> None:
    """The tool's answer reaches the model, and so the agent's last words."""
    home = tmp_path / "home"
    home.mkdir()
    async with FaultServer(on_post(model)) as cloud:
        settings = configured(project, cloud.endpoint)
        servers = {"reflex": {"command": str(CODE), "args": ["reflex", "mcp"]}}
        async with gateway(settings) as url:
            agent = await asyncio.create_subprocess_exec(
                str(CLAUDE),
                *("-p", "Who would answer the next call?"),
                *("--mcp-config", json.dumps({"mcpServers": servers}), "--strict-mcp-config"),
                *("--allowedTools", TOOL),
                cwd=project,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "ANTHROPIC_BASE_URL": url.removesuffix("/v1"),
                    "ANTHROPIC_AUTH_TOKEN": "any",
                    # Its first turn waits for the server's tools.
                    "MCP_CONNECTION_NONBLOCKING": "0",
                    "MCP_CONNECT_TIMEOUT_MS": "60000",
                    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(120):
                said, _ = await agent.communicate()
    assert agent.returncode == 0, said.decode()
    assert "It says reflex_disabled." in said.decode()
