"""Secrets in a prompt, in a reply or in a server's words do not reach the workspace's files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.index import Index
from core.errors import ReflexError
from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Stage
from tests.support.behaviours import MODEL, Seen, said, streams, whole
from tests.support.capsule.secrets import PLANTED
from tests.support.faultserver import FaultServer
from tests.support.hostile.canary import files_below

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

# So much of a secret that is left over after a cut tells nothing.
_TELLING = 10


async def _repeat(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Say in the reply what the prompt says."""
    await streams(*said(json.dumps({"said": _prompt(seen)})))(seen, writer)


async def _refuse(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Say in the error what the prompt says."""
    await whole({"error": {"message": f"cannot read: {_prompt(seen)}"}}, status=400)(seen, writer)


async def _call_tool(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Say in a tool call's arguments what the prompt says."""
    function = {"name": "run", "arguments": json.dumps({"command": _prompt(seen)})}
    message: dict[str, Any] = {"tool_calls": [{"id": "1", "function": function}]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    await whole({"choices": [choice]})(seen, writer)


def _prompt(seen: Seen) -> str:
    return str(seen.json["messages"][-1]["content"])


_WAYS = (_repeat, _refuse, _call_tool)


@pytest.mark.parametrize(
    "before",
    [pytest.param(0, marks=pytest.mark.slow), 262, pytest.param(280, marks=pytest.mark.slow)],
)
async def test_planted_secrets_are_redacted_before_storage(project: Path, before: int) -> None:
    """Every kind, wherever it stands and wherever a message is cut, in the mode that keeps all."""
    async with FaultServer(*_WAYS * len(PLANTED)) as server:
        (project / "stage0.toml").write_text(
            f'[reflex]\ncapture_mode = "full_io"\n[cloud]\nendpoint = "{server.endpoint}"\n'
            f'model = "{MODEL}"\n'
        )
        settings = load_settings(cwd=project)
        errors = []
        async with Implementer.from_settings(settings) as implementer:
            for text, _ in PLANTED.values():
                prompt = f"{'x' * before} {text} "
                for _ in _WAYS:
                    error = await _ended(implementer, prompt, text)
                    errors += [error] if error else []
    with EventLog(settings.state_dir / "capsule") as log, Index(log) as index:
        index.update()
        calls = [record for record in log.read() if record.event_type == "LLMCall"]
    assert len(calls) == 3 * len(PLANTED)
    assert len(errors) == len(PLANTED)
    files = files_below(settings.state_dir)
    kept = {path.name: content.decode(errors="replace") for path, content in files.items()}
    told = {"an error": "\n".join(f"{error} {error!r}" for error in errors)}
    for kind, (_, secret) in PLANTED.items():
        for place, content in {**kept, **told}.items():
            for part in (secret[:_TELLING], secret[-_TELLING:]) if len(secret) > 20 else (secret,):
                assert part not in content, (kind, place)


async def _ended(implementer: Implementer, prompt: str, text: str) -> ReflexError | None:
    tools = [{"type": "function", "function": {"name": "run", "description": text}}]
    try:
        await implementer.complete(
            [{"role": "user", "content": prompt}], stage=Stage.PLAN, extra={"tools": tools}
        )
    except ReflexError as error:
        return error
    return None
