"""PolicySnapshot: the configuration of one run, frozen and content-hashed when it begins."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from core.clock import Clock, SystemClock, rfc3339
from core.errors import CapsuleError
from core.files import read_state, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.settings import Cloud, Reflex, Settings


SCHEMA_VERSION = 1
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    """The routing configuration of one run; two with the same content have the same hash."""

    reflex: Reflex
    cloud: Cloud
    created_at: str
    policy_hash: str

    @classmethod
    def capture(cls, settings: Settings, clock: Clock | None = None) -> PolicySnapshot:
        """The snapshot of ``settings`` as they are now."""
        content = _content(settings.reflex, settings.cloud)
        return cls(
            settings.reflex,
            settings.cloud,
            rfc3339((clock or SystemClock()).now()),
            content_hash(content),
        )

    @property
    def capture_mode(self) -> Literal["none", "prompts_only", "full_io"]:
        """What the capsule keeps of requests and responses."""
        return self.reflex.capture_mode

    def as_json(self) -> dict[str, Any]:
        """The document as stored; the hash covers ``routing`` and ``capture``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "policy_hash": self.policy_hash,
            "created_at": self.created_at,
            **_content(self.reflex, self.cloud),
        }

    def store(self, directory: Path) -> Path:
        """Write it to ``directory`` once per hash, whole or not at all; returns the file.

        Raises:
            CapsuleError: it cannot be written.
        """
        path = directory / f"{self.policy_hash.removeprefix('sha256:')}.json"
        text = json.dumps(self.as_json(), indent=2) + "\n"
        try:
            if not self._is_stored(path):
                write_private(path, text)
        except OSError as error:
            raise CapsuleError(
                f"{directory}: the policy snapshot cannot be stored: {error.strerror}",
                remedy=getattr(error, "remedy", "")
                or "Make the workspace's .speckit directory writable, or free some disk.",
            ) from error
        return path

    def _is_stored(self, path: Path) -> bool:
        try:
            kept = json.loads(read_state(path, limit=_MOST_BYTES))
        except FileNotFoundError:
            return False
        except (ValueError, RecursionError):  # cut off, or planted
            return False
        if not isinstance(kept, dict):
            return False
        return {**kept, "created_at": ""} == {**self.as_json(), "created_at": ""}


def content_hash(content: Mapping[str, Any]) -> str:
    """The ``policy_hash`` of a document's ``routing`` and ``capture``."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _content(reflex: Reflex, cloud: Cloud) -> dict[str, Any]:
    return {
        "routing": {
            "reflex": reflex.model_dump(mode="json", exclude={"capture_mode"}),
            "cloud": cloud.model_dump(mode="json"),
        },
        "capture": {"mode": reflex.capture_mode},
    }
