"""The table of keywords: refused, ignored and kept are told apart, by asking."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from core.client.keywords import Grammar
from core.client.schema import compiled
from core.router.schema_table import KEYWORDS, Keyword, KeywordVerdict, schema_rows
from reflex_tui.cli.main import run
from tests.support.health.servers import Reply, in_turn, local, recorded_chat, serving
from tests.support.health.streams import stream
from tests.support.router.world import world

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = recorded_chat("sglang-0.5.23/unsupported_keyword")


def allowed(keyword: Keyword) -> str:
    """A value that a server which keeps the keyword writes."""
    examples = [
        '"x"',
        '"abc"',
        '"hello"',
        '"123"',
        '"aaa"',
        '"aa"',
        '"2026-01-12"',
        "3",
        "1",
        "0.5",
    ]
    examples += ["[1, 2, 3]", '[1, "x"]', "null", "true", "{}"]
    schema = compiled(keyword.schema)
    return next(text for text in examples if schema.is_valid(json.loads(text)))


async def verdicts(*replies: Reply) -> list[str]:
    """Of a server whose chats answer so, one after the other."""
    async with serving({"/v1/chat/completions": in_turn(*replies)}) as server:
        return [str(row.verdict) async for row in schema_rows(local(server.endpoint))]


def test_what_is_forbidden_is_forbidden() -> None:
    """Each prompt asks for a value that its schema does not allow."""
    for keyword in KEYWORDS:
        assert not compiled(keyword.whole).is_valid({"a": json.loads(keyword.forbidden)})


async def test_a_server_that_keeps_every_keyword() -> None:
    """It writes something else than it was asked for."""
    replies = [stream(f'{{"a": {allowed(keyword)}}}') for keyword in KEYWORDS]
    assert await verdicts(*replies) == ["kept"] * len(KEYWORDS)


async def test_a_server_that_ignores_every_keyword() -> None:
    """It does as the prompt says."""
    replies = [stream(f'{{"a": {keyword.forbidden}}}') for keyword in KEYWORDS]
    assert await verdicts(*replies) == ["ignored"] * len(KEYWORDS)


async def test_refusals_are_told() -> None:
    """As recorded of SGLang, which refuses what it would ignore."""
    async with serving({"/v1/chat/completions": REFUSED}) as server:
        rows = [row async for row in schema_rows(local(server.endpoint))]
        assert len(server.paths) == len(KEYWORDS)  # each asked once, as it is
    assert {row.verdict for row in rows} == {KeywordVerdict.REFUSED}
    assert all("uniqueItems" in row.said for row in rows)
    assert rows[0].as_json()["verdict"] == "refused"


@pytest.mark.parametrize("reply", [stream("{", "length"), Reply.of({"error": "gone"}, 500)])
async def test_what_is_not_known_is_unclear(reply: Reply) -> None:
    """A reply that was cut, a server that broke."""
    assert set(await verdicts(reply)) == {"unclear"}


async def test_the_command_says_which_grammar_calls_are_fitted_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that tells nothing of itself gets what nearly all take."""
    async with world(tmp_path, promoted=False):
        config = str(tmp_path / "stage0.toml")
        asked = ["health", "--schema", "--config", config]
        assert await asyncio.to_thread(run, asked, "code reflex") == 1  # refused: a pattern
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "grammar  not known: calls send what nearly all take"
        assert len(lines) == 1 + len(KEYWORDS)
        assert await asyncio.to_thread(run, [*asked, "--json"], "code reflex") == 1
        told = json.loads(capsys.readouterr().out)
        assert told["grammar"] == "portable"
        assert len(told["keywords"]) == len(KEYWORDS)


def test_calls_send_what_no_engine_refuses() -> None:
    """The table says of each keyword whether calls send it."""
    unsent = {keyword.name for keyword in KEYWORDS if not keyword.is_sent(Grammar.PORTABLE)}
    assert unsent == {
        "minLength",
        "pattern with look-around",
        "pattern with back-reference",
        "format",
        "fractional bounds of integers",
        "multipleOf",
        "minItems without items",
        "uniqueItems",
        "oneOf",
        "not",
    }
