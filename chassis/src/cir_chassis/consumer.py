"""A batch (large events: a part of it) is one transaction: its dossiers are locked, the handlers change rows in memory, and each
table is written once.

A batch that fails is split until the event that fails stands alone. That one is dead-lettered with its reason in
`<topic>.dlq`, and the rest moves on. An outage or a deadlock dead-letters nothing: the consumer waits and tries again.
Offsets are committed after the transaction: a crash repeats, never loses.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord
from faststream.kafka import KafkaMessage
from opentelemetry.trace import Span
from prometheus_client import Counter, Histogram

from cir_chassis.database import Database, is_outage
from cir_chassis.dead_letters import DeadLetter, DeadLetters, text_of
from cir_chassis.probes import DependencyProbe
from cir_chassis.trace import begin, fail, step, traceparent

log = structlog.get_logger()

CONSUMED = Counter("cir_events_total", "Events consumed, by fate", ["type", "fate"])
LATENCY = Histogram(
    "cir_event_latency_seconds",
    "From the publication of an event to the commit of its effect",
    ["type"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
PIECE = 1_000_000  # bytes of events that fill a transaction: many more would fill the memory, and hold up health
FEW = 4  # events that take effect in the loop itself: a thread would take longer than they do
PARTS = 8  # into which a batch that failed is split: few transactions, whether one event of it fails or all


Handler = Callable[[Sequence[Any], Any], None]
Handlers = Mapping[Any, Handler]
"""Type of event → handler of a batch of them and of the work to do it in. A type of event has a topic, a name on the wire
(`type`), the field that is its key (`keyed_by`), and `read(headers, key, value)`, which raises ValueError, with a reason that
shows no value, where it cannot."""
Consumed = tuple[ConsumerRecord[bytes, bytes], Any, Span]
"""A record, the event in it, and the span of its effect."""


class HandlerFailed(Exception):
    """A handler raised. It touches nothing but memory, so whatever it raised is no outage."""


class Consumer:
    """Delivers what one service consumes to its handlers."""

    def __init__(
        self, database: Database[Any], handlers: Handlers, dead_letters: DeadLetters, needs: Sequence[DependencyProbe]
    ) -> None:
        self._database, self._handlers, self._dead_letters, self._needs = database, handlers, dead_letters, needs
        self._by_type = {event.type: event for event in handlers}
        self._stopping = False

    def stop(self) -> None:
        """Finish the batch in hand, unless it waits for a dependency: then it is consumed again after the restart."""
        self._stopping = True

    async def deliver(self, batch: KafkaMessage) -> None:
        """Let one batch of raw records take effect, or dead-letter those that cannot. Returns when the whole batch is done."""
        consumed: list[Consumed] = []
        size = 0
        for n, record in enumerate(batch.raw_message):
            if n % 10 == 0:
                await asyncio.sleep(0)  # a large event takes long to read: health and heartbeats come in between
            headers = text_of(record.headers)
            type_ = headers.get("ce_type")
            if type_ and type_ not in self._by_type:
                CONSUMED.labels("unknown", "skipped").inc()  # of another consumer, or of a later contract
                continue
            span = begin(type_ or record.topic, headers.get("traceparent"))
            try:
                consumed.append((record, self._read(headers, record.topic, record.key, record.value, span), span))
            except ValueError as error:
                await self._dead_letter(record, str(error), "unreadable", span)
            if (size := size + len(record.value or b"")) >= PIECE:
                await self._take_effect(consumed)
                consumed, size = [], 0
        await self._take_effect(consumed)

    async def retry(self, letter: DeadLetter) -> bool:
        """Let a dead letter take effect after all; whether it changed anything, or was overtaken in the meantime.

        Raises ValueError with the reason, without values, where it still cannot be read or take effect; and an outage.
        """
        with step("retry", letter.headers.get("traceparent")) as span:
            event = self._read(letter.headers, letter.id.split("/")[0], letter.key, letter.value, span)
            try:
                return event not in await self._transaction([event])
            except Exception as error:
                if is_outage(error):
                    raise
                raise ValueError(_reason(error)) from error

    def _read(self, headers: Mapping[str, str], topic: str, key: bytes | None, value: bytes | None, span: Span) -> Any:
        """The event; the trace of events published because of it goes on from the span of its effect. Raises ValueError."""
        if not (type_ := headers.get("ce_type")):
            raise ValueError("header missing: ce_type")
        if (kind := self._by_type.get(type_)) is None:
            raise ValueError("no type of event that this service consumes (header ce_type)")
        if kind.topic != topic:
            raise ValueError("a type of event (header ce_type) that belongs on another topic")
        here = traceparent(span)
        try:
            return kind.read({**headers, **({"traceparent": here} if here else {})}, key, value)
        except ValueError:
            raise
        except Exception as error:  # an error that no reader foresaw holds up no other event
            raise ValueError(f"{type(error).__name__} while it was read") from error

    async def _take_effect(self, consumed: Sequence[Consumed]) -> None:
        """All in one transaction. A batch that fails is tried in parts; an event that fails alone would fail at every try."""
        try:
            await self._through_outages(partial(self._apply, consumed))
        except Exception as error:
            if len(consumed) > 1:
                log.warning("a batch failed, trying its parts", events=len(consumed), exc_info=True)
                size = -(-len(consumed) // PARTS)
                for start in range(0, len(consumed), size):
                    await self._take_effect(consumed[start : start + size])
                return
            [(record, event, span)] = consumed
            log.error("dead_lettered", id=str(event.id), type=event.type, exc_info=_cause(error))
            await self._dead_letter(record, _reason(error), "failed", span)

    async def _apply(self, consumed: Sequence[Consumed]) -> None:
        if not consumed:
            return
        overtaken = {event.id for event in await self._transaction([event for _, event, _ in consumed])}
        now = datetime.now(UTC)
        for _, event, span in consumed:
            span.end()
            CONSUMED.labels(event.type, "handled").inc()
            if event.id not in overtaken:  # else a replay's age would count
                LATENCY.labels(event.type).observe(max(0.0, (now - event.at).total_seconds()))  # two clocks

    async def _transaction(self, events: Sequence[Any]) -> list[Any]:
        """One transaction; the snapshots that had been overtaken."""
        async with self._database.work() as work:
            await work.load({UUID(event.key) for event in events if event.keyed_by == "dossier"})
            await work.load_others({event.key for event in events if event.keyed_by != "dossier"})
            for kind, handler in self._handlers.items():
                if of_kind := [event for event in events if type(event) is kind]:
                    try:
                        if len(of_kind) <= FEW:
                            handler(of_kind, work)
                        else:
                            await asyncio.to_thread(handler, of_kind, work)  # the loop stays free
                    except Exception as error:
                        raise HandlerFailed from error
            return list(work.overtaken)

    async def _through_outages(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do it; as long as the database or Kafka is unavailable, wait and do it again."""
        while True:
            for need in self._needs:
                while not need.up.is_set():
                    if self._stopping:
                        raise asyncio.CancelledError  # not committed: consumed again after the restart
                    await asyncio.sleep(0.1)
            try:
                return await action()
            except Exception as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(0.5)

    async def _dead_letter(self, record: ConsumerRecord[bytes, bytes], reason: str, kind: str, span: Span) -> None:
        await self._through_outages(partial(self._dead_letters.add, record, reason))
        CONSUMED.labels(kind, "dead_lettered").inc()
        fail(span, reason)


def _cause(error: Exception) -> BaseException | None:
    return error.__cause__ if isinstance(error, HandlerFailed) else error


def _reason(error: Exception) -> str:
    return f"{type(_cause(error)).__name__} while it took effect"
