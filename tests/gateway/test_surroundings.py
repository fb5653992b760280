"""What is beside the completions: stages, models, health and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.stages import Stage
from tests.support.gateway.serving import ASKED, CHAT, fronted, sibling
from tests.support.router.world import world

if TYPE_CHECKING:
    from pathlib import Path

    import httpx


async def figures(http: httpx.AsyncClient, **headers: str) -> dict[tuple[str, ...], float]:
    """Every sample of ``/metrics`` by its name and its labels' values."""
    response = await http.get(sibling(http, "/metrics"), headers=headers)
    assert response.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("default", "header", "stage"),
    [
        (Stage.IMPLEMENT, None, "implement"),
        (Stage.IMPLEMENT, "Plan", "plan"),
        (Stage.PLAN, None, "plan"),
        (Stage.PLAN, "implement", "implement"),
    ],
)
async def test_the_stage(project: Path, default: Stage, header: str | None, stage: str) -> None:
    """The header says it, else the server's own; only implement goes to reflex."""
    headers = {"x-speckit-stage": header} if header else {}
    async with world(project) as w, fronted(w.settings, stage=default) as http:
        response = await http.post(CHAT, json=ASKED, headers=headers)
    mode = "reflex" if stage == "implement" else "cloud"
    assert response.headers["x-reflex-mode"] == mode
    assert [d["stage"] for d in w.events("RoutingDecision")] == [stage]


async def test_the_configured_model_is_asked_whichever_is_named(project: Path) -> None:
    """An agent need not know it; the answer says which one spoke."""
    async with world(project) as w, fronted(w.settings) as http:
        response = await http.post(CHAT, json=ASKED | {"model": "gpt-9"})
        assert response.json()["model"] == "local"
        listed = (await http.get("models")).json()["data"]
        assert [(one["id"], one["owned_by"]) for one in listed] == [
            ("reflex", "speckit-reflex"),
            ("local", "reflex"),
            (w.cloud.script.model, "cloud"),
        ]
        assert (await http.get("models/local")).json() == listed[1]
    assert w.events("LLMCall")[0]["model"] == "local"


async def test_health_tells_what_the_next_call_would_do(project: Path) -> None:
    """Alive is 200 whatever the reflex server does."""
    async with world(project) as w, fronted(w.settings) as http:
        good = (await http.get(sibling(http, "/health"))).json()
        assert good["status"] == "ok"
        assert good["next_implement_call"]["mode"] == "reflex"
        assert good["gate"]["valid"]
    async with world(project, promoted=False) as w, fronted(w.settings) as http:
        w.reflex.script = w.reflex.script.changed({"down": True})
        response = await http.get(sibling(http, "/health"))
    assert response.status_code == 200
    assert response.json()["next_implement_call"]["reason"] == "server_unhealthy"
    assert not response.json()["health"]["ok"]


async def test_figures_are_prometheus_text(project: Path) -> None:
    """Calls by mode, reason and outcome; times; breaker, gate and health as they are now."""
    text = "[reflex.fallback]\nmax_failures = 1\n"
    async with world(project, text) as w, fronted(w.settings) as http:
        await http.post(CHAT, json=ASKED)
        before = await figures(http)
        w.faults("status:500")
        await http.post(CHAT, json=ASKED)
        w.cloud.script = w.cloud.script.changed({"faults": "status:401"})
        await http.post(CHAT, json=ASKED)
        await http.post(CHAT, content=b"{", headers={"content-type": "application/json"})
        after = await figures(http, accept="application/openmetrics-text;version=x, text/plain")
    earned, failed = "healthy_and_thresholds_met", "max_failures_reached"
    assert before["reflex_calls_total", "reflex", "answered", earned] == 1
    assert before["reflex_call_duration_seconds_count", "", "reflex"] == 1
    assert before["reflex_time_to_first_token_seconds_count", "reflex"] == 1
    assert (before["reflex_gate_valid",], before["reflex_server_healthy",]) == (1, 1)
    assert before["reflex_breaker_state", "closed"] == 1
    assert after["reflex_calls_total", "cloud", "answered", failed] == 1
    assert after["reflex_calls_total", "cloud", "misconfigured", failed] == 1
    assert after["reflex_call_duration_seconds_count", "misconfigured", "cloud"] == 1
    assert after["reflex_breaker_state", "closed"] == 0
    assert after["reflex_breaker_state", "open"] == 1
    assert after["reflex_refused_requests_total", "invalid_json"] == 1
    assert after["reflex_calls_in_flight",] == 0


@pytest.mark.parametrize(
    ("fault", "status", "code", "kind"),
    [
        ("status:429", 429, "rate_limited", "invalid_request_error"),  # its own type
        ("status:401", 502, "misconfigured", "server_error"),
        ("status:500", 502, "server_error", "server_error"),
        ("html", 502, "protocol", "server_error"),
        ("reset", 502, "connect_failed", "server_error"),
        ("status:422", 422, "bad_request", "invalid_request_error"),
        ("hang", 504, "timeout", "server_error"),
    ],
)
async def test_a_cloud_s_error_keeps_its_meaning(
    project: Path, fault: str, status: int, code: str, kind: str
) -> None:
    """A status an agent can act on, in OpenAI's shape, and the call's id to look it up by."""
    impatient = "timeout_ms = 300\n"
    text = impatient if fault == "hang" else ""
    async with world(project, text, promoted=False) as w, fronted(w.settings) as http:
        w.cloud.script = w.cloud.script.changed({"faults": fault})
        response = await http.post(CHAT, json=ASKED)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (status, code, kind)
    assert response.headers["x-reflex-call-id"] == w.events("LLMCall")[0]["call_id"]
    assert response.headers.get("retry-after") == ("1" if status == 429 else None)


async def test_nobody_may_answer(project: Path) -> None:
    """Without a cloud and without a pass there is an error that says why."""
    text = "[reflex.fallback]\nto_cloud = false\n"
    async with world(project, text, promoted=False) as w, fronted(w.settings) as http:
        response = await http.post(CHAT, json=ASKED)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "no_backend"
    assert "no_bakeoff" in response.json()["error"]["message"]


async def test_what_cannot_be_recorded_is_not_sent(project: Path) -> None:
    """Evidence comes first through this door as well."""
    async with world(project, promoted=False) as w, fronted(w.settings) as http:
        await http.post(CHAT, json=ASKED)
        capsule = project / ".speckit" / "capsule"
        for path in capsule.glob("events-*"):
            path.write_bytes(b"damage\n" * 99)
        response = await http.post(CHAT, json=ASKED)
        assert w.cloud.requests == 1
    assert response.status_code == 500
    assert response.json()["error"]["code"].startswith("capsule")
