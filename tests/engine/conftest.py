"""What the tests of the engines share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps its connections."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        yield client
