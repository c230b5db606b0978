"""One trace runs from a request through every topic to the email (OpenTelemetry, W3C Trace Context).

FastAPI draws the span of a request itself. An event that is published in a span carries its `traceparent` through the outbox,
and its consumer draws a span of the effect on from there. No library does that: an outbox is relayed later, by nobody's request;
and a batch holds events of many traces, where FastStream's middleware draws one new trace a batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TRACEPARENT = TraceContextTextMapPropagator()
_PATIENCE = 3.0  # seconds that an unavailable collector may hold up the end of a process


class _WithoutQuery(SpanProcessor):
    """What is looked for may be a name or a number: no query leaves the process."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if "url.query" in (span.attributes or ()):
            span.set_attribute("url.query", "REDACTED")


def configure(service: str, collector: str | None) -> None:
    """Draw the spans of this process: exported to a collector (OTLP over HTTP), or without one the traces' ids alone.

    Once per process: a second call changes nothing.
    """
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    sampler = ParentBased(ALWAYS_ON if collector else ALWAYS_OFF)
    provider = TracerProvider(sampler, Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(_WithoutQuery())
    if collector:
        exporter = OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces", timeout=_PATIENCE)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def begin(name: str, parent: str | None, kind: SpanKind = SpanKind.CONSUMER) -> Span:
    """A span that goes on from a traceparent: in a new trace, where that is none or unreadable. Whoever begins it ends it."""
    context = _TRACEPARENT.extract({"traceparent": parent} if parent else {})
    before = trace.get_current_span(context).get_span_context()
    if before.is_valid and not before.trace_flags.sampled:
        return trace.NonRecordingSpan(before)  # nothing that follows from it is exported: a span would only cost time
    return trace.get_tracer(__name__).start_span(name, context, kind)


def traceparent(span: Span | None = None) -> str | None:
    """The traceparent of this span, or of the one that is open here; None where none is."""
    carrier: dict[str, str] = {}
    _TRACEPARENT.inject(carrier, trace.set_span_in_context(span or trace.get_current_span()))
    return carrier.get("traceparent")


def fail(span: Span, reason: str) -> None:
    """End a span as failed. reason: without values, as all that is exported."""
    span.set_status(StatusCode.ERROR, reason)
    span.end()


@contextmanager
def step(name: str, parent: str | None, kind: SpanKind = SpanKind.CONSUMER) -> Iterator[Span]:
    """A span from here to the end of the block."""
    span = begin(name, parent, kind)
    try:
        yield span
    except BaseException as error:
        fail(span, type(error).__name__)
        raise
    span.end()
