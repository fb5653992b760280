"""What of a call is kept: keyed hashes, the request, or request and reply; never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.capsule.keys import keyed_hash
from core.capsule.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection


class Capture:
    """Applies a capture mode: ``none``, ``prompts_only`` or ``full_io``.

    ``key`` is the user's; ``known`` are secrets to be taken out whatever they look like.
    """

    def __init__(self, mode: str, key: bytes, known: Collection[str] = ()) -> None:
        if mode not in {"none", "prompts_only", "full_io"}:
            raise ValueError(f"unknown capture mode {mode!r}")
        self.mode = mode
        self._key = key
        self._known = known

    def request(self, obj: Any) -> Any:
        """What is stored of a request, given as JSON values."""
        return self._hashed(obj) if self.mode == "none" else redact(obj, known=self._known)

    def response(self, obj: Any) -> Any:
        """What is stored of a response, given as JSON values."""
        return redact(obj, known=self._known) if self.mode == "full_io" else self._hashed(obj)

    def _hashed(self, obj: Any) -> str:
        return keyed_hash(self._key, obj)
