"""The seal on a live call of reflex: what the monitor counts of it, and that this user made it.

A workspace's log may come from anybody, and a pass may be taken away for what its calls show. So
each call that counts carries its number within its run and an HMAC with the user's key over the
fields below: nobody else can add one, and a copy of one has a number that was seen before.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEALED = (
    "run_id",
    "watched",
    "call_id",
    "endpoint",
    "model",
    "latency_ms",
    "success",
    "json_compliant",
    "error",
)


class CallSeals:
    """One user's seals on calls of one workspace, made and checked in some microseconds."""

    def __init__(self, workspace: Path, key: bytes) -> None:
        self._workspace = str(workspace.resolve())
        self._key = key

    def seal(self, call: Mapping[str, Any]) -> str:
        """The seal for an LLMCall's fields."""
        values = [self._workspace, *(call.get(name) for name in SEALED)]
        digest = hmac.digest(self._key, b"call\0" + json.dumps(values).encode(), "sha256")
        return "hmac-sha256:" + digest.hex()

    def holds(self, call: Mapping[str, Any]) -> bool:
        """Whether a recorded LLMCall carries the seal that this user's key gives it here."""
        found = call.get("seal")
        try:
            return isinstance(found, str) and hmac.compare_digest(
                found.encode(errors="replace"), self.seal(call).encode()
            )
        except (ValueError, RecursionError):
            return False
