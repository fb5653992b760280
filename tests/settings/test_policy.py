"""A PolicySnapshot is its content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from core.settings import load_settings
from core.settings.policy import PolicySnapshot

if TYPE_CHECKING:
    from pathlib import Path


def snapshot(tmp_path: Path, text: str) -> PolicySnapshot:
    """The snapshot of a file with ``text``."""
    path = tmp_path / "stage0.toml"
    path.write_text(text)
    return PolicySnapshot.capture(load_settings(path))


def test_the_hash_is_of_the_content_alone(tmp_path: Path) -> None:
    """Comments and time do not count; every value does."""
    plain = snapshot(tmp_path, "")
    assert snapshot(tmp_path, "# a comment\n[reflex]\nenabled = false\n").policy_hash == (
        plain.policy_hash
    )
    for changed in ("[reflex]\ntimeout_ms = 1501", '[reflex]\ncapture_mode = "none"'):
        assert snapshot(tmp_path, changed).policy_hash != plain.policy_hash


def test_it_is_stored_once_a_hash_and_reads_as_the_spec_says(tmp_path: Path) -> None:
    """The document has routing.reflex with its thresholds, routing.cloud and capture.mode."""
    policy = snapshot(tmp_path, "")
    stored = policy.store(tmp_path / "policies")
    assert policy.store(tmp_path / "policies") == stored
    assert [*(tmp_path / "policies").iterdir()] == [stored]
    document = json.loads(stored.read_text())
    assert document["policy_hash"] == policy.policy_hash
    assert document["routing"]["reflex"]["endpoint"] == "http://127.0.0.1:3009/v1"
    assert document["routing"]["reflex"]["thresholds"]["p95_latency_ms"] == 2000
    assert document["capture"] == {"mode": "prompts_only"}
    assert stored.stat().st_mode & 0o777 == 0o600
