"""``events export --otlp`` against a receiver that parses what OpenTelemetry's exporter sends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.capsule.events import CallOutcomeEvent, CallUnansweredEvent
from core.errors import CapsuleError, ConfigError, ExportError, UntrustedEndpoint
from core.export import otlp, shipping
from core.export.otlp import Collector, traces_url
from core.export.shipping import cursor_for, ship_batch
from core.stages import Mode, Stage
from tests.support.capsule.calls import record
from tests.support.capsule.filling import call
from tests.support.capsule.making import decision
from tests.support.command import reflex
from tests.support.export.capsule import PROMPT, QUOTED, REPLY, capsule, three_events
from tests.support.export.receiver import receiver
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.export.genai import SpanFields
    from tests.support.export.receiver import Receiver

CODE = Path(sys.executable).with_name("code")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def collector() -> Iterator[Receiver]:
    """A collector that takes everything, until told otherwise."""
    with receiver() as state:
        yield state


def test_records_arrive_as_genai_spans(project: Path, collector: Receiver) -> None:
    """Names, times, ids and status as the conventions have them; nothing raw."""
    hashes = three_events(project)
    done = reflex(project, "events", "export", "--otlp", collector.url)
    assert done.returncode == 0, done.stderr
    assert collector.requests == ["/v1/traces"]
    chosen, failed, whole, good = collector.spans
    named = ["RoutingDecision", "chat m", "call implement", "chat m"]
    assert [span["name"] for span in collector.spans] == named
    assert [span["span"] for span in (chosen, failed, good)] == [one[-16:] for one in hashes]
    assert len({span["trace"] for span in collector.spans}) == 1
    assert {span["parent"] for span in (chosen, failed, good)} == {whole["span"]}
    assert (whole["parent"], whole["kind"]) == ("", 1)
    assert (whole["end"], whole["end"] - whole["start"]) == (good["end"], 1_700_000_000)
    assert whole["attributes"]["reflex.attempt"] == 2
    assert good["end"] - good["start"] == 145_000_000
    assert failed["status"] == (2, "server_error")
    assert (good["status"][0], chosen["status"][0]) == (0, 0)
    assert (good["kind"], chosen["kind"]) == (3, 1)
    attributes = good["attributes"]
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.model": "m-2026",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.061,
        "gen_ai.output.type": "json",
        "server.address": "127.0.0.1",
        "server.port": 3009,
        "reflex.mode": "reflex",
        "reflex.call_id": "c1",
        "reflex.attempt": 2,
        "reflex.seq": 3,
        "reflex.hash": hashes[2],
    }
    assert expected.items() <= attributes.items()
    assert failed["attributes"]["error.type"] == "server_error"
    assert chosen["attributes"]["reflex.reason"] == "healthy_and_thresholds_met"
    assert good["resource"]["service.name"] == "speckit-reflex"
    for words in (PROMPT, REPLY, QUOTED):
        assert words not in repr(collector.spans)


def test_every_genai_name_is_one_of_the_conventions() -> None:
    """The one module's names are those of OpenTelemetry's own package."""
    from opentelemetry.semconv._incubating.attributes import (
        error_attributes,
        gen_ai_attributes,
        server_attributes,
    )

    from core.export import genai

    known = {
        value
        for module in (gen_ai_attributes, error_attributes, server_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    texts = {value for value in vars(genai).values() if isinstance(value, str)}
    ours = {text for text in texts if text.startswith(("gen_ai.", "error.", "server."))}
    assert ours - {genai.EVALUATION} <= known  # which is an event's name
    assert len(ours) > 10


def test_a_verdict_is_an_evaluation_and_an_answered_tool_a_part(tmp_path: Path) -> None:
    """By the conventions' names; a generation that failed has a reason why it finished."""
    from core.export.genai import span_of

    outcome = CallOutcomeEvent(
        run_id="r", call_id="c1", ok=False, source="gateway", mode=Mode.REFLEX,
        stage=Stage.IMPLEMENT, backend="reflex", endpoint="e", model="m", answered_seq=1,
    )  # fmt: skip
    messages = [{"role": "tool", "tool_call_id": "t1", "content": "42"}]
    failed = call("c1", Mode.REFLEX, success=False, error="timeout", request={"messages": messages})
    with EventLog(tmp_path / "capsule") as log:
        said, ended = log.append(outcome), log.append(failed)
    evaluation = span_of(said, with_io=False)
    assert evaluation.name == "gen_ai.evaluation.result"
    assert evaluation.attributes["gen_ai.evaluation.score.label"] == "fail"
    assert evaluation.trace_id == span_of(ended, with_io=False).trace_id
    attributes = span_of(ended, with_io=True).attributes
    assert attributes["gen_ai.response.finish_reasons"] == ["error"]
    assert json.loads(str(attributes["gen_ai.input.messages"])) == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "response": "42"}]}
    ]


def test_what_was_asked_for_is_told_by_the_conventions_names(tmp_path: Path) -> None:
    """Sampling, session and provider always; stop texts and tools only where all is."""
    from core.export.genai import span_of, spans_of

    function = {"type": "function", "function": {"name": "run", "parameters": {"secret": 1}}}
    request = {"messages": [], "top_p": 0.5, "frequency_penalty": 0.1, "n": 4, "stop": "END"}
    asked = call(
        "c1", Mode.CLOUD, request=request | {"tools": [function]}, api="messages", session="s1",
        reasoning_tokens=7, streamed=False, waited_ms=5.0,
    )  # fmt: skip
    with EventLog(tmp_path / "capsule") as log:
        record = log.append(asked)
    root, attempt = (span.attributes for span in spans_of(record, with_io=False))
    expected = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.conversation.id": "s1",
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.choice.count": 4,
        "gen_ai.usage.reasoning.output_tokens": 7,
    }
    assert expected.items() <= attempt.items()
    assert root["gen_ai.conversation.id"] == "s1"
    # It was no stream, so that there was no first chunk.
    unsaid = ("response.time_to_first_chunk", "request.stop_sequences", "tool.definitions")
    assert not {f"gen_ai.{name}" for name in unsaid} & attempt.keys()
    told = span_of(record, with_io=True).attributes
    assert told["gen_ai.request.stop_sequences"] == ["END"]
    assert told["gen_ai.tool.definitions"] == '[{"type":"function","name":"run"}]'


def test_a_call_that_nobody_answered_has_a_root_too(tmp_path: Path) -> None:
    """From the request to its end, failed, and above its decisions and attempts."""
    from core.export.genai import spans_of

    ended = CallUnansweredEvent(
        run_id="r", call_id="c1", stage=Stage.IMPLEMENT, error="no_backend", mode=Mode.REFLEX,
        backend="reflex", model="m", attempts=3, waited_ms=1700.0,
    )  # fmt: skip
    failed = call("c1", Mode.REFLEX, success=False, error="timeout")
    with EventLog(tmp_path / "capsule") as log:
        (attempt,) = spans_of(log.append(failed), with_io=False)
        (root,) = spans_of(log.append(ended), with_io=False)
    assert (root.name, root.parent_id, root.failed) == ("call implement", None, "no_backend")
    assert (root.trace_id, root.span_id) == (attempt.trace_id, attempt.parent_id)
    assert root.end_ns - root.start_ns == 1_700_000_000
    expected = {"error.type": "no_backend", "gen_ai.request.model": "m", "reflex.attempts": 3}
    assert expected.items() <= root.attributes.items()


def test_a_call_whose_process_was_killed_gets_its_root_later(tmp_path: Path) -> None:
    """An hour on, over a restart of the export, once, and not what has ended or is no call."""

    class Kept:
        """Takes everything."""

        def __init__(self) -> None:
            self.spans: list[SpanFields] = []

        def send(self, spans: Sequence[SpanFields]) -> None:
            self.spans += spans

    kept, shadow = Kept(), decision("c3").model_copy(update={"origin": "shadow"})
    later = datetime.now(UTC) + timedelta(hours=2)
    with EventLog(tmp_path / "capsule") as log:
        for event in (decision("c1"), decision("c2"), shadow, call("c2", Mode.REFLEX)):
            log.append(event)
        with cursor_for(tmp_path, "d") as cursor:
            assert len(ship_batch(log, cursor, kept, with_io=False)) == 4
            assert ship_batch(log, cursor, kept, with_io=False) == []  # it may still be answered
        roots = [span.trace_id for span in kept.spans if span.name.startswith("call ")]
        with cursor_for(tmp_path, "d") as cursor:
            for _ in range(2):
                assert ship_batch(log, cursor, kept, with_io=False, now=later) == []
    root = kept.spans[-1]
    begun = kept.spans[0]
    assert len(kept.spans) == 4 + len(roots) + 1
    assert (root.name, root.parent_id, root.failed) == ("call implement", None, "outcome_unknown")
    assert (root.trace_id, root.span_id) == (begun.trace_id, begun.parent_id)
    assert root.trace_id not in roots
    assert root.attributes["error.type"] == "outcome_unknown"


def test_with_io_the_messages_go_too(project: Path, collector: Receiver) -> None:
    """In the conventions' form."""
    three_events(project)
    reflex(project, "events", "export", "--otlp", collector.url, "--with-io")
    attributes = collector.spans[-1]["attributes"]
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": PROMPT}]}
    ]
    assert json.loads(attributes["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": REPLY}],
            "finish_reason": "stop",
        }
    ]
    assert collector.spans[1]["attributes"]["reflex.error_message"] == QUOTED


def test_the_cursor_goes_on_where_it_ended(project: Path, collector: Receiver) -> None:
    """The next export ships what came since, the record of the first export included."""
    three_events(project)
    reflex(project, "events", "export", "--otlp", collector.url)
    audit = capsule(project)[-1]
    assert (audit.event_type, audit.body["last_seq"]) == ("CapsuleExported", 3)
    assert audit.body["destination"] == f"{collector.url}/v1/traces"
    record(project, decision("c2"))
    done = reflex(project, "events", "export", "--otlp", collector.url, "--json")
    assert json.loads(done.stdout)["first_seq"] == 4
    assert collector.numbers() == [1, 2, 3, 4, 5]


def test_a_redirect_is_no_success(project: Path, collector: Receiver) -> None:
    """The exporter would count a 302 as taken; the records would be lost."""
    three_events(project)
    collector.statuses = [302]
    done = reflex(project, "events", "export", "--otlp", collector.url)
    assert done.returncode == 1
    assert "302" in done.stderr
    assert "/elsewhere" not in collector.requests
    assert reflex(project, "events", "export", "--otlp", collector.url).returncode == 0
    assert collector.numbers() == [1, 2, 3, 4]


def test_what_was_refused_is_shipped_again_with_the_same_ids(
    project: Path, collector: Receiver
) -> None:
    """At least once: a batch that was taken but not noted comes again, and can be told."""
    three_events(project)

    class Taken:
        """Takes the spans, and the process dies before that is noted."""

        def send(self, spans: Sequence[SpanFields]) -> None:
            with Collector(traces_url(collector.url)) as real:
                real.send(spans)
            raise ExportError("gone")

    log = EventLog(project / ".speckit" / "capsule")
    state = project / ".speckit"
    with log, cursor_for(state, "d") as cursor:
        with pytest.raises(ExportError):
            ship_batch(log, cursor, Taken(), with_io=False)
        with Collector(traces_url(collector.url)) as real:
            assert len(ship_batch(log, cursor, real, with_io=False)) == 3
            assert ship_batch(log, cursor, real, with_io=False) == []
    ids = [(span["trace"], span["span"]) for span in collector.spans]
    assert ids[:4] == ids[4:]
    assert len(set(ids)) == 4


def test_following_ships_what_is_appended(project: Path, collector: Receiver) -> None:
    """Old and new ones, through a time in which the collector refuses; Ctrl-C ends it."""
    three_events(project)
    collector.statuses = [400]
    with subprocess.Popen(
        [CODE, "reflex", "events", "export", "-f", "--otlp", collector.url],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert collector.came.wait(PATIENCE_S)
            collector.came.clear()
            record(project, decision("later"))
            assert collector.came.wait(PATIENCE_S)
        finally:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "400" in errors
    sent = collector.numbers()
    assert sent == [1, 2, 3, 4, 5]
    audits = [r.body for r in capsule(project) if r.event_type == "CapsuleExported"]
    assert [(a["last_seq"], a["follows"]) for a in audits] == [(3, True)]


class Counting:
    """Takes everything; keeps the sizes of the batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def send(self, spans: Sequence[SpanFields]) -> None:
        self.sizes.append(len(spans))


def test_batches_are_bounded_by_number_and_bytes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long capsule goes in many requests, and one large record alone."""
    monkeypatch.setattr(shipping, "MOST_RECORDS", 4)
    monkeypatch.setattr(shipping, "MOST_BYTES", 3000)
    directory = record(project, *(decision(str(n)) for n in range(6)), decision("x" * 4000))
    sink = Counting()
    with EventLog(directory) as log, cursor_for(project, "d") as cursor:
        while ship_batch(log, cursor, sink, with_io=False):
            pass
    assert sum(sink.sizes) == 7
    assert max(sink.sizes) <= 4
    assert sink.sizes[-1] == 1


def test_a_replaced_capsule_is_shipped_from_its_beginning(project: Path) -> None:
    """A cursor belongs to the log whose record it names; a torn cursor is none."""
    directory = record(project, decision("a"), decision("b"))
    sink = Counting()
    with cursor_for(project, "d") as cursor:
        with EventLog(directory) as log:
            ship_batch(log, cursor, sink, with_io=False)
            assert cursor.after(log) == 2
        for segment in directory.glob("*.jsonl"):
            segment.unlink()
        record(project, decision("c"), decision("d"), decision("e"))
        with EventLog(directory) as log:
            assert len(ship_batch(log, cursor, sink, with_io=False)) == 3
    next((project / "export").glob("*.json")).write_text('{"seq": 3')
    with EventLog(directory) as log, cursor_for(project, "d") as cursor:
        assert cursor.after(log) == 0


def test_one_process_ships_to_a_destination(project: Path) -> None:
    """A second would send everything twice."""
    with (
        cursor_for(project, "d"),
        cursor_for(project, "other"),
        pytest.raises(CapsuleError, match="another process"),
        cursor_for(project, "d"),
    ):
        pass


@pytest.mark.parametrize("url", ["https://collector.invalid", "http://10.0.0.1:4318"])
def test_evidence_goes_only_where_the_user_trusts(
    project: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before anything is recorded or sent; one word of the user's allows it."""
    three_events(project)
    done = reflex(project, "events", "export", "--otlp", url)
    assert done.returncode == 2
    assert "code reflex trust" in done.stderr
    assert len(capsule(project)) == 3
    monkeypatch.setenv("REFLEX_TRUSTED_ENDPOINTS", url)
    assert traces_url(url) == f"{url}/v1/traces"


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "http://u:p@127.0.0.1:4318", "ftp://x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """Credentials belong into the environment."""
    with pytest.raises(ConfigError) as caught:
        traces_url(url)
    assert not isinstance(caught.value, UntrustedEndpoint)


def test_nobody_there_is_one_clear_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which URL it was, what is tried next time, and the usual mistake."""
    three_events(project)
    with receiver() as gone:
        pass
    monkeypatch.setattr(otlp, "Collector", partial(Collector, timeout_s=0.5))
    done = reflex(project, "events", "export", "--otlp", gone.url)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the collector did not take 4 spans")
    assert "4318" in done.stderr
    assert "Traceback" not in done.stderr
