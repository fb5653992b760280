"""What real coding agents sent, long prose cut; each request as it came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.gateway.dialects.chat import Chat
from core.gateway.dialects.messages import Messages
from core.gateway.dialects.responses import Responses

_FILE = Path(__file__).with_name("agents.jsonl")
DIALECTS = {one.name: one for one in (Chat(), Responses(), Messages())}
_PATHS = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}


@dataclass(frozen=True)
class AgentRequest:
    """One request: ``agent`` with its version, its ``turn``, and what was sent."""

    agent: str
    turn: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def dialect(self) -> str:
        """chat, responses or messages."""
        return _PATHS[self.path.partition("?")[0]]

    def __str__(self) -> str:
        return f"{self.agent}-{self.turn}"


@cache
def recorded() -> tuple[AgentRequest, ...]:
    """All of them."""
    return tuple(AgentRequest(**json.loads(line)) for line in _FILE.read_text().splitlines())


def latest(agent: str) -> AgentRequest:
    """The last turn of the agent whose name begins so."""
    return [one for one in recorded() if one.agent.startswith(agent)][-1]
