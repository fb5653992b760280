"""Figures for Prometheus: calls and their times as they end; breaker and gate when it asks.

``gen_ai_client_inference_…`` are metrics of the OpenTelemetry GenAI conventions v0.1.0, named as
Prometheus names what comes from OpenTelemetry; their buckets are the conventions' own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from core.client.apis import provider_of, server_of
from core.router.decision import BreakerState

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from core.router.answer import Answer
    from core.router.evidence import AskedBackend
    from core.router.shadow import ShadowCalls
    from core.router.view import RoutingView

_NOBODY = "none"
# Seconds: a small local model at one end, a thinking cloud model at the other.
_GEN_AI_BUCKETS = tuple(0.01 * 2**power for power in range(14))
_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120)


def _server(endpoint: str) -> tuple[str, str]:
    host, port = server_of(endpoint)
    return host or "", str(port or "")


class Metrics:
    """One gateway's figures, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        seconds = partial(Histogram, buckets=_BUCKETS, registry=registry)
        self._calls = counter(
            "reflex_calls",
            "Calls by the mode asked last, why, and how they ended.",
            ["mode", "reason", "outcome"],
        )
        self._duration = seconds(
            "reflex_call_duration_seconds",
            "From the call's arrival to its end; error_type is empty where it was answered.",
            ["mode", "error_type"],
        )
        self._ttft = seconds(
            "reflex_time_to_first_token_seconds",
            "From request to first content of the attempt that answered.",
            ["mode"],
        )
        self._refused = counter(
            "reflex_refused_requests", "Requests turned away before they became calls.", ["code"]
        )
        self._in_flight = gauge("reflex_calls_in_flight", "Calls being answered.")
        self._breaker = gauge(
            "reflex_breaker_state",
            "1 for the circuit breaker's state, 0 for the others.",
            ["state"],
        )
        self._gate = gauge("reflex_gate_valid", "1 while the gate pass holds, else 0.")
        self._healthy = gauge("reflex_server_healthy", "1 while the reflex server is healthy.")
        inference = partial(Histogram, buckets=_GEN_AI_BUCKETS, registry=registry)
        asked = [
            *("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"),
            *("server_address", "server_port"),
        ]
        self._inference = inference(
            "gen_ai_client_inference_duration_seconds",
            "GenAI conventions: the attempt that ended a call, from request to last byte.",
            [*asked, "error_type"],
        )
        self._first_chunk = inference(
            "gen_ai_client_inference_time_to_first_chunk_seconds",
            "GenAI conventions: from request to first content, of calls that were answered.",
            asked,
        )
        self._drift = gauge(
            "reflex_drift_level",
            "Evidence that live calls broke a promise of the pass: 0 none, 1 takes it away.",
            ["promise"],
        )
        self._shadow = gauge(
            "reflex_shadow_calls",
            "Shadow calls since the start, by what became of them.",
            ["outcome"],
        )

    def in_flight(self) -> AbstractContextManager[object]:
        """A context that counts as a call being answered."""
        return self._in_flight.track_inprogress()

    def ended(
        self, asked: AskedBackend | None, outcome: str, answer: Answer | None, took_s: float = 0.0
    ) -> None:
        """A call ended after ``took_s``: ``answered``, ``cancelled`` or an error's code."""
        error_type = "" if answer is not None else outcome
        if asked is not None:
            of = ("chat", provider_of(asked.api), asked.model, *_server(asked.endpoint))
            duration_s = took_s if answer is None else answer.latency_ms / 1000
            self._inference.labels(*of, error_type).observe(duration_s)
            if answer is not None and answer.ttft_ms is not None:
                self._first_chunk.labels(*of).observe(answer.ttft_ms / 1000)
        mode = str(asked.mode) if asked else _NOBODY
        reason = str(asked.reason) if asked else _NOBODY
        self._calls.labels(mode, reason, outcome).inc()
        whole_s = took_s if answer is None else answer.total_ms / 1000
        self._duration.labels(mode, error_type).observe(whole_s)
        if answer is not None and answer.ttft_ms is not None:
            self._ttft.labels(mode).observe(answer.ttft_ms / 1000)

    def refused(self, code: str) -> None:
        """A request was turned away."""
        self._refused.labels(code).inc()

    def exposition(self, seen: RoutingView, shadow: ShadowCalls, accept: str) -> tuple[bytes, str]:
        """The figures with the situation as ``seen``, and their content type."""
        for state in BreakerState:
            self._breaker.labels(str(state)).set(seen.breaker.state is state)
        self._gate.set(seen.gate.valid)
        self._healthy.set(seen.health.ok)
        for one in seen.gate.drift or ():
            self._drift.labels(one.cause.removeprefix("drift_")).set(one.level)
        for outcome, count in shadow.counts.items():
            self._shadow.labels(outcome).set(count)
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # it names a version that is none
            encode, content_type = choose_encoder("")
        return encode(self._registry), content_type
