"""Other clients that people point at such an API: `llm` and LiteLLM, where they are installed."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import TYPE_CHECKING, Any

import pytest

from core.standin.answers import SENTENCE
from tests.support.gateway.serving import QUESTION, SCHEMA, TOOL, gateway
from tests.support.router.world import world

if TYPE_CHECKING:
    from pathlib import Path

STAGE = {"X-Speckit-Stage": "plan"}


@pytest.mark.slow
async def test_llm(project: Path) -> None:
    """Streamed, whole, and by a schema."""
    models: Any = pytest.importorskip("llm.default_plugins.openai_models")
    async with world(project) as w, gateway(w.settings) as url:
        model = models.AsyncChat(
            "reflex", model_name="reflex", api_base=url, headers=STAGE, supports_schema=True
        )
        asked = QUESTION[0]["content"]
        streamed = "".join([piece async for piece in model.prompt(asked, key="any")])
        whole = await model.prompt(asked, key="any", stream=False).text()
        data = await model.prompt(asked, key="any", schema=SCHEMA).text()
        gc.collect()  # it closes its connections when it is collected, by a task of this loop
        await asyncio.sleep(0.05)
    assert streamed == whole == SENTENCE
    assert json.loads(data)["path"] == "a.py"
    assert {decision["stage"] for decision in w.events("RoutingDecision")} == {"plan"}


@pytest.mark.filterwarnings("ignore")  # its own, and those of what it imports
async def test_litellm(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its completion call, streamed and whole, with tools offered."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it looks for prices online
    litellm: Any = pytest.importorskip("litellm")
    async with world(project) as w, gateway(w.settings) as url:
        asked = {
            "model": "openai/reflex",
            "api_base": url,
            "api_key": "any",
            "messages": QUESTION,
            "tools": [TOOL],
            "extra_headers": STAGE,
        }
        whole = await litellm.acompletion(**asked)
        stream = await litellm.acompletion(**asked, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert whole.choices[0].message.content == "".join(pieces) == SENTENCE
    assert {decision["stage"] for decision in w.events("RoutingDecision")} == {"plan"}
