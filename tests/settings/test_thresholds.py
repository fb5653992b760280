"""A project's file may tighten the gate's thresholds; loosening them takes the user's consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.settings import Settings, Thresholds, load_settings
from core.settings.consent import store
from core.settings.find import user_config_dir
from core.settings.thresholds import (
    DEFAULTS,
    LOOSER_WHEN_HIGHER,
    accept,
    accepted,
    effective_thresholds,
    loosened,
)
from reflex_tui.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

LOOSE = Thresholds(
    p95_latency_ms=600_000,
    success_parity_percent=0,
    json_schema_compliance_percent=0,
    confidence=0,
    golden_regressions_allowed=2000,
    max_age_days=3650,
)
TIGHT = Thresholds(
    p95_latency_ms=900,
    success_parity_percent=95,
    json_schema_compliance_percent=100,
    confidence=0.99,
    max_age_days=7,
)


def project(root: Path, text: str) -> Settings:
    """The settings of a project's file that has ``text`` among its thresholds."""
    (root / "stage0.toml").write_text(f"[reflex.thresholds]\n{text}")
    return load_settings(root / "stage0.toml")


def test_every_threshold_has_a_direction() -> None:
    """A threshold that is added later cannot be forgotten here."""
    assert LOOSER_WHEN_HIGHER.keys() == Thresholds.model_fields.keys()
    assert loosened(LOOSE).keys() == Thresholds.model_fields.keys()


@pytest.mark.parametrize("name", Thresholds.model_fields)
def test_without_consent_the_tighter_of_both_counts(name: str) -> None:
    """One at a time: the others keep what the file says."""
    mixed = TIGHT.model_copy(update={name: getattr(LOOSE, name)})
    effective = effective_thresholds(mixed)
    assert effective == TIGHT.model_copy(update={name: getattr(DEFAULTS, name)})
    assert loosened(effective) == {}
    assert effective_thresholds(mixed, consent=True) == mixed


def test_tighter_and_default_thresholds_need_no_consent(tmp_path: Path) -> None:
    """Nothing is said of them."""
    settings = project(tmp_path, "p95_latency_ms = 900\nconfidence = 0.99\n")
    assert settings.reflex.thresholds.p95_latency_ms == 900
    assert (settings.refused, settings.warning) == (None, "")
    assert settings.origin("reflex", "thresholds", "confidence") == "stage0.toml:3"


def test_a_projects_file_cannot_loosen_the_gate(tmp_path: Path) -> None:
    """The default counts, its source is named truly, and the warning says what to do."""
    settings = project(tmp_path, "confidence = 0\np95_latency_ms = 900\n")
    assert settings.reflex.thresholds == Thresholds(p95_latency_ms=900)
    assert settings.origin("reflex", "thresholds", "confidence") == "default"
    assert settings.origin("reflex", "thresholds", "p95_latency_ms") == "stage0.toml:3"
    assert "confidence = 0 (default 0.95)" in settings.warning
    assert "p95_latency_ms" not in settings.warning
    assert "code reflex trust --thresholds" in settings.warning


def test_the_users_own_file_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It did not come with a project."""
    monkeypatch.chdir(tmp_path)
    user_config_dir().mkdir(parents=True)
    (user_config_dir() / "stage0.toml").write_text("[reflex.thresholds]\nconfidence = 0\n")
    assert load_settings().reflex.thresholds.confidence == 0
    assert load_settings().warning == ""


def test_consent_is_for_these_values_in_this_workspace(tmp_path: Path) -> None:
    """Another value, or another workspace, has to be accepted again."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for root in (here, elsewhere):
        root.mkdir()
    refused = project(here, "confidence = 0.5\n").refused
    assert refused
    assert accept(here, refused) == {"confidence": 0.5}
    assert project(here, "confidence = 0.5\n").reflex.thresholds.confidence == 0.5
    assert project(here, "confidence = 0.5\nmax_age_days = 7\n").refused is None
    assert project(here, "confidence = 0.4\n").reflex.thresholds.confidence == 0.95
    assert project(here, "confidence = 0.5\nmax_age_days = 99\n").refused
    assert project(elsewhere, "confidence = 0.5\n").refused
    assert store().stat().st_mode & 0o777 == 0o600


def test_a_damaged_list_of_consents_is_none(tmp_path: Path) -> None:
    """Fails closed, and can be written again."""
    accept(tmp_path, LOOSE)
    store().write_bytes(b"\xff\n")
    assert not accepted(tmp_path, LOOSE)
    accept(tmp_path, LOOSE)
    assert accepted(tmp_path, LOOSE)


def test_the_command_keeps_the_consent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says which values, and that passes will be marked; with nothing to accept it says so."""
    project(tmp_path, "confidence = 0\n")
    trust = ["trust", "--thresholds", "--config", str(tmp_path / "stage0.toml")]
    assert run(trust, "code reflex") == 0
    said = capsys.readouterr().out
    assert "confidence = 0" in said
    assert "marked loosened" in said
    assert load_settings(tmp_path / "stage0.toml").refused is None
    project(tmp_path, "confidence = 0.99\n")
    assert run(trust, "code reflex") == 2
    assert "nothing to accept" in capsys.readouterr().err
