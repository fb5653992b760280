"""What agents look at before they ask: the models, the API's name, the length of a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from core.gateway.dialects.messages import count_tokens
from core.gateway.dialects.refusals import ErrorReply
from core.gateway.request_body import ClientLeft, read_body, read_json
from core.stages import CLOUD, PRIMARY

if TYPE_CHECKING:
    from starlette.requests import Request

    from core.gateway.runs import Runs
    from core.settings import Settings

MODEL = "reflex"
APIS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/models")
_CREATED_AT = "1970-01-01T00:00:00Z"


class Models:
    """``/v1/models``, in Anthropic's shape for a client that names a version of its API."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def all(self, request: Request) -> Response:
        """The list."""
        models = await self._listed()
        if not _is_anthropic(request):
            return JSONResponse({"object": "list", "data": models})
        listed = [_as_anthropic(model) for model in models]
        ends = {"first_id": listed[0]["id"], "last_id": listed[-1]["id"]}
        return JSONResponse({"data": listed, "has_more": False, **ends})

    async def one(self, request: Request) -> Response:
        """One of them; ErrorReply 404 where there is no such."""
        wanted = request.path_params["model"]
        found = next((model for model in await self._listed() if model["id"] == wanted), None)
        if found is None:
            raise ErrorReply(404, "there is no such model", param="model", code="model_not_found")
        return JSONResponse(_as_anthropic(found) if _is_anthropic(request) else found)

    async def _listed(self) -> list[dict[str, Any]]:
        async with self._runs.current() as implementer:
            return model_list(implementer.settings)


async def hello(_: Request) -> Response:
    """That somebody is there, for agents that look at the base URL."""
    return JSONResponse({"name": "speckit-reflex", "api": list(APIS)})


async def counted(request: Request) -> Response:
    """``/v1/messages/count_tokens``: an estimate, rather too high than too low."""
    try:
        body = await read_body(request.scope, request.receive)
    except ClientLeft:
        return Response()
    return JSONResponse({"input_tokens": count_tokens(await read_json(body))})


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


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers


def _as_anthropic(model: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": model["id"], "display_name": model["id"]}
    return {"type": "model", **shown, "created_at": _CREATED_AT}
