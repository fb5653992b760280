"""An engine's own load, from the Prometheus text it publishes at ``/metrics``.

SGLang started without ``--enable-metrics`` tells the most of it at ``/v1/loads``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from core.client.fetch import get
from core.clock import Clock, SystemClock
from core.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.client.backend import Backend
    from core.client.fetch import Fetched
    from core.client.transport import Transport

# A line of interest. Lengths are bounded and nothing can be matched in two ways, so that hostile
# text costs no more than reading it; NaN and infinities are not numbers here.
_LINE = re.compile(
    r"^((?:sglang|vllm|llamacpp):[a-z_]{1,60})"
    r'(\{(?:[^"{}\n]++|"(?:[^"\\\n]|\\.)*+")*+\})?'
    r"[ \t]+(\d{1,24}(?:\.\d{0,24})?(?:[eE][-+]?\d{1,3})?)(?=[ \t\r\n]|\Z)",
    re.MULTILINE | re.ASCII,
)
_REASON = re.compile(r'[{,]reason="([a-z_]{1,40})"')
_CREDIBLE = 1e15
_MOST_REASONS = 8
_OK = 200


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What an engine says it is doing, over all its replicas.

    ``running`` and ``queued`` count requests; ``cache_hit_rate`` is the share (0 to 1) of prompt
    tokens found in its prefix cache, ``kv_cache_usage`` that of its cache in use, and
    ``draft_acceptance`` that of drafted tokens which held. All are None where they are not known.
    ``rejected`` counts requests refused since the server's start, by the reason it gives.
    """

    running: int
    queued: int
    cache_hit_rate: float | None
    tokens_per_s: float | None
    kv_cache_usage: float | None = None
    draft_acceptance: float | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)


class Share(NamedTuple):
    """Two counters since the server's start; how much of ``whole`` was ``part``."""

    part: float
    whole: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading: requests now, and either gauges or counters since the server's start."""

    running: float
    queued: float
    hit_rate: float | None = None
    tokens_per_s: float | None = None
    cached: Share | None = None
    generated: float | None = None
    kv_cache_usage: float | None = None
    acceptance: float | None = None
    accepted: Share | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)


class MetricsReader:
    """Reads one server's load, remembering the last sample: rates of counters need two."""

    def __init__(self, backend: Backend, *, clock: Clock | None = None) -> None:
        self._backend = backend
        self._clock = clock or SystemClock()
        self._last: tuple[float, Sample] | None = None
        self._has_loads = True

    async def read(self, http: Transport) -> EngineLoad | None:
        """The load now, or None where the server publishes none; raises as ``fetch.get``."""
        last, self._last = self._last, None
        answer = await get(http, self._backend, f"{self._backend.root}/metrics")
        sample = None
        if answer.status == _OK:
            sample = parse_metrics(answer.body.decode("utf-8", "replace"))
        elif self._has_loads:
            loads = await get(http, self._backend, f"{self._backend.root}/v1/loads")
            sample = _loads(loads)
            self._has_loads = sample is not None
        if sample is None:
            return None
        now = self._clock.monotonic()
        self._last = (now, sample)
        before, elapsed_s = (last[1], now - last[0]) if last else (None, 0.0)
        return load_between(before, sample, elapsed_s)


class _Series:
    """The values of an exposition by their series' names."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[tuple[str, float]]] = {}
        for match in _LINE.finditer(text):
            value = float(match[3])
            if value <= _CREDIBLE:
                self._values.setdefault(match[1], []).append((match[2] or "", value))

    def values(self, name: str) -> list[float]:
        """Of SGLang's priorities the total alone, which has an empty one."""
        found = self._values.get(name, [])
        totals = [value for labels, value in found if 'priority=""' in labels]
        return totals or [value for _, value in found]

    def total(self, name: str) -> float | None:
        values = self.values(name)
        return sum(values) if values else None

    def mean(self, name: str) -> float | None:
        """Of what are shares; others are left out."""
        shares = [value for value in self.values(name) if value <= 1]
        return sum(shares) / len(shares) if shares else None

    def share(self, part: str, whole: str) -> Share | None:
        parts, wholes = self.total(part), self.total(whole)
        return None if parts is None or wholes is None else Share(parts, wholes)

    def by_reason(self, name: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for labels, value in self._values.get(name, []):
            reason = _REASON.search(labels)
            if reason and value and (reason[1] in counts or len(counts) < _MOST_REASONS):
                counts[reason[1]] = counts.get(reason[1], 0) + int(value)
        return counts


def parse_metrics(text: str) -> Sample | None:
    """The sample in a Prometheus exposition of SGLang, vLLM or llama.cpp; None for any other."""
    series = _Series(text)
    if (running := series.total("sglang:num_running_reqs")) is not None:
        aborted = series.total("sglang:num_aborted_requests_total")
        drafts = series.total("sglang:spec_num_draft_tokens")
        return Sample(
            running=running,
            queued=series.total("sglang:num_queue_reqs") or 0,
            # Its own rate is that of the last batch.
            hit_rate=series.mean("sglang:cache_hit_rate"),
            cached=series.share("sglang:cached_tokens_total", "sglang:prompt_tokens_total"),
            # The gauge keeps its last value when the engine falls idle.
            tokens_per_s=series.total("sglang:gen_throughput") if running else 0.0,
            kv_cache_usage=series.mean("sglang:token_usage"),
            acceptance=series.mean("sglang:spec_accept_rate") if drafts else None,
            rejected={"aborted": int(aborted)} if aborted else {},
        )
    if (running := series.total("vllm:num_requests_running")) is not None:
        drafted = "vllm:spec_decode_num_draft_tokens_total"
        return Sample(
            running=running,
            queued=series.total("vllm:num_requests_waiting") or 0,
            cached=series.share("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"),
            generated=series.total("vllm:generation_tokens_total"),
            kv_cache_usage=series.mean("vllm:kv_cache_usage_perc"),
            accepted=series.share("vllm:spec_decode_num_accepted_tokens_total", drafted),
            rejected=series.by_reason("vllm:admission_rejections_total"),
        )
    if (running := series.total("llamacpp:requests_processing")) is not None:
        cached = series.total("llamacpp:prompt_tokens_cached_total")
        computed = series.total("llamacpp:prompt_tokens_total")
        known = cached is not None and computed is not None
        drafted = "llamacpp:spec_decode_num_draft_tokens_total"
        return Sample(
            running=running,
            queued=series.total("llamacpp:requests_deferred") or 0,
            cached=Share(cached or 0, (cached or 0) + (computed or 0)) if known else None,
            generated=series.total("llamacpp:tokens_predicted_total"),
            kv_cache_usage=series.mean("llamacpp:kv_cache_usage_ratio"),
            accepted=series.share("llamacpp:spec_decode_num_accepted_tokens_total", drafted),
        )
    return None


def _loads(answer: Fetched) -> Sample | None:
    """The sample in SGLang's ``/v1/loads``; None for anything else."""
    try:
        body = answer.json() if answer.status == _OK else None
    except ProtocolError:
        return None
    loads = body.get("loads") if isinstance(body, dict) else None
    ranks = [one for one in loads if isinstance(one, dict)] if isinstance(loads, list) else []
    if not ranks:
        return None

    def total(name: str) -> float:
        return sum(_number(one.get(name)) for one in ranks)

    running = total("num_running_reqs")
    return Sample(
        running=running,
        queued=total("num_waiting_reqs"),
        hit_rate=min(1.0, total("cache_hit_rate") / len(ranks)),
        tokens_per_s=total("gen_throughput") if running else 0.0,
        kv_cache_usage=min(1.0, total("token_usage") / len(ranks)),
    )


def _number(value: Any) -> float:
    return float(value) if type(value) in (int, float) and 0 <= value <= _CREDIBLE else 0.0


def load_between(before: Sample | None, now: Sample, elapsed_s: float) -> EngineLoad:
    """The load that two samples, ``elapsed_s`` seconds apart, show; ``before`` may be missing.

    Shares are those since ``before``, or since the server's start when nothing was counted in
    between. A counter that fell belongs to a restarted server and counts as missing.
    """
    tokens_per_s = now.tokens_per_s
    if now.generated is not None and before is not None and elapsed_s > 0:
        grown = _growth(before.generated, now.generated)
        tokens_per_s = None if grown is None else grown / elapsed_s
    cached = _since(before.cached if before else None, now.cached)
    accepted = _since(before.accepted if before else None, now.accepted)
    return EngineLoad(
        int(now.running),
        int(now.queued),
        now.hit_rate if cached is None else cached,
        tokens_per_s,
        now.kv_cache_usage,
        now.acceptance if accepted is None else accepted,
        now.rejected,
    )


def _since(before: Share | None, now: Share | None) -> float | None:
    """The share of what was counted since ``before``; None where nothing ever was."""
    if now is None or not now.whole:
        return None
    part, whole = now
    if before is not None and (counted := _growth(before.whole, now.whole)):
        part, whole = _growth(before.part, now.part) or 0, counted
    return min(1.0, part / whole)


def _growth(before: float | None, now: float) -> float | None:
    return None if before is None or now < before else now - before
