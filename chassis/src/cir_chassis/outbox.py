"""An event is a row first, in the transaction that makes it true; a relay sends the rows to Kafka, in order.

A relay's batch is one transaction that holds an advisory lock: one relay is active per service, whatever the replicas,
and PostgreSQL drops one that is paused or cut off. It reads the unsent rows, never "after the last id": ids commit out
of order, and a late one would be lost.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar, Protocol

import sqlalchemy as sa
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cir_chassis import driver
from cir_chassis.bulk import among, given, rows
from cir_chassis.probes import DependencyProbe
from cir_chassis.problems import Problem

log = structlog.get_logger()
RELAYED = Counter("cir_relayed_events_total", "Events sent from the outbox to Kafka", ["topic"])
UNSENT = Gauge("cir_outbox_unsent", "Events in the outbox that Kafka does not have yet")
OLDEST = Gauge("cir_outbox_oldest_seconds", "Age of the oldest of them")
RETENTION = timedelta(days=7)  # of events that were sent, for `replay`; they hold personal data, so no longer
LARGEST = 1_000_000  # bytes of an event: what Kafka takes unless told otherwise, less its headers


class EventTooLarge(Problem):
    """An event that Kafka would never take: refused with its transaction, since every event behind it would wait."""

    def __init__(self, topic: str) -> None:
        detail = f"This is more than an event for {topic} can hold: {LARGEST} bytes. Nothing was stored: send less."
        super().__init__(413, detail)


class Event(Protocol):
    """An event that a service publishes or consumes."""

    topic: ClassVar[str]
    type: ClassVar[str]
    keyed_by: ClassVar[str]

    @property
    def trace(self) -> str | None: ...
    @property
    def key(self) -> str: ...
    def value(self) -> bytes: ...
    def headers(self) -> dict[str, str]: ...


Message = tuple[str, bytes, bytes | None, list[tuple[str, bytes]]]
"""Topic, key, value, headers."""


class Producer(Protocol):
    """Sends messages to Kafka."""

    async def send_all(self, messages: Sequence[Message]) -> tuple[int, Exception | None]:
        """Send in order, and stop at the first failure. Returns how many all replicas have, and what failed."""


OUTBOX = sa.Table(
    "outbox",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("said_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
)
sa.Index("outbox_unsent", OUTBOX.c.id, postgresql_where=OUTBOX.c.sent_at.is_(None))
outbox_table = OUTBOX.to_metadata
"""metadata → the outbox among a service's tables, so that the service's migrations make it."""
_GIVEN = ("topic", "key", "headers", "value")
_these = given([OUTBOX.c[name] for name in _GIVEN])
_ADD = OUTBOX.insert().from_select(_GIVEN, sa.select(*(_these.c[name] for name in _GIVEN)).order_by(_these.c.place))
_MINE = sa.select(
    sa.func.pg_try_advisory_xact_lock(sa.func.hashtext("cir.relay"), type_=sa.Boolean).label("mine"),
    sa.func.set_config("idle_in_transaction_session_timeout", "3s", sa.true(), type_=sa.Text),
).cte()
# Its snapshot is taken before its lock: what another relay commits in between is sent twice, which is harmless.
_UNSENT = (
    sa.select(OUTBOX.c.id, *(OUTBOX.c[name] for name in _GIVEN))
    .join(_MINE, _MINE.c.mine)
    .where(OUTBOX.c.sent_at.is_(None))
    .order_by(OUTBOX.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_MARK = sa.update(OUTBOX).where(among(OUTBOX.c.id)).values(sent_at=sa.func.now())
_UNMARK = sa.update(OUTBOX).where(among(OUTBOX.c.id)).values(sent_at=None)
_of_a_dossier = OUTBOX.c.key.regexp_match("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
# An event of another subject holds no personal data, and may be the last one of its subject for years: `replay` has it.
OLD = sa.delete(OUTBOX).where(OUTBOX.c.sent_at < sa.func.now() - RETENTION, _of_a_dossier)


async def add(connection: AsyncConnection, events: Sequence[tuple[Event, str | None]]) -> None:
    """Write the events in the order in which they were published, each with the traceparent that it goes on from.

    Raises `EventTooLarge`.
    """
    if not events:
        return
    columns: dict[str, list[Any]] = {
        "topic": [event.topic for event, _ in events],
        "key": [event.key for event, _ in events],
        "headers": [event.headers() | ({"traceparent": trace} if trace else {}) for event, trace in events],
        "value": [event.value() for event, _ in events],
    }
    for topic, value in zip(columns["topic"], columns["value"], strict=True):
        if len(value) > LARGEST:
            raise EventTooLarge(topic)
    await driver.run(connection, _ADD, rows(columns))


async def replay(engine: AsyncEngine, chosen: sa.ColumnElement[bool]) -> int:
    """Have events that were sent and are still in the outbox sent again, in order. Returns how many."""
    async with driver.transaction(engine) as connection:
        again = sa.update(OUTBOX).where(OUTBOX.c.sent_at.is_not(None), chosen).values(sent_at=None)
        return (await connection.execute(again)).rowcount


async def measure(engine: AsyncEngine) -> None:
    """Set the metrics of the unsent rows."""
    age = sa.extract("epoch", sa.func.now() - sa.func.min(OUTBOX.c.said_at))
    query = sa.select(sa.func.count(), sa.func.coalesce(age, 0)).where(OUTBOX.c.sent_at.is_(None))
    async with engine.connect() as connection:
        unsent, oldest = (await connection.execute(query)).one()
    UNSENT.set(unsent)
    OLDEST.set(float(oldest))


class Relay:
    """Sends one service's outbox to Kafka for as long as both it and the database are up."""

    BATCH, POLL = 500, 0.05  # rows; seconds between looks for what other replicas committed

    def __init__(self, engine: AsyncEngine, producer: Producer, needs: Sequence[DependencyProbe]) -> None:
        self._engine, self._producer, self._needs = engine, producer, needs
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: rows were committed in this process."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Relay until `stopping`."""
        while not stopping.is_set():
            for need in self._needs:
                await need.up.wait()
            try:
                sent = await self.carry()
            except Exception:
                # The rows are still there, and read again; a repeat is harmless (versions, ids).
                log.warning("relay failed, trying again", exc_info=True)
                await asyncio.sleep(1)
                continue
            if sent == self.BATCH:
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self.POLL)
            self._woken.clear()

    async def carry(self) -> int:
        """Send one batch. Returns how many rows; 0 also where another relay is active."""
        async with driver.transaction(self._engine) as connection:
            unsent = await driver.run(connection, _UNSENT, {"most": self.BATCH})
            if not unsent:
                return 0
            # Marked while they are on their way: no mark counts before the commit, and what Kafka lacks then is unmarked.
            ids = [row["id"] for row in unsent]
            async with asyncio.TaskGroup() as both:
                sending = both.create_task(self._producer.send_all([_message(row) for row in unsent]))
                await driver.run(connection, _MARK, {"ids": ids})
            sent, failure = sending.result()
            if failure:
                await driver.run(connection, _UNMARK, {"ids": ids[sent:]})
        for topic, many in Tally(row["topic"] for row in unsent[:sent]).items():
            RELAYED.labels(topic).inc(many)
        if failure:
            raise failure
        return sent


def _message(row: Any) -> Message:
    _, topic, key, headers, value = row
    return topic, key.encode(), value, [(name, text.encode()) for name, text in headers.items()]
