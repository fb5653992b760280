"""``docs/spec.md`` names files and tests that there are, and some of its lines are checked here."""

from __future__ import annotations

import re
import tomllib

from core.capsule.events import LLMCallEvent, RoutingDecisionEvent
from core.client.backend import Backend
from core.router.condition import Cause
from core.router.remedies import remedy
from core.settings import Cloud, Reflex, Settings, Source
from core.settings.policy import PolicySnapshot
from core.stages import Mode, Reason
from tests.support.docs.pages import ROOT

TEXT = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]
NAMED = sorted(set(re.findall(r"`((?:core|reflex_tui|tests)/[^`\s]+)`", TEXT)))

# As the specification writes them.
CONFIGURATION = """
[reflex]
enabled = false
endpoint = "http://127.0.0.1:3009/v1"
model = "qwen2.5-coder-7b-instruct"
timeout_ms = 1500
json_schema = true
capture_mode = "prompts_only"

[reflex.fallback]
to_cloud = true
max_failures = 3

[reflex.thresholds]
p95_latency_ms = 2000
success_parity_percent = 85
json_schema_compliance_percent = 100
"""
ROUTING_DECISION = {"event_type", "role", "mode", "reason", "latency_ms"}
LLM_CALL = {
    *("event_type", "role", "mode", "model", "request", "response"),
    *("latency_ms", "fallback_reason"),
}
DECISIONS = ["D13", "D25", "D27", "D43", "D49", "D50", "D55", "D78", "D93", "D110", "D112"]


def test_what_is_named_exists() -> None:
    """Each path, and each test within its file."""
    for name in NAMED:
        path, _, test = name.partition("::")
        assert (ROOT / path).exists(), name
        if test:
            text = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"def {test}\(", text), name


def test_each_line_names_code_or_a_test() -> None:
    """No row is a mere claim; the heads of tables and what is out of scope aside."""
    heads = ("| asked |", "| criterion |", "| | in one register")
    for row in ROWS:
        if not row.startswith(heads) and "out of the specification's scope" not in row:
            assert re.search(r"`(?:core|reflex_tui|tests)/|the same|runbook\.md", row), row


def test_every_decision_and_criterion_is_there() -> None:
    """As the specification numbers them."""
    assert re.findall(r"^\| (D\d+) \|", TEXT, re.MULTILINE) == DECISIONS
    assert re.findall(r"^\| (978-A\d):", TEXT, re.MULTILINE) == [f"978-A{n}" for n in range(1, 6)]
    for number in range(1, 6):
        assert len([*ROOT.glob(f"tests/acceptance/test_978_a{number}_*.py")]) == 1


def test_keys_and_defaults_are_the_specifications() -> None:
    """Its example reads, and says nothing that the defaults do not."""
    spec = tomllib.loads(CONFIGURATION)["reflex"]
    assert Reflex.model_validate(spec) == Reflex()
    ours = Reflex().model_dump()
    for key, value in spec.items():
        if isinstance(value, dict):
            assert value.items() <= ours[key].items()
        else:
            assert ours[key] == value


def test_the_snapshot_has_the_specifications_shape() -> None:
    """``routing.reflex`` with enabled, endpoint, model and thresholds; ``capture.mode``."""
    snapshot = PolicySnapshot.capture(
        Settings(Reflex(), Cloud(), Source(None, ROOT, trusted=False))
    )
    document = snapshot.as_json()
    assert {"enabled", "endpoint", "model", "thresholds"} <= document["routing"]["reflex"].keys()
    assert document["capture"] == {"mode": "prompts_only"}


def test_events_have_the_specifications_fields() -> None:
    """By exactly those names, and with its reasons."""
    assert {"event_type", *RoutingDecisionEvent.model_fields} >= ROUTING_DECISION
    assert {"event_type", *LLMCallEvent.model_fields} >= LLM_CALL
    assert RoutingDecisionEvent.event_type == "RoutingDecision"
    assert LLMCallEvent.event_type == "LLMCall"
    assert {"healthy_and_thresholds_met", "server_unhealthy", "thresholds_not_met"} <= set(Reason)


def test_the_runbook_has_the_lines_that_health_prints() -> None:
    """SGLang's and vLLM's, for the default endpoint and model."""
    default = Reflex()
    backend = Backend("reflex", Mode.REFLEX, default.endpoint, default.model, default.timeout_ms)
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in remedy(Cause.NOT_LISTENING, backend) if " serve " in line]
    assert len(commands) == 2
    assert all(command in runbook for command in commands)
