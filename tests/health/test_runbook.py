"""The runbook's start lines are those that ``health`` gives, and its answers are real."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from core.router.condition import Cause
from core.router.remedies import remedy
from core.settings.model import Document
from tests.support.health.mistakes import MISTAKES, MODEL, RUNBOOK, answer, blocks
from tests.support.health.servers import local

PAGE = RUNBOOK.read_text(encoding="utf-8")
SHOWN = blocks(PAGE)


def fenced(kind: str) -> list[str]:
    """Every block of this kind."""
    parts = PAGE.split(f"```{kind}\n")[1:]
    return [part.partition("```")[0] for part in parts]


def test_the_start_lines_are_those_that_health_gives() -> None:
    """One place decides which switches are right; the page cannot lag behind it."""
    primary = local("http://127.0.0.1:3009/v1", MODEL)
    fallback = replace(primary, name="vllm", endpoint="http://127.0.0.1:8000/v1")
    sglang = remedy(Cause.NOT_LISTENING, primary)[1]
    vllm = [remedy(Cause.NOT_LISTENING, backend)[2] for backend in (primary, fallback)]
    lines = "".join(fenced("sh")).splitlines()
    assert [line for line in lines if line.startswith(("sglang serve", "vllm serve"))] == [
        sglang,
        *vllm,
    ]


def test_every_switch_is_explained() -> None:
    """What nobody explains, nobody dares to change."""
    for line in "".join(fenced("sh")).splitlines():
        if line.startswith(("sglang serve", "vllm serve")):
            given = {word for word in line.split() if word.startswith("--")}
            common = {"--model-path", "--host", "--port", "--served-model-name"}
            for switch in given - common:
                assert f"| `{switch}" in PAGE, switch


def test_the_configuration_is_valid() -> None:
    """Each table of the page can be pasted."""
    joined: dict[str, Any] = {}
    for text in fenced("toml"):
        for table, values in tomllib.loads(text).items():
            joined.setdefault(table, {}).update(values)
    document = Document.model_validate(joined)
    assert document.reflex.fallback.order == ("vllm", "cloud")


def test_every_mistake_is_shown() -> None:
    """And nothing is shown that was not made."""
    assert set(SHOWN) == set(MISTAKES)


@pytest.mark.parametrize("name", MISTAKES)
async def test_health_says_what_the_page_shows(name: str) -> None:
    """The mistake is made on a server, and the answer compared to the letter."""
    assert await answer(name) == SHOWN[name]
