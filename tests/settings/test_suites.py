"""A project's file may name fewer suites than the default; others take the user's consent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from core.fingerprint import suite_name, suite_text
from core.settings import Settings, load_settings
from core.settings.consent import store
from core.settings.find import user_config_dir
from core.settings.suites import DEFAULT_SUITES, counts
from tests.support.command import reflex

if TYPE_CHECKING:
    from pathlib import Path

OWN = '["reflex_patchloop_v1", "mine"]'


def project(root: Path, suites: str) -> Settings:
    """The settings of a project's file that names these suites."""
    (root / "stage0.toml").write_text(f"[reflex]\nsuites = {suites}\n")
    return load_settings(root / "stage0.toml")


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("reflex_patchloop_v1", "reflex_patchloop_v1"),
        ("mine", "./.speckit/suites/mine"),
        ("suites/mine", "./suites/mine"),
        ("./suites//mine/", "./suites/mine"),
        ("/srv/suite", "/srv/suite"),
    ],
)
def test_a_suite_is_named_as_reports_have_it(named: str, text: str) -> None:
    """And back, so that the line to write is the line that works."""
    assert suite_text(named) == text
    assert suite_text(suite_name(text)) == text


@pytest.mark.parametrize(
    "root",
    [
        "./reflex_patchloop_v1",
        "./.speckit/suites/reflex_patchloop_v1",
        "/srv/reflex_patchloop_v1",
        "reflex_patchloop_v1/",
        "",
    ],
)
def test_a_suite_of_a_shipped_ones_name_is_not_that_one(root: str) -> None:
    """Only the package's own has a name without a slash."""
    assert not counts(root, DEFAULT_SUITES)
    assert suite_name(root) not in DEFAULT_SUITES


def test_a_projects_file_adds_no_suite(tmp_path: Path) -> None:
    """The defaults among them count; the warning says which do not, and what to do."""
    settings = project(tmp_path, OWN)
    assert settings.reflex.suites == DEFAULT_SUITES
    assert "suites: mine ignored" in settings.warning
    assert settings.warning.endswith("code reflex trust --suites")
    assert project(tmp_path, '["mine"]').reflex.suites == ()


def test_fewer_suites_need_no_consent(tmp_path: Path) -> None:
    """Nothing is loosened where nothing counts."""
    settings = project(tmp_path, "[]")
    assert (settings.reflex.suites, settings.warning) == ((), "")


def test_consent_is_for_these_suites_in_this_workspace(tmp_path: Path) -> None:
    """Another suite, or another workspace, has to be accepted again; the command says which."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for root in (here, elsewhere):
        root.mkdir()
        project(root, OWN)
    nothing = project(here, '["reflex_patchloop_v1"]')
    assert nothing.refused_suites == ()
    refused = reflex(here, "trust", "--suites")
    assert refused.returncode == 2
    assert "nothing to accept" in refused.stderr
    project(here, OWN)
    said = reflex(here, "trust", "--suites")
    assert said.returncode == 0
    assert "passes on mine count" in said.stdout
    assert json.loads(reflex(here, "trust", "--suites", "--json").stdout)["accepted"] == ["mine"]
    assert project(here, OWN).reflex.suites == ("reflex_patchloop_v1", "mine")
    assert project(here, '["mine"]').reflex.suites == ("mine",)
    assert project(here, '["mine", "other"]').refused_suites == ("mine", "other")
    assert project(elsewhere, OWN).refused_suites == ("mine",)
    assert store().stat().st_mode & 0o777 == 0o600


def test_suites_and_thresholds_are_accepted_apart(tmp_path: Path) -> None:
    """One command each, and the warning names both."""
    (tmp_path / "stage0.toml").write_text(
        f"[reflex]\nsuites = {OWN}\n[reflex.thresholds]\nconfidence = 0\n"
    )
    both = load_settings(tmp_path / "stage0.toml").warning
    assert "confidence = 0 (default 0.95), suites: mine ignored" in both
    assert both.endswith("code reflex trust --thresholds and code reflex trust --suites")
    assert reflex(tmp_path, "trust", "--suites").returncode == 0
    settings = load_settings(tmp_path / "stage0.toml")
    assert settings.reflex.suites == ("reflex_patchloop_v1", "mine")
    assert settings.reflex.thresholds.confidence == 0.95


def test_the_users_own_file_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It did not come with a project."""
    monkeypatch.chdir(tmp_path)
    user_config_dir().mkdir(parents=True)
    (user_config_dir() / "stage0.toml").write_text(f"[reflex]\nsuites = {OWN}\n")
    assert load_settings().reflex.suites == ("reflex_patchloop_v1", "mine")
    assert load_settings().warning == ""
