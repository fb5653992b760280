"""An engine's load from its Prometheus text: recorded, imitated and hostile."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client.fetch import open_http
from core.client.load import EngineLoad, MetricsReader, load_between, parse_metrics
from core.errors import LimitExceeded
from tests.support.health.clocks import FakeClock
from tests.support.health.servers import NOT_FOUND, Reply, local, recorded, serving
from tests.support.recorded import load as load_recording


def text_of(engine: str) -> str:
    """A recorded exposition."""
    return recorded(engine, "get_metrics").body.decode()


def load_of(text: str) -> EngineLoad | None:
    """The load one sample shows."""
    sample = parse_metrics(text)
    return None if sample is None else load_between(None, sample, 0)


def llamacpp(running: int, predicted: int, cached: int, computed: int) -> str:
    """An exposition as llama.cpp writes it."""
    return (
        "# TYPE llamacpp:requests_processing gauge\n"
        f"llamacpp:requests_processing {running}\nllamacpp:requests_deferred 3\n"
        f"llamacpp:tokens_predicted_total {predicted}\n"
        f"llamacpp:prompt_tokens_cached_total {cached}\n"
        f"llamacpp:prompt_tokens_total {computed}\n"
    )


def test_sglang_as_recorded() -> None:
    """Everything is a gauge, also its own throughput."""
    load = load_of(text_of("sglang"))
    assert load is not None
    assert (load.running, load.queued) == (2, 1)
    assert load.tokens_per_s == pytest.approx(86.249, abs=0.001)


def test_vllm_as_recorded() -> None:
    """Rates come from counters, so that the first sample has no throughput."""
    load = load_of(text_of("vllm"))
    assert load is not None
    assert (load.running, load.queued, load.cache_hit_rate) == (1, 1, 0.0)
    assert (load.tokens_per_s, load.rejected) == (None, {"max_num_queued_reqs": 6})


def test_an_idle_sglang_generates_nothing() -> None:
    """Its throughput gauge stays at the last value, which is not the load now."""
    text = "sglang:num_running_reqs 0\nsglang:gen_throughput 118.0\n"
    assert load_of(text) == EngineLoad(0, 0, None, 0.0)


def told(name: str) -> EngineLoad:
    """The load that a recording of the second round shows."""
    load = load_of(recorded_text(name))
    assert load is not None
    return load


def recorded_text(name: str) -> str:
    """The body of a recording."""
    return load_recording(name).body.decode()


def test_priorities_are_not_counted_twice() -> None:
    """SGLang with priority scheduling publishes each priority and, without a name, their total."""
    load = told("sglang-0.5.23-qwen3/metrics_priority")
    assert (load.running, load.queued) == (2, 3)
    assert load.cache_hit_rate == pytest.approx(2292 / 4665)  # 0.98 is the last batch's
    assert load.kv_cache_usage == 0.19
    assert load.draft_acceptance is None  # it publishes zeros where it does not draft


def test_drafts_as_recorded() -> None:
    """VLLM counts drafted and accepted tokens, and what it refused by the limit that did it."""
    load = told("vllm-0.32.0-ngram-qwen3/metrics_ngram")
    assert load.draft_acceptance == 1.0
    assert load.rejected == {"max_num_queued_reqs": 100}
    assert load.kv_cache_usage == pytest.approx(0.0078, abs=1e-4)
    busy = told("vllm-0.32.0/metrics_busy")
    assert (busy.rejected, busy.draft_acceptance) == ({"max_num_queued_reqs": 5}, None)
    assert busy.cache_hit_rate == pytest.approx(3840 / 6106)


def test_llama_cpp_s_drafts() -> None:
    """It counts drafted and accepted tokens, since the last look where there was one."""
    name = "llamacpp:spec_decode_num_{}_tokens_total {}\n"
    before, after = (
        parse_metrics(llamacpp(1, 9, 0, 9) + name.format("draft", a) + name.format("accepted", b))
        for a, b in ((96, 43), (196, 93))
    )
    assert before
    assert after
    assert load_between(None, before, 1.0).draft_acceptance == pytest.approx(43 / 96)
    assert load_between(before, after, 1.0).draft_acceptance == 0.5


def test_sglang_s_drafts() -> None:
    """Its rate is a gauge, sound where it drafts at all."""
    text = "sglang:num_running_reqs 1\nsglang:spec_num_draft_tokens 16\n"
    load = load_of(f"{text}sglang:spec_accept_rate 0.625\n")
    assert load is not None
    assert load.draft_acceptance == 0.625


async def test_sglang_without_metrics_tells_its_loads() -> None:
    """Started without --enable-metrics it has no /metrics; /v1/loads says most of it."""
    loads = Reply(body=load_recording("sglang-0.5.23/v1_loads_busy").body)
    routes = {"/v1/loads": loads}
    async with serving(routes) as server, open_http(local(server.endpoint)) as http:
        load = await MetricsReader(local(server.endpoint)).read(http)
        assert load == EngineLoad(1, 1, 0.2222, 145.81, kv_cache_usage=0.0088)


@pytest.mark.parametrize("body", [{}, {"loads": []}, {"loads": [7]}, {"loads": "x"}, [], "x", None])
async def test_other_loads_are_none(body: object) -> None:
    """A server without them is asked no second time."""
    routes = {"/v1/loads": Reply.of(body)}
    async with serving(routes) as server, open_http(local(server.endpoint)) as http:
        reader = MetricsReader(local(server.endpoint))
        assert [await reader.read(http), await reader.read(http)] == [None, None]
        assert server.paths == ["/metrics", "/v1/loads", "/metrics"]


def test_replicas_are_summed() -> None:
    """Requests and tokens add up over data-parallel ranks; the hit rate is their mean."""
    text = "".join(
        f'sglang:{name}{{dp_rank="{rank}"}} {value}\n'
        for name, values in {
            "num_running_reqs": (2, 3),
            "num_queue_reqs": (1, 0),
            "gen_throughput": (50.5, 49.5),
            "cache_hit_rate": (0.25, 0.75),
        }.items()
        for rank, value in enumerate(values)
    )
    assert load_of(text) == EngineLoad(5, 1, 0.5, 100.0)


@pytest.mark.parametrize("text", ["", "<html></html>", "go_goroutines 7\n", "vllm:other 1\n"])
def test_other_text_has_no_load(text: str) -> None:
    """Another program's metrics, or none."""
    assert parse_metrics(text) is None


@pytest.mark.parametrize(
    "value", ["NaN", "+Inf", "-Inf", "-1", "1e999", "9" * 400, "1_0", "٣", "0x1", "", "1 2 3x"]
)
def test_values_that_are_no_count_are_left_out(value: str) -> None:
    """What is not finite, negative, absurd or not a number does not reach a sum."""
    load = load_of(f"vllm:num_requests_running 4\nvllm:num_requests_running {value}\n")
    assert load is not None
    assert load.running in {4, 5}  # "1 2 3x" begins like a value and a timestamp


def test_labels_may_hold_anything() -> None:
    """Braces, quotes and blanks inside quoted values do not confuse the line."""
    text = 'vllm:num_requests_running{a="} 9",b="\\"",c="{",model_name="x y"} 4.0 1795361374\n'
    assert load_of(text) == EngineLoad(4, 0, None, None)


def test_huge_labels_cost_no_more_than_reading_them() -> None:
    """A megabyte of labels, of open quotes and of nested braces end at once."""
    size = 1 << 20
    for filler in ("x" * size, '"' * size, "{" * size, '\\"' * (size // 2), '""' * (size // 2)):
        assert parse_metrics(f"vllm:num_requests_running{{a={filler}") is None


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    """The parser ends on anything, and what it finds is finite."""
    for line in (
        text,
        f"vllm:num_requests_running {text}\n",
        f"sglang:num_running_reqs{{{text}}} 1",
    ):
        load = load_of(line)
        assert load is None or math.isfinite(load.running)


counts = st.integers(min_value=0, max_value=10**12)


@given(st.tuples(counts, counts, counts), st.tuples(counts, counts, counts))
def test_rates_are_shares_and_never_negative(
    start: tuple[int, int, int], growth: tuple[int, int, int]
) -> None:
    """Over any growth of the counters the hit rate is a share and the throughput what was made."""
    (predicted, cached, computed), (more, hits, misses) = start, growth
    before = parse_metrics(llamacpp(1, predicted, cached, computed))
    after = parse_metrics(llamacpp(1, predicted + more, cached + hits, computed + misses))
    assert before is not None
    assert after is not None
    load = load_between(before, after, 2.0)
    assert load.tokens_per_s == more / 2
    asked = hits + misses or cached + computed
    expected = (hits if hits + misses else cached) / asked if asked else None
    assert load.cache_hit_rate == (None if expected is None else pytest.approx(expected))


@given(st.tuples(counts, counts, counts), st.tuples(counts, counts, counts))
def test_counters_that_fall_yield_no_nonsense(
    first: tuple[int, int, int], second: tuple[int, int, int]
) -> None:
    """Whatever two samples say, a restarted server between them included."""
    before, after = (parse_metrics(llamacpp(1, *counters)) for counters in (first, second))
    assert before is not None
    assert after is not None
    load = load_between(before, after, 1.0)
    assert load.tokens_per_s is None or load.tokens_per_s >= 0
    assert load.cache_hit_rate is None or 0 <= load.cache_hit_rate <= 1


async def test_a_reader_takes_rates_between_its_samples() -> None:
    """The second reading knows what was generated since the first."""
    clock = FakeClock()
    routes = {"/metrics": Reply(body=llamacpp(0, 100, 10, 90).encode())}
    async with serving(routes) as server, open_http(local(server.endpoint)) as http:
        reader = MetricsReader(local(server.endpoint), clock=clock)
        assert await reader.read(http) == EngineLoad(0, 3, 0.1, None)
        clock.advance(2)
        routes["/metrics"] = Reply(body=llamacpp(1, 300, 40, 100).encode())
        assert await reader.read(http) == EngineLoad(1, 3, 0.75, 100.0)
        clock.advance(2)
        assert await reader.read(http) == EngineLoad(1, 3, 40 / 140, 0.0)


async def test_a_gap_starts_the_rates_again() -> None:
    """After a failed reading there is nothing to measure from."""
    routes = {"/metrics": Reply(body=llamacpp(0, 100, 0, 0).encode())}
    async with serving(routes) as server, open_http(local(server.endpoint)) as http:
        reader = MetricsReader(local(server.endpoint), clock=FakeClock())
        await reader.read(http)
        routes["/metrics"] = NOT_FOUND
        assert await reader.read(http) is None
        routes["/metrics"] = Reply(body=llamacpp(0, 400, 0, 0).encode())
        assert await reader.read(http) == EngineLoad(0, 3, None, None)


async def test_a_body_over_the_limit_is_refused() -> None:
    """More than a megabyte is not read to its end."""
    flood = Reply(body=b"# x\n" * (1 << 19))
    async with serving({"/metrics": flood}) as server, open_http(local(server.endpoint)) as http:
        with pytest.raises(LimitExceeded):
            await MetricsReader(local(server.endpoint)).read(http)
