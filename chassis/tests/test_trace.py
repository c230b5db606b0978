"""One trace from a request to the last effect, through outbox and topics; what is exported holds no value."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import UUID, uuid4

import httpx
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, format_trace_id

from cir_chassis.http import create_app
from cir_chassis.login import Login
from cir_chassis.outbox import Relay
from cir_chassis.trace import begin, configure, traceparent

from .conftest import Counted, CountWork, Open
from .test_bus import Topic, keep, running, until

# Long enough that no id and no moment of a span holds it by chance.
EARNS = "314159265358979323846"

configure("tests", None)


def drawn() -> InMemorySpanExporter:
    """From now on, every span of this process that is sampled."""
    spans, provider = InMemorySpanExporter(), trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return spans


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context
    return context


async def test_each_trace_runs_from_its_request_through_two_topics(open_database: Open, kafka: str) -> None:
    database, first, second = open_database(), Topic(), Topic()
    first.event.type, second.event.type = "first.Counted", "second.Counted"
    traces, dossier, spans = [uuid4().hex, uuid4().hex], uuid4(), drawn()
    app = create_app("test", "", (), Login("http://x", "x", {}), lambda: True, ())

    @app.post("/v1/things/{dossier}")
    async def say(dossier: UUID) -> None:
        async with database.work() as work:
            work.publish(first.event(dossier))

    def hand_on(events: Sequence[Counted], work: CountWork) -> None:
        for event in events:
            work.publish(second.event(event.dossier), because_of=event)

    async with running(kafka, database, first, hand_on) as (bus, *_), running(kafka, database, second, keep):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            for id_ in traces:
                came_with = {"traceparent": f"00-{id_}-00f067aa0ba902b7-01"}
                assert (await client.post(f"/v1/things/{dossier}", headers=came_with)).status_code == 200
            await client.get("/metrics", headers=came_with)  # nobody's request: not drawn
        relay = Relay(database.engine, bus, ())
        assert await relay.carry() == 2

        async def both_arrived() -> bool:
            await relay.carry()
            return len(spans.get_finished_spans()) >= 6

        await until(both_arrived)
    by_trace: dict[str, dict[str, ReadableSpan]] = {id_: {} for id_ in traces}
    for span in spans.get_finished_spans():
        by_trace[format_trace_id(context_of(span).trace_id)][span.name] = span
    for of_one in by_trace.values():
        post, effect, last = (of_one.pop(n) for n in ("POST /v1/things/{dossier}", "first.Counted", "second.Counted"))
        assert not of_one
        assert post.parent
        assert post.parent.span_id == 0x00F067AA0BA902B7
        assert effect.parent
        assert effect.parent.span_id == context_of(post).span_id
        assert last.parent
        assert last.parent.span_id == context_of(effect).span_id


async def test_no_span_holds_what_somebody_looks_for() -> None:
    spans, app = drawn(), create_app("test", "", (), Login("http://x", "x", {}), lambda: True, ())

    @app.get("/v1/things")
    async def look(q: str) -> None:
        assert q == EARNS

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        sampled = {"traceparent": f"00-{uuid4().hex}-00f067aa0ba902b7-01"}
        assert (await client.get("/v1/things", params={"q": EARNS}, headers=sampled)).status_code == 200
    [span] = spans.get_finished_spans()
    assert span.name == "GET /v1/things"
    assert EARNS not in span.to_json()


async def test_what_is_parked_ends_its_span_with_the_reason_and_no_value(open_database: Open, kafka: str) -> None:
    database, topic, spans = open_database(), Topic(), drawn()
    topic.event.type = f"{topic.name}.Counted"

    def handle(events: Sequence[Counted], work: CountWork) -> None:
        raise ValueError(f"{events[0].text} is what anna earns")

    async with running(kafka, database, topic, handle) as (bus, *_):
        async with database.work() as work:
            for text in ("no number", EARNS):
                cause = Counted(uuid4(), trace=f"00-{uuid4().hex}-00f067aa0ba902b7-01")
                work.publish(topic.event(cause.dossier, text), because_of=cause)
        await Relay(database.engine, bus, ()).carry()

        async def both_ended() -> bool:
            return len(spans.get_finished_spans()) == 2

        await until(both_ended)
    told = {span.status.description for span in spans.get_finished_spans()}
    assert told == {"the value is no number", "ValueError while it took effect"}
    assert not [span for span in spans.get_finished_spans() if EARNS in span.to_json()]


def test_without_a_collector_ids_are_drawn_and_nothing_is_kept() -> None:
    span = begin("anything", None)
    assert not span.is_recording()
    drawn_id = traceparent(span)
    assert drawn_id
    assert int(drawn_id[-2:], 16) % 2 == 0  # not sampled: who hears it keeps nothing either
    assert (traceparent(begin("next", drawn_id)) or "")[:35] == drawn_id[:35]
    assert (traceparent(begin("unreadable", "anna")) or "")[:35] != drawn_id[:35]


async def test_a_collector_gets_what_a_process_drew_before_it_ends() -> None:
    asked: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    program = (
        "import sys; from cir_chassis.trace import *; configure('dossier', sys.argv[1]); begin('effect', None).end()"
    )
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [sys.executable, "-c", program, f"http://127.0.0.1:{server.server_port}"]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            check=True,
            capture_output=True,
            timeout=60,
            env={"OTEL_EXPORTER_OTLP_COMPRESSION": "none"},
        )
        server.shutdown()
    assert done.stderr == b""
    ((path, body),) = asked
    (of_process,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert path == "/v1/traces"
    assert ("service.name", "dossier") in {(one.key, one.value.string_value) for one in of_process.resource.attributes}
    assert [span.name for span in of_process.scope_spans[0].spans] == ["effect"]
