"""The gateway as an ASGI application over the router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import ReflexError, UnknownCall
from core.gateway.dialects.chat import Chat
from core.gateway.dialects.messages import Messages
from core.gateway.dialects.messages_events import error_document
from core.gateway.dialects.refusals import ErrorReply, error_reply
from core.gateway.dialects.responses import Responses
from core.gateway.lookups import APIS, Models, counted, hello
from core.gateway.metrics import Metrics
from core.gateway.outcome_route import MOST_OUTCOME_BYTES, outcome_asked
from core.gateway.relay import AgentCalls
from core.gateway.request_body import ClientLeft, read_body, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from core.gateway.dialects.agent_call import Dialect
    from core.gateway.runs import Runs
    from core.gateway.security import Guard
    from core.stages import Stage

# Agents are given a base URL with ``/v1`` or without it, and add their own or do not.
_BASES = ("", "/v1", "/v1/v1")
_MESSAGES = ("/messages", "/count_tokens")


def build_app(runs: Runs, guard: Guard, *, default_stage: Stage) -> Starlette:
    """The application; ``runs`` stays the caller's to close."""
    metrics = Metrics()
    models = Models(runs)

    async def health(_: Request) -> Response:
        async with runs.current() as implementer:
            return JSONResponse({"status": "ok", **(await implementer.view()).as_json()})

    async def figures(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        async with runs.current() as implementer:
            seen = await implementer.view()
            body, content_type = metrics.exposition(seen, implementer.shadow, accept)
        return Response(body, headers={"content-type": content_type})

    async def outcome(request: Request) -> Response:
        try:
            call_id, ok = outcome_asked(
                await read_json(
                    await read_body(request.scope, request.receive, max_body=MOST_OUTCOME_BYTES)
                )
            )
        except ClientLeft:
            return Response()
        async with runs.current() as implementer:
            try:
                event = await implementer.outcome(call_id, ok=ok)
            except UnknownCall as error:
                raise ErrorReply(404, error.message, code=error.code) from error
        return JSONResponse(
            {"call_id": event.call_id, "ok": event.ok, "mode": event.mode, "before": event.before}
        )

    def route(path: str, endpoint: Any, *methods: str) -> list[Route]:
        return [Route(f"{base}{path}", endpoint, methods=list(methods)) for base in _BASES]

    def calls(dialect: Dialect) -> AgentCalls:
        return AgentCalls(dialect, runs, default_stage, metrics)

    agents = {
        "/chat/completions": calls(Chat()),
        "/responses": calls(Responses()),
        "/messages": calls(Messages()),
    }
    direct = {f"{base}{path}": one for path, one in agents.items() for base in _BASES}
    app = Starlette(
        routes=[
            *(one for path in agents for one in route(path, agents[path], "POST")),
            *route("/messages/count_tokens", counted, "POST"),
            *route("/outcomes", outcome, "POST"),
            *route("/models", models.all, "GET"),
            *route("/models/{model:path}", models.one, "GET"),
            # What agents look at before they ask.
            *(Route(path, hello) for path in ("/", "/v1", "/v1/", "/api/hello")),
            Route("/health", health),
            Route("/metrics", figures),
        ],
        middleware=[Middleware(_Front, guard=guard, direct=direct, metrics=metrics)],
        exception_handlers={
            ErrorReply: lambda request, error: _refused(error, metrics, request.scope),
            ReflexError: lambda request, error: _refused(
                error_reply(error), metrics, request.scope
            ),
            HTTPException: lambda request, error: _refused(_unknown(error), metrics, request.scope),
            Exception: lambda request, _: _refused(
                ErrorReply(500, "internal error"), metrics, request.scope
            ),
        },
    )
    app.router.redirect_slashes = False
    return app


class _Front:
    """Lets through what the guard lets pass: an agent's call goes ``direct`` to its endpoint.

    The application's own routing would try each route in turn, which takes as long as reading the
    request does.
    """

    def __init__(
        self, app: ASGIApp, guard: Guard, direct: Mapping[str, AgentCalls], metrics: Metrics
    ) -> None:
        self._app = app
        self._guard = guard
        self._direct = direct
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._guard.check(scope["headers"])
            scope["headers"] = self._guard.without_token(scope["headers"])
            calls = self._direct.get(scope["path"]) if scope["method"] == "POST" else None
            await (calls or self._app)(scope, receive, send)
        except ErrorReply as refusal:
            await _refused(refusal, self._metrics, scope)(scope, receive, send)
        except ReflexError as error:
            await _refused(error_reply(error), self._metrics, scope)(scope, receive, send)


def _refused(refusal: ErrorReply, metrics: Metrics, scope: Scope) -> Response:
    """The error in the words of the API that was asked."""
    metrics.refused(refusal.code or str(refusal.status))
    is_messages = str(scope.get("path", "")).endswith(_MESSAGES) or any(
        name == b"anthropic-version" for name, _ in scope["headers"]
    )
    document = error_document(refusal) if is_messages else refusal.as_json()
    return JSONResponse(document, refusal.status, headers=refusal.headers)


def _unknown(error: HTTPException) -> ErrorReply:
    return ErrorReply(
        error.status_code,
        f"the API is POST {', '.join(APIS[:-1])} and GET {APIS[-1]}",
        headers=dict(error.headers or {}),
    )
