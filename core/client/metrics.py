"""An engine's own load, from the Prometheus text it publishes at ``/metrics``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.client.fetch import get
from core.clock import Clock, SystemClock

if TYPE_CHECKING:
    from core.client.backend import Backend
    from core.client.transport import Transport

# A line of interest. Lengths are bounded and nothing can be matched in two ways, so that hostile
# text costs no more than reading it; NaN and infinities are not numbers here.
_LINE = re.compile(
    r"^((?:sglang|vllm|llamacpp):[a-z_]{1,60})"
    r'(?:\{(?:[^"{}\n]++|"(?:[^"\\\n]|\\.)*+")*+\})?'
    r"[ \t]+(\d{1,24}(?:\.\d{0,24})?(?:[eE][-+]?\d{1,3})?)(?=[ \t\r\n]|\Z)",
    re.MULTILINE | re.ASCII,
)
_CREDIBLE = 1e15


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What an engine says it is doing, summed over its replicas.

    ``running`` and ``queued`` count requests; ``cache_hit_rate`` is the share (0 to 1) of prompt
    tokens found in its prefix cache; both rates are None where they are not known.
    """

    running: int
    queued: int
    cache_hit_rate: float | None
    tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading: requests now, and either gauges or counters since the server's start."""

    running: float
    queued: float
    hit_rate: float | None = None
    tokens_per_s: float | None = None
    hits: float | None = None
    looked_up: float | None = None
    generated: float | None = None


class MetricsReader:
    """Reads one server's load, remembering the last sample: rates of counters need two."""

    def __init__(self, backend: Backend, *, clock: Clock | None = None) -> None:
        self._backend = backend
        self._clock = clock or SystemClock()
        self._last: tuple[float, Sample] | None = None

    async def read(self, http: Transport) -> EngineLoad | None:
        """The load now, or None where the server publishes none; raises as ``fetch.get``."""
        last, self._last = self._last, None
        answer = await get(http, self._backend, f"{self._backend.root}/metrics")
        sample = None
        if answer.status == 200:  # noqa: PLR2004
            sample = parse_metrics(answer.body.decode("utf-8", "replace"))
        if sample is None:
            return None
        now = self._clock.monotonic()
        self._last = (now, sample)
        before, elapsed_s = (last[1], now - last[0]) if last else (None, 0.0)
        return load_between(before, sample, elapsed_s)


def parse_metrics(text: str) -> Sample | None:
    """The sample in a Prometheus exposition of SGLang, vLLM or llama.cpp; None for any other."""
    series: dict[str, list[float]] = {}
    for match in _LINE.finditer(text):
        value = float(match[2])
        if value <= _CREDIBLE:
            series.setdefault(match[1], []).append(value)

    def total(name: str) -> float | None:
        return sum(series[name]) if name in series else None

    if (running := total("sglang:num_running_reqs")) is not None:
        rates = [rate for rate in series.get("sglang:cache_hit_rate", ()) if rate <= 1]
        return Sample(
            running=running,
            queued=total("sglang:num_queue_reqs") or 0,
            hit_rate=sum(rates) / len(rates) if rates else None,
            # The gauge keeps its last value when the engine falls idle.
            tokens_per_s=total("sglang:gen_throughput") if running else 0.0,
        )
    if (running := total("vllm:num_requests_running")) is not None:
        return Sample(
            running=running,
            queued=total("vllm:num_requests_waiting") or 0,
            hits=total("vllm:prefix_cache_hits_total"),
            looked_up=total("vllm:prefix_cache_queries_total"),
            generated=total("vllm:generation_tokens_total"),
        )
    if (running := total("llamacpp:requests_processing")) is not None:
        cached = total("llamacpp:prompt_tokens_cached_total")
        computed = total("llamacpp:prompt_tokens_total")
        return Sample(
            running=running,
            queued=total("llamacpp:requests_deferred") or 0,
            hits=cached,
            looked_up=None if cached is None or computed is None else cached + computed,
            generated=total("llamacpp:tokens_predicted_total"),
        )
    return None


def load_between(before: Sample | None, now: Sample, elapsed_s: float) -> EngineLoad:
    """The load that two samples, ``elapsed_s`` seconds apart, show; ``before`` may be missing.

    The hit rate is that since ``before``, or since the server's start when nothing was looked up
    in between. A counter that fell belongs to a restarted server and counts as missing.
    """
    tokens_per_s, hit_rate = now.tokens_per_s, now.hit_rate
    if now.generated is not None and before is not None and elapsed_s > 0:
        grown = _growth(before.generated, now.generated)
        tokens_per_s = None if grown is None else grown / elapsed_s
    if now.hits is not None and now.looked_up:
        hits, looked_up = now.hits, now.looked_up
        if before is not None and (asked := _growth(before.looked_up, looked_up)):
            hits, looked_up = _growth(before.hits, hits) or 0, asked
        hit_rate = min(1.0, hits / looked_up)
    return EngineLoad(int(now.running), int(now.queued), hit_rate, tokens_per_s)


def _growth(before: float | None, now: float) -> float | None:
    return None if before is None or now < before else now - before
