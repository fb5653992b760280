"""What a healthy server lacks, as its own switches tell."""

from __future__ import annotations

import pytest

from core.client.server import Engine, EngineIdentity
from core.client.setup import ServerSetup
from core.router.server_notices import AGENT_CONTEXT, of_setup, too_few_requests


def served(engine: Engine = Engine.SGLANG, **setup: object) -> EngineIdentity:
    """A server that tells these switches."""
    return EngineIdentity(engine, None, "", ServerSetup(**setup))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("engine", "switch"),
    [
        (Engine.SGLANG, "--context-length"),
        (Engine.VLLM, "--max-model-len"),
        (Engine.LLAMACPP, "--ctx"),
        (Engine.OLLAMA, "OLLAMA_CONTEXT_LENGTH"),
        (Engine.UNKNOWN, "go to the cloud."),
    ],
)
def test_a_context_too_small_for_agents(engine: Engine, switch: str) -> None:
    """It says how much there is, what agents need, and which switch sets it."""
    (notice,) = of_setup(served(engine, context_tokens=4096))
    assert "4,096 tokens" in notice
    assert switch in notice
    assert of_setup(served(engine, context_tokens=AGENT_CONTEXT)) == ()


def test_a_server_that_tells_nothing_lacks_nothing() -> None:
    """What is not known is no reason to warn."""
    assert of_setup(served()) == of_setup(None) == ()
    assert too_few_requests(served(), 64, 64) == too_few_requests(None, 64, 64) == ""


def test_llguidance_beside_a_reasoning_parser() -> None:
    """Each alone is sound."""
    (notice,) = of_setup(served(grammar_backend="llguidance", reasoning_parser="qwen3"))
    assert "--grammar-backend xgrammar" in notice
    assert of_setup(served(grammar_backend="llguidance")) == ()
    assert of_setup(served(grammar_backend="xgrammar", reasoning_parser="qwen3")) == ()


@pytest.mark.parametrize(
    ("candidates", "calls", "fits"), [(3, 1, True), (1, 3, True), (4, 1, False), (2, 2, False)]
)
def test_candidates_times_calls_against_the_queue(
    candidates: int, calls: int, *, fits: bool
) -> None:
    """Of a server that runs one request and lets two wait, as recorded, the fourth is refused."""
    notice = too_few_requests(served(running=1, queued=2), candidates, calls)
    assert (notice == "") is fits
    assert fits or ("takes 3 requests" in notice and "--max-queued-requests" in notice)
