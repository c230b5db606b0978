"""Each safeguard is taken away once, by the test alone, and what it guards against must then be noticed.

The hazard is the same with and without: somebody commits late, Kafka refuses one message, a process fails before the effect,
a message comes twice, two replicas hold the same dossier.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from aiokafka.errors import MessageSizeTooLargeError
from faststream import AckPolicy
from faststream.kafka import KafkaMessage

from cir_chassis.bus import Bus
from cir_chassis.consumer import Consumer
from cir_chassis.database import Database
from cir_chassis.dead_letters import DeadLetters
from cir_chassis.outbox import _MARK, _UNSENT, OUTBOX, Relay, _message

from .conftest import Count, Counted, CountWork, Open, stored
from .test_bus import Choosy, Topic, read, running, send, until

ONE = UUID(int=1)


def once(events: Sequence[Counted], work: CountWork) -> None:
    """The event's id is the key of its effect."""
    for event in events:
        work.counts.put(Count(event.id, int(event.text)))


def as_often_as_heard(events: Sequence[Counted], work: CountWork) -> None:
    for event in events:
        work.counts.put(Count(uuid4(), int(event.text)))


class Unlocked(CountWork):
    async def load(self, subjects: Iterable[UUID]) -> None:
        await self.counts.load(self.connection, "id", subjects)


class ByCursor(Relay):
    """Reads on after the last id that it saw."""

    last = 0

    async def carry(self) -> int:
        async with self._engine.begin() as connection:
            unseen = sa.select(OUTBOX).where(OUTBOX.c.id > self.last).order_by(OUTBOX.c.id)
            rows = (await connection.execute(unseen)).all()
            sent, _ = await self._producer.send_all([_message(row) for row in rows])
            self.last = max((row.id for row in rows[:sent]), default=self.last)
            return sent


class GoesOn(Relay):
    """Leaves out what fails, and carries what stands behind it."""

    async def carry(self) -> int:
        async with self._engine.begin() as connection:
            unsent = (await connection.execute(_UNSENT, {"most": self.BATCH})).all()
            sent = [row.id for row in unsent if (await self._producer.send_all([_message(row)]))[0]]
            await connection.execute(_MARK, {"ids": sent})
        return len(sent)


class AcknowledgesFirst(Bus):
    """Commits its offsets before the effect."""

    def hear(self, deliver: Callable[[KafkaMessage], Awaitable[None]]) -> None:
        @self.broker.subscriber(
            *self._hears,
            batch=True,
            group_id=self._service,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.ACK_FIRST,
        )
        async def on_batch(batch: KafkaMessage) -> None:
            await deliver(batch)


async def effects(database: Database[CountWork]) -> list[int]:
    async with stored(database) as rows:
        return sorted(rows.values())


@pytest.mark.parametrize(("relay", "arrives"), [(Relay, {b"1", b"2"}), (ByCursor, {b"2"})])
async def test_late_committers_arrive_because_no_cursor_is_kept(
    open_database: Open, kafka: str, relay: type[Relay], arrives: set[bytes]
) -> None:
    database, topic = open_database(), Topic()
    async with running(kafka, database, topic, once) as (bus, *_):
        carrier = relay(database.engine, bus, ())
        async with database.work() as late:
            late.say(topic.event(ONE, "1"))
            await late.flush()  # has its id, is not committed
            async with database.work() as quick:
                quick.say(topic.event(ONE, "2"))
            await carrier.carry()
        await carrier.carry()
        assert {record.value for record in await read(kafka, topic.name, len(arrives))} == arrives


@pytest.mark.parametrize(("relay", "order"), [(Relay, [b"1", b"9", b"2"]), (GoesOn, [b"1", b"2", b"9"])])
async def test_order_is_kept_because_the_relay_stops_at_a_failure(
    open_database: Open, kafka: str, relay: type[Relay], order: list[bytes]
) -> None:
    database, topic = open_database(), Topic()
    async with running(kafka, database, topic, once) as (bus, *_):
        async with database.work() as work:
            for text in "192":
                work.say(topic.event(ONE, text))
        producer = Choosy(bus, at_once=True)
        carrier = relay(database.engine, producer, ())
        try:
            await carrier.carry()
        except MessageSizeTooLargeError:
            assert relay is Relay
        producer.well = True
        await carrier.carry()
        assert [record.value for record in await read(kafka, topic.name, 3)] == order


@pytest.mark.parametrize(("kind", "come"), [(Bus, [1, 2]), (AcknowledgesFirst, [2])])
async def test_a_failure_before_the_effect_loses_nothing_because_offsets_come_after(
    open_database: Open, kafka: str, kind: type[Bus], come: list[int]
) -> None:
    database, topic, failed = open_database(once=True), Topic(), asyncio.Event()
    bus = kind(kafka, topic.name, owns=[topic.name], hears=[topic.name])
    consumer = Consumer(database, {topic.event: once}, DeadLetters("test", kafka, bus, [topic.name]), ())

    async def fail_once(batch: KafkaMessage) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("the process ends here")
        await consumer.deliver(batch)

    bus.hear(fail_once)
    await bus.start(asyncio.Event())
    try:
        await send(bus, topic, b"1", ONE)
        async with asyncio.timeout(30):
            await failed.wait()
        await send(bus, topic, b"2", ONE)

        async def second_there() -> bool:
            return 2 in await effects(database)

        await until(second_there)
        assert await effects(database) == come
    finally:
        await bus.stop_hearing()
        await bus.stop()


@pytest.mark.parametrize(("handle", "come"), [(once, [1, 2]), (as_often_as_heard, [1, 1, 2])])
async def test_what_comes_twice_takes_effect_once_because_its_id_is_the_key(
    open_database: Open, kafka: str, handle: Any, come: list[int]
) -> None:
    database, topic, id_ = open_database(once=True), Topic(), str(uuid4())
    async with running(kafka, database, topic, handle) as (bus, *_):
        for _ in range(2):
            await send(bus, topic, b"1", ONE, ce_id=id_)
        await send(bus, topic, b"2", ONE)

        async def last_there() -> bool:
            return 2 in await effects(database)

        await until(last_there)
    assert await effects(database) == come


@pytest.mark.parametrize(("kind", "sum_"), [(CountWork, 2), (Unlocked, 1)])
async def test_two_replicas_lose_no_change_because_rows_are_locked(
    open_database: Open, kind: type[CountWork], sum_: int
) -> None:
    database = open_database(of=kind)
    async with database.work() as work:
        work.counts.put(Count(ONE, 0))
    read_it = asyncio.Event()

    async def add_one() -> None:
        async with database.work() as work:
            await work.load([ONE])
            read_it.set()
            work.counts.put(Count(ONE, work.counts.get(ONE).version + 1))

    async def read_or_waiting() -> bool:
        async with database.engine.connect() as connection:
            waiting = await connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return read_it.is_set() or bool(waiting)

    async with database.work() as first:
        await first.load([ONE])
        second = asyncio.create_task(add_one())
        await until(read_or_waiting)
        first.counts.put(Count(ONE, first.counts.get(ONE).version + 1))
    await second
    assert await effects(database) == [sum_]
