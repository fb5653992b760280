"""Answers that are errors: the status, the words, and the names that an agent acts on."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from core.errors import (
    AttemptTimeout,
    BackendError,
    BadRequest,
    Misconfigured,
    NoBackend,
    RateLimited,
    ReflexError,
    ServerError,
    StatusError,
    TooLong,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTEXT_EXCEEDED = "context_length_exceeded"
_TYPES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
_LOGINS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# The first that fits. A wrong key or endpoint is for the gateway's user to correct.
_STATUSES: tuple[tuple[type[ReflexError], int], ...] = (
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (AttemptTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (BackendError, HTTPStatus.BAD_GATEWAY),
    (NoBackend, HTTPStatus.SERVICE_UNAVAILABLE),
    (ReflexError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
# What a busy server says: agents wait, and some turn to another model of theirs.
_BUSY = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, 529})
# The SDKs heed it; another attempt would end the same.
_FUTILE = {"x-should-retry": "false"}
# How servers say that a prompt does not fit, where they have no code for it.
_OVER = re.compile(
    r"context (?:length|size|window)|prompt is too long|longer than the model|maximum context",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:context (?:length|size|window)|maximum)\D{0,30}?(\d[\d,]{2,9})", re.IGNORECASE
)
_NUMBER = re.compile(r"\b\d[\d,]{2,9}\b")


class ErrorReply(Exception):
    """An answer that is an error; ``kind`` is its ``type``, ``headers`` go with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.kind = kind
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """``{"error": {"message", "type", "param", "code"}}``, as OpenAI's APIs say it."""
        ours = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        otherwise = "server_error" if ours else "invalid_request_error"
        return {
            "error": {
                "message": self.message,
                "type": self.kind or _TYPES.get(self.status, otherwise),
                "param": self.param,
                "code": self.code,
            }
        }

    @property
    def over_context(self) -> bool:
        """Whether the prompt did not fit the model's context; agents then compact."""
        if self.code == CONTEXT_EXCEEDED or self.kind == "exceed_context_size_error":
            return True
        return self.status == HTTPStatus.BAD_REQUEST and _OVER.search(self.message) is not None

    @property
    def context_figures(self) -> tuple[int, int] | None:
        """Tokens of the prompt and of the context, where the server's words give both."""
        # What stands before the server's own words may hold a port.
        words = self.message.rpartition(" answered ")[2].partition(": ")[2] or self.message
        limit = _LIMIT.search(words)
        if limit is None:
            return None
        most = _integer(limit[1])
        asked = max(map(_integer, _NUMBER.findall(words)))
        return (asked, most) if asked > most else None


def body_object(given: object) -> Mapping[str, Any]:
    """A request's body, parsed: an object in every dialect.

    Raises:
        ErrorReply: 400, it is something else.
    """
    if not isinstance(given, dict):
        raise ErrorReply(400, "the request's body must be a JSON object", code="invalid_json")
    return given


def _integer(digits: str) -> int:
    return int(digits.replace(",", ""))


def error_reply(error: ReflexError, *, callers_credential: bool = False) -> ErrorReply:
    """What a caller gets for ``error``, which no other backend could make good.

    An agent acts on a server's own code, type and param: it compacts on
    ``context_length_exceeded``, and stops on ``insufficient_quota``. Where the status is not the
    server's, as of a key of ours that is refused, its names would mislead. With
    ``callers_credential`` the key that was refused is the agent's own, which then logs in anew.
    """
    message = error.message
    if error.remedy:
        message = f"{message.rstrip('. ')}. {error.remedy}"
    own = callers_credential and isinstance(error, Misconfigured) and error.status in _LOGINS
    if own or isinstance(error, BadRequest) or _is_busy(error):
        assert isinstance(error, StatusError)
        status = error.status
    else:
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    headers = _FUTILE if not own and isinstance(error, BadRequest | Misconfigured) else {}
    seconds = getattr(error, "retry_after_s", None)
    if seconds is not None and (isinstance(error, RateLimited) or _is_busy(error)):
        headers = {"retry-after": f"{seconds:.0f}"}
    server = error if own or isinstance(error, BadRequest | RateLimited) else None
    code = CONTEXT_EXCEEDED if isinstance(error, TooLong) else getattr(server, "server_code", None)
    return ErrorReply(
        status,
        message,
        param=getattr(server, "param", None),
        code=code or error.code,
        kind=getattr(server, "server_type", None),
        headers=headers,
    )


def _is_busy(error: ReflexError) -> bool:
    return isinstance(error, ServerError) and error.status in _BUSY
