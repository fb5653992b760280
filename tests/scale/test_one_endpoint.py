"""Several workers behind one endpoint: many models, lists that alternate, a dead worker."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.harness.bakeoff.arms import Arm, changed_server
from core.router.condition import Cause
from core.router.health import probe
from core.router.implementer import Implementer
from core.settings import load_settings
from tests.support.health.servers import Reply, free_port, local, models, serving
from tests.support.router.world import QUESTION, promote, world
from tests.support.scale.balancer import balancing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from core.router.condition import Health
    from tests.support.health.servers import Behaviour

MODEL = "qwen2.5-coder-7b-instruct"


def vllm(*ids: str, version: str = "0.32.0") -> Mapping[str, Behaviour]:
    """A worker that serves these models."""
    return {
        "/v1/models": models(*ids, owned_by="vllm"),
        "/health": Reply(),
        "/version": Reply.of({"version": version}),
    }


@asynccontextmanager
async def behind_one(*workers: Mapping[str, Behaviour] | None) -> AsyncIterator[str]:
    """Workers, of which None is dead, behind a balancer; gives the endpoint."""
    async with AsyncExitStack() as stack:
        ports = [
            (await stack.enter_async_context(serving(worker))).port if worker else free_port()
            for worker in workers
        ]
        yield await stack.enter_async_context(balancing(ports))


async def looks(endpoint: str, number: int = 4) -> list[Health]:
    """So many looks, one after the other, each with connections of its own."""
    return [await probe(local(endpoint, MODEL), timeout_ms=5000) for _ in range(number)]


async def test_several_models_are_listed() -> None:
    """As a gateway lists all that its workers serve: the configured one is among them."""
    many = [f"model-{number}" for number in range(40)]
    async with behind_one(vllm(*many, MODEL), vllm(MODEL, *many)) as endpoint:
        seen = await looks(endpoint)
    assert all(one.ok for one in seen)
    assert len(seen[0].models) == 41


async def test_a_gateway_that_hides_its_workers() -> None:
    """SGLang's gateway names itself owner and has none of an engine's own paths."""
    gateway: dict[str, Behaviour] = {
        "/v1/models": models(MODEL, owned_by="local"),
        "/health": Reply(),
    }
    async with behind_one(gateway) as endpoint:
        (seen,) = await looks(endpoint, 1)
    assert seen.ok
    assert seen.summary.startswith("OpenAI-compatible server at ")


@pytest.mark.parametrize("left", [0, 1])
async def test_a_router_that_has_lost_a_worker(left: int) -> None:
    """Then /health of vLLM's router answers 503; what counts is whether one is left."""
    router: dict[str, Behaviour] = {
        **vllm(MODEL),
        "/health": Reply(503, b'Unhealthy servers: ["http://127.0.0.1:8001"]', "text/plain"),
        "/readiness": Reply.of({"healthy_workers": left}, 200 if left else 503),
    }
    async with behind_one(router) as endpoint:
        (seen,) = await looks(endpoint, 1)
    assert seen.ok is bool(left)


async def test_workers_that_serve_different_models() -> None:
    """Each look says what it saw, and names the model of the worker that lacks ours."""
    async with behind_one(vllm(MODEL), vllm("another")) as endpoint:
        seen = await looks(endpoint, 8)
    causes = {one.cause for one in seen}
    assert Cause.MODEL_MISSING in causes
    missing = next(one for one in seen if one.cause is Cause.MODEL_MISSING)
    assert missing.summary.endswith(f"does not serve {MODEL}, but another")
    assert 'model = "another"' in missing.remedy


async def test_one_worker_is_dead() -> None:
    """A balancer that does not notice lets some looks fail, and these say why."""
    async with behind_one(vllm(MODEL), None) as endpoint:
        seen = await looks(endpoint, 8)
    failed = [one for one in seen if not one.ok]
    assert failed
    assert all("502" in one.summary for one in failed)
    assert all(one.cause is Cause.HTTP_ERROR for one in failed)


@pytest.mark.parametrize(("second", "identities"), [("0.32.0", 1), ("0.33.0", 2)])
async def test_workers_of_one_version_are_one_server(second: str, identities: int) -> None:
    """What a gate pass is bound to is the same whichever worker answers, or else it shows."""
    backend = local("http://127.0.0.1:1/v1", MODEL)
    async with behind_one(vllm(MODEL), vllm(MODEL, version=second)) as endpoint:
        backend = replace(backend, endpoint=endpoint)
        seen = await looks(endpoint, 9)
        arm = Arm("reflex", backend, 5000, seen[0].engine)
        changed = [await changed_server([arm]) for _ in range(3)]
    found = {one.engine.fingerprint for one in seen if one.engine}
    assert len(found) <= identities
    if identities == 1:
        assert len(found) == 1
        assert changed == [None, None, None]


async def test_a_call_that_meets_a_dead_worker(project: Path) -> None:
    """It is tried again within ``max_failures``, meets the other worker, and is on record."""
    async with world(project, promoted=False) as w:
        port = int(w.reflex.endpoint.rsplit(":", 1)[1].removesuffix("/v1"))
        async with balancing([port, port, free_port()]) as endpoint:
            path = project / "stage0.toml"
            text = path.read_text(encoding="utf-8").replace(w.reflex.endpoint, endpoint)
            path.write_text(text, encoding="utf-8")
            settings = load_settings(path)
            await promote(settings)  # the first connection; the router looks by the second
            async with Implementer.from_settings(settings) as implementer:
                answers = [await implementer.complete(QUESTION) for _ in range(2)]
        calls = w.events("LLMCall")
    assert all(answer.text for answer in answers)
    errors = [one["error"] for one in calls]
    assert "server_error" in errors
    met = calls[errors.index("server_error")]["call_id"]
    assert [one["success"] for one in calls if one["call_id"] == met] == [False, True]
