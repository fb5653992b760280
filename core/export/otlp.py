"""A collector, reached over OTLP/HTTP by OpenTelemetry's own exporter (extra ``otlp``)."""

from __future__ import annotations

import logging
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigError, ExportError, UntrustedEndpoint
from core.extras import how_to_install
from core.plain import plain
from core.settings import trust
from core.settings.model import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.export.genai import SpanFields

_PATH = "/v1/traces"
_NAME = "speckit-reflex"
_OK = 200


def traces_url(url: str) -> str:
    """Where spans go at a collector whose base is ``url``: ``URL/v1/traces``.

    Raises:
        ConfigError: it is no URL, or holds credentials.
        UntrustedEndpoint: it is off this machine, and the user has not trusted it.
    """
    try:
        base: str = TypeAdapter(Endpoint).validate_python(url)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"--otlp {plain(url, 200)!r}: {problem}",
            remedy="Name the collector's base, for example http://127.0.0.1:4318; keys for it "
            "go into $OTEL_EXPORTER_OTLP_HEADERS.",
        ) from None
    if not trust.may_contact(base, named_by_user=False):
        raise UntrustedEndpoint(
            f"--otlp {base} is not on this machine, and evidence goes only where you trust",
            remedy=trust.remedy(base),
        )
    return base if base.endswith(_PATH) else base + _PATH


class Collector:
    """Sends spans to ``url`` (the whole one, with its path); a context manager.

    Raises:
        ConfigError: the exporter is not installed.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        try:
            import requests  # an extra, and heavy
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.resources import Resource
        except ImportError as error:
            raise ConfigError(
                "OpenTelemetry's exporter is not installed",
                remedy=how_to_install("otlp"),
            ) from error
        self._words = _LastWords()
        self._logger = logging.getLogger("opentelemetry")
        self._logger.addHandler(self._words)
        self._propagated, self._logger.propagate = self._logger.propagate, False
        session = requests.Session()
        session.trust_env = not trust.is_loopback(url)
        # The exporter takes a redirect for a success, and what was shipped would be lost.
        session.hooks["response"] = [_only_200]
        exporter: Any = OTLPSpanExporter(endpoint=url, timeout=timeout_s, session=session)
        self._exporter = exporter
        self._resource = Resource.create(
            {
                "service.name": _NAME,
                "service.version": version(_NAME),
                "host.name": socket.gethostname(),
            }
        )

    def send(self, spans: Sequence[SpanFields]) -> None:
        """Return once the collector has taken all of them; the exporter retries for a while.

        Raises:
            ExportError: it has not.
        """
        from opentelemetry.sdk.trace.export import SpanExportResult

        self._words.last = ""
        made = [_readable(span, self._resource) for span in spans]
        if self._exporter.export(made) is not SpanExportResult.SUCCESS:
            raise ExportError(
                f"the collector did not take {len(spans)} spans: {plain(self._words.last, 300)}",
                remedy="They are shipped again next time. Is the collector running there, and does "
                "it take OTLP over HTTP (port 4318 by default, not 4317)?",
            )

    def close(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()
        self._logger.removeHandler(self._words)
        self._logger.propagate = self._propagated

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _LastWords(logging.Handler):
    """Keeps what the exporter said last, which is the only place where it says why it failed."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.last = record.getMessage()


def _only_200(response: Any, **_: object) -> None:
    from requests import RequestException

    if response.status_code < 400 and response.status_code != _OK:  # noqa: PLR2004
        raise RequestException(f"it answered {response.status_code}, which no collector does")


def _readable(span: SpanFields, resource: Any) -> Any:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode

    flags = TraceFlags(TraceFlags.SAMPLED)
    parent = None
    if span.parent_id is not None:
        parent = SpanContext(span.trace_id, span.parent_id, is_remote=False, trace_flags=flags)
    return ReadableSpan(
        name=span.name,
        context=SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=flags),
        parent=parent,
        resource=resource,
        attributes=span.attributes,
        kind=SpanKind.CLIENT if span.is_call else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.failed) if span.failed else Status(StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope(_NAME, version(_NAME)),
    )
