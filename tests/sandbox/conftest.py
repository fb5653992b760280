"""The tiers that this machine can hold; tests that need one run once for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.harness.sandbox import Limits, Sandbox, Tier
from core.harness.sandbox.selftest import available_tiers

if TYPE_CHECKING:
    from pathlib import Path

TIERS = available_tiers()


@pytest.fixture(autouse=True)
def _attacked_once() -> None:
    """Here every attack is made: it is what these tests are about."""


@pytest.fixture(params=TIERS or [Tier.NONE], ids=str)
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each tier worth trying on this machine."""
    found: Tier = request.param
    if found is Tier.NONE:
        pytest.skip("this machine has no sandbox to test")
    return found


@pytest.fixture
def sandbox(tier: Tier) -> Sandbox:
    """A sandbox with small limits."""
    return Sandbox(tier, Limits(wall_s=60, file_mb=8, processes=24, memory_mb=256))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace."""
    made = tmp_path / "workspace"
    made.mkdir()
    return made


@pytest.fixture
def tests_dir(tmp_path: Path) -> Path:
    """An empty directory for a task's tests, beside the workspace."""
    made = tmp_path / "task-tests"
    made.mkdir()
    return made
