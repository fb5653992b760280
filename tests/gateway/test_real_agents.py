"""A real coding agent does a task with a tool through the gateway, in each dialect it speaks.

Run where pi is found on the PATH; its configuration lives in a home directory of the test's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.behaviours import Seen, delta, event, streams
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import configured, gateway, on_post
from tests.support.router.world import promote

if TYPE_CHECKING:
    from pathlib import Path

PI = shutil.which("pi")
APIS = {
    "openai-completions": "/v1",
    "openai-responses": "/v1",
    "anthropic-messages": "",
}
RUN = {"name": "bash", "arguments": json.dumps({"command": "echo hello > made.txt"})}
CALLING = streams(
    event(delta({"content": "I will run a command."})),
    event(delta({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": RUN}]})),
    event(delta({}, "tool_calls")),
)


def model(name: str, *, dies: bool = False) -> Any:
    """A server that calls for the command, and after its result says who it is, or dies."""
    ending = streams(event(delta({"content": f"Done by {name}."})), event(delta({}, "stop")))

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        ran = any(message["role"] == "tool" for message in seen.json["messages"])
        if ran and dies:
            writer.transport.abort()
        else:
            await (ending if ran else CALLING)(seen, writer)

    return on_post(answer)


@pytest.mark.skipif(
    PI is None, reason="pi is not installed: npm i -g @mariozechner/pi-coding-agent"
)
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("dies", [False, True], ids=["local", "local dies in between"])
async def test_pi_finishes_a_task(project: Path, tmp_path: Path, api: str, *, dies: bool) -> None:
    """The file is made, and the agent does not notice when the cloud takes over."""
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    async with (
        FaultServer(model("reflex", dies=dies)) as reflex,
        FaultServer(model("cloud")) as cloud,
    ):
        settings = configured(project, cloud.endpoint, reflex=reflex.endpoint)
        await promote(settings)
        async with gateway(settings) as url:
            base = url.removesuffix("/v1") + APIS[api]
            provider = {"baseUrl": base, "api": api, "apiKey": "any", "models": [{"id": "reflex"}]}
            models = home / ".pi" / "agent" / "models.json"
            models.parent.mkdir(parents=True)
            models.write_text(json.dumps({"providers": {"r": provider}}))
            agent = await asyncio.create_subprocess_exec(
                str(PI),
                *("--provider", "r", "--model", "reflex", "-p", "Make the file."),
                cwd=work,
                env={"PATH": os.environ["PATH"], "HOME": str(home)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(120):
                said, _ = await agent.communicate()
    assert agent.returncode == 0, said.decode()
    assert ("Done by cloud." if dies else "Done by reflex.") in said.decode()
    assert (work / "made.txt").read_text() == "hello\n"
