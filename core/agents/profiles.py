"""How one process of each agent is set up to ask the gateway instead of its own provider."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What the agents read their token from; the name says in a process list what it is.
KEY_VARIABLE = "REFLEX_GATEWAY_TOKEN"
# With one of them Claude Code asks that cloud, and not the base URL.
_CLAUDES_CLOUDS = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")
_MODEL = "reflex"  # any name would do: the gateway answers with its configured models


@dataclass(frozen=True, slots=True)
class Access:
    """Where the gateway is (``root``, without ``/v1``) and the token it asks for.

    ``token`` is None where the agent's own credential goes through to the cloud: it is left alone.
    """

    root: str
    token: str | None

    @property
    def api(self) -> str:
        """The base URL as OpenAI's clients want it."""
        return f"{self.root}/v1"


@dataclass(frozen=True, slots=True)
class AgentSetup:
    """What one process of an agent is started with.

    ``environ`` is set and ``unset`` removed, ``arguments`` stand before the user's own. ``file`` is
    the text of a file that an argument names with ``{file}``; it is gone with the process.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent: its name for users, its program, how to install it and how to set it up."""

    title: str
    program: str
    install: str
    setup: Callable[[Access], AgentSetup]


def _claude(access: Access) -> AgentSetup:
    if access.token is None:
        return AgentSetup({"ANTHROPIC_BASE_URL": access.root})
    # With a key as well, Claude Code asks whether to use it and sends both.
    return AgentSetup(
        {"ANTHROPIC_BASE_URL": access.root, "ANTHROPIC_AUTH_TOKEN": access.token},
        unset=("ANTHROPIC_API_KEY", *_CLAUDES_CLOUDS),
    )


def _codex(access: Access) -> AgentSetup:
    """By options, which win over every configuration file and are written to none."""
    provider = {"name": "Reflex", "base_url": access.api, "wire_api": "responses"}
    options = {f"model_providers.reflex.{key}": json.dumps(text) for key, text in provider.items()}
    environ = {}
    if access.token is None:
        options["model_providers.reflex.requires_openai_auth"] = "true"
    else:
        options["model_providers.reflex.env_key"] = json.dumps(KEY_VARIABLE)
        environ[KEY_VARIABLE] = access.token
    options["model_provider"] = '"reflex"'
    return AgentSetup(
        environ,
        arguments=tuple(word for option in options.items() for word in ("-c", "=".join(option))),
    )


def _opencode(access: Access) -> AgentSetup:
    """Its agent ``plan`` uses a second provider, whose calls name their stage."""

    def provider(**headers: str) -> dict[str, object]:
        options = {"baseURL": access.api, "apiKey": access.token or "", "headers": headers}
        return {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Reflex",
            "options": options,
            "models": {_MODEL: {"name": "Reflex"}},
        }

    model = f"reflex/{_MODEL}"
    content = {
        "provider": {
            "reflex": provider(),
            "reflex-plan": provider(**{"X-Speckit-Stage": "plan"}),
        },
        "model": model,
        "small_model": f"reflex-plan/{_MODEL}",
        "agent": {"plan": {"model": f"reflex-plan/{_MODEL}"}},
    }
    return AgentSetup({"OPENCODE_CONFIG_CONTENT": json.dumps(content)})


def _qwen(access: Access) -> AgentSetup:
    environ = {
        "OPENAI_BASE_URL": access.api,
        "OPENAI_API_KEY": access.token or "",
        "OPENAI_MODEL": _MODEL,
    }
    return AgentSetup(environ, arguments=("--auth-type", "openai"))


def _aider(access: Access) -> AgentSetup:
    model = f"openai/{_MODEL}"
    return AgentSetup(
        {
            "OPENAI_API_BASE": access.api,
            "OPENAI_API_KEY": access.token or "",
            "AIDER_MODEL": model,
            "AIDER_WEAK_MODEL": model,
            "AIDER_SHOW_MODEL_WARNINGS": "false",
        }
    )


def _pi(access: Access) -> AgentSetup:
    """By an extension of its own, since its list of providers is a file of the user's."""
    provider = {
        "baseUrl": access.api,
        "apiKey": KEY_VARIABLE,
        "api": "openai-completions",
        "models": [
            {
                "id": _MODEL,
                "name": "Reflex",
                "reasoning": False,
                "input": ["text", "image"],
                "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
                "contextWindow": 200_000,
                "maxTokens": 32_000,
            }
        ],
    }
    text = f'export default (pi) => pi.registerProvider("reflex", {json.dumps(provider)});\n'
    return AgentSetup(
        {KEY_VARIABLE: access.token or ""},
        arguments=("-e", "{file}", "--provider", "reflex", "--model", _MODEL),
        file=text,
    )


AGENTS: Mapping[str, Agent] = MappingProxyType(
    {
        "claude": Agent("Claude Code", "claude", "npm i -g @anthropic-ai/claude-code", _claude),
        "codex": Agent("Codex", "codex", "npm i -g @openai/codex", _codex),
        "opencode": Agent("opencode", "opencode", "npm i -g opencode-ai", _opencode),
        "qwen": Agent("Qwen Code", "qwen", "npm i -g @qwen-code/qwen-code", _qwen),
        "aider": Agent("aider", "aider", "uv tool install aider-chat", _aider),
        "pi": Agent("pi", "pi", "npm i -g @mariozechner/pi-coding-agent", _pi),
    }
)
"""The agents that ``code reflex launch`` knows, by the name typed there."""

CALLER_KEYS = frozenset({"claude", "codex"})
"""Agents whose own credential may go through to the cloud (``[cloud] auth = "caller"``)."""
