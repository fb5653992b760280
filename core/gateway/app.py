"""The gateway as an ASGI application over the router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import ReflexError
from core.gateway.dialects.chat import ErrorReply, error_reply
from core.gateway.metrics import Metrics
from core.gateway.relay import ChatCompletions
from core.stages import CLOUD, PRIMARY

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from core.gateway.runs import Runs
    from core.gateway.security import Guard
    from core.settings import Settings
    from core.stages import Stage

MODEL = "reflex"


def build_app(runs: Runs, guard: Guard, *, default_stage: Stage) -> Starlette:
    """The application; ``runs`` stays the caller's to close."""
    metrics = Metrics()

    async def list_models(_: Request) -> Response:
        async with runs.current() as implementer:
            return JSONResponse({"object": "list", "data": model_list(implementer.settings)})

    async def one_model(request: Request) -> Response:
        wanted = request.path_params["model"]
        async with runs.current() as implementer:
            models = model_list(implementer.settings)
        found = next((model for model in models if model["id"] == wanted), None)
        if found is None:
            raise ErrorReply(404, "there is no such model", param="model", code="model_not_found")
        return JSONResponse(found)

    async def health(_: Request) -> Response:
        async with runs.current() as implementer:
            return JSONResponse({"status": "ok", **(await implementer.view()).as_json()})

    async def figures(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        async with runs.current() as implementer:
            seen = await implementer.view()
            body, content_type = metrics.exposition(seen, implementer.shadow, accept)
        return Response(body, headers={"content-type": content_type})

    app = Starlette(
        routes=[
            Route(
                "/v1/chat/completions",
                ChatCompletions(runs, default_stage, metrics),
                methods=["POST"],
            ),
            Route("/v1/models", list_models),
            Route("/v1/models/{model:path}", one_model),
            Route("/health", health),
            Route("/metrics", figures),
        ],
        middleware=[Middleware(_Guarded, guard=guard, metrics=metrics)],
        exception_handlers={
            ErrorReply: lambda _, error: _refused(error, metrics),
            ReflexError: lambda _, error: _refused(error_reply(error), metrics),
            HTTPException: lambda _, error: _refused(_unknown(error), metrics),
            Exception: lambda _, __: _refused(ErrorReply(500, "internal error"), metrics),
        },
    )
    app.router.redirect_slashes = False
    return app


def model_list(settings: Settings) -> list[dict[str, Any]]:
    """``/v1/models``: ``reflex``, which is whichever backend answers, and the configured ones."""
    reflex = settings.reflex
    names = {MODEL: "speckit-reflex", reflex.model: PRIMARY}
    names |= {backend.model: name for name, backend in reflex.backends.items()}
    names |= {settings.cloud.model: CLOUD}
    return [
        {"id": name, "object": "model", "created": 0, "owned_by": owner}
        for name, owner in names.items()
    ]


class _Guarded:
    """Lets through what the guard lets pass."""

    def __init__(self, app: ASGIApp, guard: Guard, metrics: Metrics) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._guard.check(scope["headers"])
        except ErrorReply as refusal:
            await _refused(refusal, self._metrics)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _refused(refusal: ErrorReply, metrics: Metrics) -> Response:
    metrics.refused(refusal.code or str(refusal.status))
    return JSONResponse(refusal.as_json(), refusal.status, headers=refusal.headers)


def _unknown(error: HTTPException) -> ErrorReply:
    return ErrorReply(
        error.status_code,
        "the API is POST /v1/chat/completions and GET /v1/models",
        headers=dict(error.headers or {}),
    )
