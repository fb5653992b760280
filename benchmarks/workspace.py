"""A workspace for measuring the router: reflex and cloud are stubs, and the gate has a pass."""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from processes import MODEL

from core.router.implementer import Implementer
from core.settings import load_settings
from tests.support.router.world import promote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.settings import Settings


@asynccontextmanager
async def promoted(reflex: str, cloud: str, more: str = "") -> AsyncIterator[Settings]:
    """Settings for two endpoints (``…/v1``); ``more`` goes into ``[reflex]`` and after it."""
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "stage0.toml"
        config.write_text(
            f'[cloud]\nendpoint = "{cloud}"\nmodel = "{MODEL}"\n'
            f'[reflex]\nenabled = true\nendpoint = "{reflex}"\nmodel = "{MODEL}"\n{more}'
        )
        settings = load_settings(config)
        await promote(settings)
        yield settings


@asynccontextmanager
async def implementing(settings: Settings) -> AsyncIterator[Implementer]:
    """An Implementer whose probes have run."""
    async with Implementer.from_settings(settings) as implementer:
        await implementer.decide()
        yield implementer
