"""A batch is one transaction: its dossiers are locked, the handlers change rows in memory, each table is written once.

What fails in a batch is tried one by one; what still fails is parked with its reason in `<topic>.dlq`, and the rest
moves on. An outage parks nothing: it waits. Offsets are committed after the transaction: a crash repeats, never loses.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaMessage
from opentelemetry.trace import Span
from prometheus_client import Counter, Histogram

from cir_chassis.database import Database, is_outage
from cir_chassis.dead_letters import DeadLetter, DeadLetters
from cir_chassis.probes import DependencyProbe
from cir_chassis.trace import begin, fail, step, traceparent

log = structlog.get_logger()

CONSUMED = Counter("cir_events_total", "Events heard, by what became of them", ["type", "fate"])
LATENCY = Histogram(
    "cir_event_latency_seconds",
    "From when an event was said to the commit of its effect",
    ["type"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
TRIES = 3  # of one event by itself, before it is parked


class Readable(Protocol):
    """A type of event, as the consumer sees it: where it is heard, how it is called on the wire and how it is read."""

    topic: Any
    type: Any

    @classmethod
    def read(cls, headers: dict[str, str], key: bytes | None, value: bytes | None) -> Any:
        """Raises ValueError, with a reason that shows no value, where the event cannot be read."""


Handler = Callable[[Sequence[Any], Any], None]
Handlers = Mapping[Any, Handler]
"""What a service consumes: type of event (`Readable`) → handler of a batch of them and the work to do it in."""
Heard = tuple[ConsumerRecord[bytes, bytes], Any, Span]
"""A record, the event in it, and the span of its effect."""


class HandlerFailed(Exception):
    """A handler raised. It touches nothing but memory, so whatever it raised is no outage."""


class Consumer:
    """Delivers what one service consumes to its handlers."""

    def __init__(
        self, database: Database[Any], handlers: Handlers, letters: DeadLetters, needs: Sequence[DependencyProbe]
    ) -> None:
        self._database, self._handlers, self._letters, self._needs = database, handlers, letters, needs
        self._by_type = {event.type: event for event in handlers}
        self._stopping = False

    def stop(self) -> None:
        """Finish the batch in hand, unless it waits for something that is away: it is then heard again."""
        self._stopping = True

    async def deliver(self, batch: KafkaMessage) -> None:
        """Let one batch of raw records take effect, or park what cannot. Returns when nothing of it is left to do."""
        heard: list[Heard] = []
        for record in _records(batch):
            headers = {name: value.decode(errors="replace") for name, value in record.headers}
            event = self._by_type.get(headers.get("ce_type", ""))
            if event is None and headers.get("ce_type"):
                CONSUMED.labels("unknown", "skipped").inc()  # somebody else's, or of a later contract
                continue
            span = begin(headers.get("ce_type") or record.topic, headers.get("traceparent"))
            try:
                if event is None:
                    raise ValueError("header missing: ce_type")
                heard.append((record, _read(event, headers, record.key, record.value, span), span))
            except ValueError as error:
                await self._dead_letter(record, str(error), "unreadable", span)
        try:
            await self._through_outages(partial(self._together_or_one_by_one, heard))
        except Exception:
            log.exception("not done with a batch: it is heard again")
            raise

    async def retry(self, letter: DeadLetter) -> bool:
        """Let a parked event take effect after all; whether it changed anything, or was overtaken in the meantime.

        Raises ValueError where it still cannot be read, and whatever keeps it from taking effect.
        """
        kind = self._by_type.get(letter.headers.get("ce_type", ""))
        if kind is None:
            raise ValueError("no type of event that this service consumes (header ce_type)")
        with step("retry", letter.headers.get("traceparent")) as span:
            event = _read(kind, letter.headers, letter.key, letter.value, span)
            return event not in await self._take([event])

    async def _together_or_one_by_one(self, heard: Sequence[Heard]) -> None:
        try:
            await self._apply(heard)
        except Exception as error:
            if is_outage(error):
                raise
            log.warning("a batch failed, taking its events one by one", events=len(heard), exc_info=True)
            for one in heard:
                await self._through_outages(partial(self._alone, one))

    async def _alone(self, one: Heard) -> None:
        record, event, span = one
        for attempt in range(TRIES):
            await asyncio.sleep(0.1 * 4**attempt if attempt else 0)
            try:
                await self._apply([one])
                return
            except Exception as error:
                if is_outage(error):
                    raise
                why = error
        log.error("dead_lettered", id=str(event.id), type=event.type, exc_info=why)
        what = why.__cause__ if isinstance(why, HandlerFailed) else why
        await self._dead_letter(record, f"{type(what).__name__} while it took effect", "failed", span)

    async def _apply(self, heard: Sequence[Heard]) -> None:
        if not heard:
            return
        overtaken = {event.id for event in await self._take([event for _, event, _ in heard])}
        now = datetime.now(UTC)
        for _, event, span in heard:
            span.end()
            CONSUMED.labels(event.type, "handled").inc()
            if event.id not in overtaken:  # else a replay's age would count
                LATENCY.labels(event.type).observe(max(0.0, (now - event.at).total_seconds()))  # their clock, not ours

    async def _take(self, events: Sequence[Any]) -> list[Any]:
        """One transaction; the snapshots that had been overtaken."""
        async with self._database.work() as work:
            await work.load({UUID(event.key) for event in events})
            for kind, handler in self._handlers.items():
                if of_kind := [event for event in events if type(event) is kind]:
                    try:
                        handler(of_kind, work)
                    except Exception as error:
                        raise HandlerFailed from error
            return list(work.overtaken)

    async def _through_outages(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do it; as long as the database or Kafka is away, wait and do it again."""
        while True:
            for need in self._needs:
                while not need.up.is_set():
                    if self._stopping:
                        raise asyncio.CancelledError  # not committed: heard again after the restart
                    await asyncio.sleep(0.1)
            try:
                return await action()
            except Exception as error:
                if not (is_outage(error) or isinstance(error, KafkaError)):
                    raise
                await asyncio.sleep(0.5)

    async def _dead_letter(self, record: ConsumerRecord[bytes, bytes], reason: str, kind: str, span: Span) -> None:
        await self._through_outages(partial(self._letters.add, record, reason))
        CONSUMED.labels(kind, "dead_lettered").inc()
        fail(span, reason)


def _read(kind: Readable, headers: Mapping[str, str], key: bytes | None, value: bytes | None, span: Span) -> Any:
    """The event; what a handler says because of it goes on from the span of its effect."""
    here = traceparent(span)
    return kind.read({**headers, **({"traceparent": here} if here else {})}, key, value)


def _records(batch: KafkaMessage) -> Sequence[ConsumerRecord[bytes, bytes]]:
    raw: Any = batch.raw_message
    return raw if isinstance(raw, tuple) else (raw,)
