"""The runbook's start lines are those that ``health`` gives, and its answers are real."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.router.condition import Cause
from core.router.remedies import remedy
from core.settings.model import Document
from tests.support.health.mistakes import MISTAKES, MODEL, RUNBOOK, answer, blocks
from tests.support.health.servers import local

FLAGS = Path(__file__).parent / "flags"
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


def flags(name: str) -> dict[str, set[str]]:
    """The switches an engine's parser knows, with their choices where these are fixed."""
    lines = (FLAGS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    known = (line.partition(" ") for line in lines)
    return {flag: set(choices.split("|")) if choices else set() for flag, _, choices in known}


def commands(program: str) -> list[list[str]]:
    """Every way the page runs ``program``, as words."""
    lines = "".join(fenced("sh")).splitlines()
    return [shlex.split(line) for line in lines if line.startswith(f"{program} ")]


@pytest.mark.parametrize(
    ("program", "known"),
    [
        ("sglang serve", "sglang-0.5.23"),
        ("vllm serve", "vllm-0.32.0"),
        ("llama-server", "llama-server"),
    ],
)
def test_the_engines_know_every_switch(program: str, known: str) -> None:
    """A start line that its engine refuses helps nobody."""
    parser = flags(known)
    lines = commands(program)
    assert lines
    for words in lines:
        for at, word in enumerate(words):
            if word.startswith("--"):
                assert word in parser, word
                if choices := parser[word]:
                    assert words[at + 1] in choices, word


def test_the_engines_know_the_switches_of_the_text() -> None:
    """Those that tables and sentences name, by the engines they name there."""
    everywhere = flags("sglang-0.5.23") | flags("vllm-0.32.0") | flags("llama-server")
    reflex = {"--deep", "--write", "--gguf", "--hf", "--model", "--identifier", "--ttl", "--arms"}
    reflex.add("--undo")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", PAGE)) - reflex
    assert {"--reasoning-parser", "--tp-size", "--speculative-config"} <= named
    docker = {"--rm", "--security-opt", "--volume", "--tag", "--network"}
    others = {"--against", "--type", "--api-key", "--ctx", "--schema"}
    assert named <= set(everywhere) | others | docker


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
