"""What Prometheus is told, by name; and that the Grafana dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.gateway.serving import ASKED, CHAT, fronted
from tests.support.router.world import world

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "reflex.json"
# A series, followed by its labels, a range, or what closes a call; a function is followed by "(".
_SERIES = re.compile(r"\b((?:reflex|gen_ai_client)_[a-z_]+)\b(?=[{\[)])")
_LABELS = re.compile(r"\bby \(([^)]*)\)|\{([^}]*)\}")


async def test_the_dashboard_asks_for_series_that_there_are(project: Path) -> None:
    """Each name, with each label that it is told apart by."""
    async with world(project) as scene, fronted(scene.settings) as http:
        assert (await http.post(f"/v1/{CHAT}", json=ASKED)).status_code == 200
        assert (await http.post(f"/v1/{CHAT}", json=[])).status_code == 400
        text = (await http.get(http.base_url.copy_with(path="/metrics"))).text
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    labels: dict[str, set[str]] = {}
    for each in samples:
        labels.setdefault(each.name, set()).update(each.labels)
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len({panel["id"] for panel in panels}) == len(panels) == 12
    for expression in asked:
        names = _SERIES.findall(expression)
        assert names, expression
        known = set.union(*(labels.get(name, set()) for name in names))
        assert set(names) <= labels.keys(), expression
        for by, matched in _LABELS.findall(expression):
            wanted = re.findall(r"[a-z_]+(?=\s*(?:[,=!]|$))", re.sub(r'"[^"]*"', "", by or matched))
            assert set(wanted) <= known, expression


async def test_calls_are_told_by_the_genai_conventions(project: Path) -> None:
    """Duration by model, also of a call that failed; the first chunk of those answered."""
    text = "[reflex.fallback]\nto_cloud = false\n"
    async with world(project, text) as scene, fronted(scene.settings) as http:
        await http.post(f"/v1/{CHAT}", json=ASKED)
        scene.faults("status:500")
        await http.post(f"/v1/{CHAT}", json=ASKED)
        text = (await http.get(http.base_url.copy_with(path="/metrics"))).text
    found = {
        (each.name.removeprefix("gen_ai_client_inference_"), each.labels.get("error_type", "")): (
            each.value
        )
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name.startswith("gen_ai_client_inference") and each.name.endswith("_count")
    }
    assert found == {
        ("duration_seconds_count", ""): 1,
        ("duration_seconds_count", "server_error"): 1,
        ("time_to_first_chunk_seconds_count", ""): 1,
    }
    assert 'reflex_call_duration_seconds_count{error_type="",mode="reflex"} 1.0' in text
    assert 'reflex_call_duration_seconds_count{error_type="server_error",mode="reflex"} 1.0' in text
    assert 'gen_ai_operation_name="chat"' in text
    assert 'gen_ai_request_model="local"' in text
    assert 'gen_ai_provider_name="openai"' in text
    assert 'server_address="127.0.0.1"' in text
    assert 'reflex_drift_level{promise="latency"} 0.0' in text
