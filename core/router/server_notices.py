"""What a healthy server lacks, in sentences that say what to do about it; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.client.server import Engine

if TYPE_CHECKING:
    from core.client.server import EngineIdentity

AGENT_CONTEXT = 16_384
"""Tokens that an agent's instructions, tools and one file take; below it warns."""
_CONTEXT_SWITCHES = {
    Engine.SGLANG: "--context-length",
    Engine.VLLM: "--max-model-len",
    Engine.LLAMACPP: "-c (code reflex engine: --ctx)",
    Engine.OLLAMA: "OLLAMA_CONTEXT_LENGTH",
}


def of_setup(identity: EngineIdentity | None) -> tuple[str, ...]:
    """What the server's own switches give reason to say, whatever the configuration."""
    if identity is None:
        return ()
    return tuple(filter(None, (_context(identity), _grammar_with_reasoning(identity))))


def too_few_requests(identity: EngineIdentity | None, candidates: int, calls: int) -> str:
    """Whether ``calls`` at once, of ``candidates`` requests each, are more than the server takes.

    Empty where they fit, or where the server does not tell its limits.
    """
    setup = identity.setup if identity else None
    if setup is None or setup.queued is None:
        return ""
    room, asked = (setup.running or 0) + setup.queued, candidates * calls
    if asked <= room:
        return ""
    return (
        f"It takes {room} requests at once ({setup.running or 0} running, {setup.queued} queued), "
        f"and candidates × parallel calls is {asked}: the rest is refused. Raise "
        "--max-queued-requests, or lower candidates."
    )


def _context(identity: EngineIdentity) -> str:
    context = identity.setup.context_tokens
    if context is None or context >= AGENT_CONTEXT:
        return ""
    switch = _CONTEXT_SWITCHES.get(identity.engine)
    how = f"; {switch} sets it" if switch else ""
    return (
        f"Its context is {context:,} tokens: enough for the patch loop's small files, too little "
        f"for agents, which need {AGENT_CONTEXT:,}. Longer prompts go to the cloud{how}."
    )


def _grammar_with_reasoning(identity: EngineIdentity) -> str:
    setup = identity.setup
    if setup.reasoning_parser is None or setup.grammar_backend != "llguidance":
        return ""
    return (
        "llguidance beside a reasoning parser fails every request with a schema: start it with "
        "--grammar-backend xgrammar, or without --reasoning-parser."
    )
