"""The sandbox is found out once, and the user's own lists lie in a place of the test's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from core.harness.sandbox import choose_tier

if TYPE_CHECKING:
    from core.harness.sandbox import SelfTest


@pytest.fixture(scope="session")
def self_test() -> SelfTest:
    """What really holds on this machine."""
    return asyncio.run(choose_tier())
