"""Of which stage a request is, by what real agents send."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.errors import ConfigError
from core.gateway.stage_rules import BUILT_IN, Placed, conditions, placed, rules_of
from core.settings import load_settings
from core.stages import Stage
from tests.support.gateway.serving import ASKED, CHAT, fronted
from tests.support.router.world import world

if TYPE_CHECKING:
    from pathlib import Path

    from core.settings.model import StageRule

DEFAULT = Stage.AUDIT  # that no rule names
HEADERS = {
    "claude-code": {"User-Agent": "claude-cli/2.1.332 (external, sdk-cli)", "x-app": "cli"},
    "claude-code subagent": {
        "User-Agent": "claude-cli/2.1.332 (external, sdk-cli)",
        "X-Claude-Code-Agent-Id": "a1",
    },
    "codex": {"user-agent": "codex_exec/0.171.0 (Debian 12.0.0; x86_64)", "session-id": "s"},
    "codex subagent": {"user-agent": "codex_exec/0.171.0", "x-openai-subagent": "collab_spawn"},
    "codex review": {"user-agent": "codex_exec/0.171.0", "x-openai-subagent": "review"},
    "codex compaction": {"user-agent": "codex_exec/0.171.0", "x-openai-subagent": "compact"},
    "opencode": {"User-Agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23"},
    "qwen": {"user-agent": "QwenCode/0.24.4 (linux; x64)"},
    "pi": {"User-Agent": "OpenAI/JS 6.26.0"},
}


def place(
    name: str,
    more: dict[str, str] | None = None,
    *,
    tools: bool = True,
    own: dict[str, StageRule] | None = None,
) -> Placed:
    """Where this agent's request belongs."""
    headers = {key.lower(): value for key, value in (HEADERS[name] | (more or {})).items()}
    return placed(headers, "gpt-5.5", tools=tools, own=own or {}, default=DEFAULT)


@pytest.mark.parametrize(
    ("name", "tools", "stage", "rule"),
    [
        ("claude-code", True, Stage.PLAN, "claude-main"),
        ("claude-code subagent", True, Stage.IMPLEMENT, "claude-subagent"),
        ("codex", True, DEFAULT, None),
        ("codex subagent", True, Stage.IMPLEMENT, "codex-subagent"),
        ("codex review", True, Stage.VALIDATE, "codex-review"),
        ("codex compaction", False, Stage.PLAN, "codex-compact"),
        ("opencode", True, DEFAULT, None),
        ("opencode", False, Stage.PLAN, "opencode-title"),
        ("qwen", True, DEFAULT, None),
        ("qwen", False, Stage.PLAN, "qwen-summary"),
        ("pi", True, DEFAULT, None),
        ("pi", False, DEFAULT, None),
    ],
)
def test_agents_are_known_by_what_they_send(
    name: str, *, tools: bool, stage: Stage, rule: str | None
) -> None:
    """Main conversations plan, subagents implement, titles and summaries go to the cloud."""
    assert place(name, tools=tools) == (stage, rule)


def test_the_header_wins_over_every_rule() -> None:
    """In any case; one that names no stage is the caller's mistake."""
    assert place("claude-code", {"X-Speckit-Stage": " Implement "}) == (Stage.IMPLEMENT, None)
    with pytest.raises(ValueError, match="deploy"):
        place("claude-code", {"X-Speckit-Stage": "deploy"})


def rules(tmp_path: Path, text: str) -> dict[str, StageRule]:
    """The rules of a configuration."""
    path = tmp_path / "stage0.toml"
    path.write_text(text)
    return dict(load_settings(path).serve.stages)


def test_own_rules_come_first_in_their_order(tmp_path: Path) -> None:
    """All conditions of a rule must hold; the first such rule decides."""
    own = rules(
        tmp_path,
        """
        [serve.stages.cheap]
        model = "gpt-5.?"
        tools = false
        stage = "tasks"
        [serve.stages.night]
        header = "X-Team"
        value = "night-*"
        stage = "implement"
        [serve.stages.team]
        header = "x-team"
        stage = "specify"
        """,
    )
    assert list(rules_of(own))[:3] == ["cheap", "night", "team"]
    assert place("claude-code", own=own) == (Stage.PLAN, "claude-main")
    assert place("claude-code", own=own, tools=False) == (Stage.TASKS, "cheap")
    assert place("pi", {"x-team": "night-2"}, own=own) == (Stage.IMPLEMENT, "night")
    assert place("pi", {"X-Team": "day"}, own=own) == (Stage.SPECIFY, "team")


def test_a_built_in_rule_can_be_replaced(tmp_path: Path) -> None:
    """By one of its name."""
    own = rules(
        tmp_path,
        '[serve.stages.claude-main]\nheader = "user-agent"\nvalue = "claude-cli/*"\n'
        'stage = "implement"\n',
    )
    assert place("claude-code", own=own) == (Stage.IMPLEMENT, "claude-main")
    assert len(rules_of(own)) == len(BUILT_IN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('stage = "plan"', "one of header, model and tools"),
        ('stage = "plan"\nvalue = "x"', "needs a header"),
        ('header = "x"', "stage: is required"),
        ('stage = "deploy"\nheader = "x"', "stage: "),
        ('stage = "plan"\nheader = "x y"', "header: "),
        ('stage = "plan"\nheader = "x"\nmodels = "y"', "did you mean 'model'"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With file, line and key."""
    with pytest.raises(ConfigError, match=r"serve\.stages\.mine") as caught:
        rules(tmp_path, f"[serve.stages.mine]\n{text}\n")
    assert said in str(caught.value)


def test_every_rule_can_be_read() -> None:
    """As `status` shows it."""
    said = {name: conditions(rule) for name, rule in BUILT_IN.items()}
    assert said["claude-subagent"] == "has x-claude-code-agent-id"
    assert said["opencode-title"] == "user-agent: opencode/*, offers no tools"


async def test_the_decision_says_who_asked(project: Path) -> None:
    """The rule, and the agent's session and subagent; ids are hashed unless replies are kept."""
    headers = {**HEADERS["claude-code subagent"], "X-Claude-Code-Session-Id": "session-1"}
    kept = {}
    for mode in ("prompts_only", "full_io"):
        async with world(project) as w:
            settings = replace(
                w.settings, reflex=w.settings.reflex.model_copy(update={"capture_mode": mode})
            )
            async with fronted(settings) as http:
                for sent in (headers, headers, HEADERS["claude-code"], HEADERS["pi"]):
                    answered = await http.post(CHAT, json=ASKED, headers=sent)
                    assert answered.status_code == 200, answered.text
            first = [one for one in w.events("RoutingDecision") if not one["is_fallback"]]
            kept[mode] = first[-4:]
            asked = {one["call_id"]: one["session"] for one in w.events("RoutingDecision")}
            assert all(one["session"] == asked[one["call_id"]] for one in w.events("LLMCall"))
    hashed, same, main, unknown = kept["prompts_only"]
    assert (hashed["stage"], hashed["stage_rule"]) == ("implement", "claude-subagent")
    assert hashed["session"] == same["session"] != "session-1"
    assert hashed["agent"].startswith("hmac-sha256:")
    assert (main["stage"], main["stage_rule"], main["agent"]) == ("plan", "claude-main", None)
    assert (unknown["stage_rule"], unknown["session"]) == (None, None)
    assert (kept["full_io"][0]["session"], kept["full_io"][0]["agent"]) == ("session-1", "a1")
