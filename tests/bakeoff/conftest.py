"""The sandbox is found out once for all runs of these tests."""

from __future__ import annotations

import asyncio

import pytest

from core.harness.bakeoff import preparation
from core.harness.sandbox import SelfTest, choose_tier


@pytest.fixture(scope="session")
def self_test() -> SelfTest:
    """What really holds on this machine."""
    return asyncio.run(choose_tier())


@pytest.fixture(autouse=True)
def _found_out_already(self_test: SelfTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its third of a second a run adds up."""

    async def known(*, allow_unsandboxed: bool) -> SelfTest:
        return self_test

    monkeypatch.setattr(preparation, "choose_tier", known)
