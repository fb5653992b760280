"""Errors as OpenAI's API words them, and what each of ours becomes."""

from __future__ import annotations

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
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
# The first that fits. A key or an endpoint that is wrong is ours to mend, not the caller's.
_STATUSES: tuple[tuple[type[ReflexError], int], ...] = (
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (AttemptTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (BackendError, HTTPStatus.BAD_GATEWAY),
    (NoBackend, HTTPStatus.SERVICE_UNAVAILABLE),
    (ReflexError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
# OpenAI's own clients heed it; another attempt would end the same.
_FUTILE = {"x-should-retry": "false"}


class Refusal(Exception):
    """An answer that is an error; ``headers`` go with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """``{"error": {"message", "type", "param", "code"}}``."""
        ours = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        otherwise = "server_error" if ours else "invalid_request_error"
        return {
            "error": {
                "message": self.message,
                "type": _TYPES.get(self.status, otherwise),
                "param": self.param,
                "code": self.code,
            }
        }


def refusal_of(error: ReflexError) -> Refusal:
    """What a caller is told of ``error``, which nobody else could make good."""
    message = f"{error.message}. {error.remedy}" if error.remedy else error.message
    if isinstance(error, BadRequest):
        status = error.status
    else:
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    headers = {} if not isinstance(error, BadRequest | Misconfigured) else _FUTILE
    seconds = getattr(error, "retry_after_s", None)
    if status == HTTPStatus.TOO_MANY_REQUESTS and seconds is not None:
        headers = {"retry-after": f"{seconds:.0f}"}
    return Refusal(status, message, code=error.code, headers=headers)
