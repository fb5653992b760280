"""Of which stage a request is, by what agents send anyway; pure.

The header ``X-Speckit-Stage`` wins. Then the rules are tried in order, those of ``[serve.stages]``
before the built-in ones; the first whose conditions all hold decides. Without one it is the
gateway's own default. A rule of the configuration with a built-in one's name takes its place.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from core.plain import plain
from core.router.decision import Caller
from core.settings.model import StageRule
from core.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "x-speckit-stage"

BUILT_IN: Mapping[str, StageRule] = MappingProxyType(
    {
        # A subagent does one task that the main conversation has planned.
        "claude-subagent": StageRule(stage=Stage.IMPLEMENT, header="x-claude-code-agent-id"),
        "claude-main": StageRule(stage=Stage.PLAN, header="user-agent", value="claude-cli/*"),
        "codex-review": StageRule(stage=Stage.VALIDATE, header="x-openai-subagent", value="review"),
        "codex-compact": StageRule(stage=Stage.PLAN, header="x-openai-subagent", value="compact"),
        "codex-memory": StageRule(stage=Stage.PLAN, header="x-openai-subagent", value="memory*"),
        "codex-subagent": StageRule(stage=Stage.IMPLEMENT, header="x-openai-subagent"),
        # Titles and summaries: these agents offer tools whenever they work.
        "opencode-title": StageRule(
            stage=Stage.PLAN, header="user-agent", value="opencode/*", tools=False
        ),
        "qwen-summary": StageRule(
            stage=Stage.PLAN, header="user-agent", value="QwenCode/*", tools=False
        ),
    }
)

_SESSION = ("x-claude-code-session-id", "session-id", "session_id", "x-session-id")
_SUBAGENT = ("x-claude-code-agent-id", "x-openai-subagent")
_LONGEST_ID = 200


class Placed(NamedTuple):
    """The stage of a request, and the rule's name; without one it was named, or the default."""

    stage: Stage
    rule: str | None = None


def rules_of(own: Mapping[str, StageRule]) -> dict[str, StageRule]:
    """All rules in the order in which they are tried."""
    return {**own, **{name: rule for name, rule in BUILT_IN.items() if name not in own}}


def placed(
    headers: Mapping[str, str],
    model: str,
    *,
    tools: bool,
    own: Mapping[str, StageRule],
    default: Stage,
) -> Placed:
    """Where a request belongs; ``headers`` by lower-case name, ``tools``: whether it offers some.

    Raises:
        ValueError: ``X-Speckit-Stage`` names no stage.
    """
    if (named := headers.get(HEADER)) is not None:
        return Placed(Stage(named.strip().lower()))
    for name, rule in rules_of(own).items():
        if _meets(rule, headers, model, tools=tools):
            return Placed(rule.stage, name)
    return Placed(default)


def _meets(rule: StageRule, headers: Mapping[str, str], model: str, *, tools: bool) -> bool:
    if rule.header is not None:
        said = headers.get(rule.header.lower())
        if said is None or (rule.value is not None and not fnmatchcase(said, rule.value)):
            return False
    if rule.model is not None and not fnmatchcase(model, rule.model):
        return False
    return rule.tools is None or rule.tools is tools


def caller_of(headers: Mapping[str, str], rule: str | None) -> Caller:
    """Who asks; ids are the agent's own words, cut where they are no ids."""
    return Caller(rule, _first(headers, _SESSION), _first(headers, _SUBAGENT))


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    found = next((headers[name] for name in names if headers.get(name)), None)
    return None if found is None else plain(found, _LONGEST_ID)


def conditions(rule: StageRule) -> str:
    """What a rule asks for, in words."""
    parts = []
    if rule.header is not None:
        parts.append(f"{rule.header}: {rule.value}" if rule.value else f"has {rule.header}")
    if rule.model is not None:
        parts.append(f"model {rule.model}")
    if rule.tools is not None:
        parts.append("offers tools" if rule.tools else "offers no tools")
    return ", ".join(parts)
