"""What is said arrives, once a late committer too; what cannot be read is parked with its reason, and the rest moves on."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError

from cir_chassis import driver
from cir_chassis.bus import PATIENCE, Bus
from cir_chassis.consumer import Consumer
from cir_chassis.database import Database
from cir_chassis.dead_letters import DeadLetters
from cir_chassis.outbox import LARGEST, OLD, OUTBOX, RETENTION, EventTooLarge, Message, Relay, replay
from cir_chassis.probes import DependencyProbe
from conftest import counted

from .conftest import Count, Counted, CountWork, Open, stored

DEADLINE = 30.0


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for the condition, not for the clock."""
    async with asyncio.timeout(DEADLINE):
        while not await condition():
            await asyncio.sleep(0.05)


async def read(kafka: str, topic: str, n: int) -> list[ConsumerRecord[bytes, bytes]]:
    """The first n messages of a topic."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(DEADLINE):
            return [await consumer.getone() for _ in range(n)]
    finally:
        await consumer.stop()


def up(name: str = "up") -> DependencyProbe:
    async def probe() -> None: ...

    line = DependencyProbe(name, probe)
    line.up.set()
    return line


class Topic:
    """A topic of a test's own, with the event type that goes over it."""

    def __init__(self, kind: type[Counted] = Counted) -> None:
        self.name = f"counted.{uuid4().hex[:8]}"
        self.event: type[Counted] = type("Counted", (kind,), {"topic": self.name})


class Running(NamedTuple):
    bus: Bus
    consumer: Consumer
    letters: DeadLetters


@asynccontextmanager
async def running(
    kafka: str, database: Database[CountWork], topic: Topic, handle: Any, needs: Sequence[DependencyProbe] = ()
) -> AsyncIterator[Running]:
    """A service that owns the topic and hears it."""
    bus = Bus(kafka, topic.name, owns=[topic.name], consumes=[topic.name])
    letters = DeadLetters("test", kafka, bus, [topic.name])
    consumer = Consumer(database, {topic.event: handle}, letters, needs)
    bus.subscribe(consumer.deliver)
    await bus.start(asyncio.Event())
    try:
        yield Running(bus, consumer, letters)
    finally:
        consumer.stop()
        await bus.stop_consuming()
        await bus.stop()


def count(events: Sequence[Counted], work: CountWork) -> None:
    """Add up what is heard."""
    for event in events:
        known = work.counts.find(event.dossier)
        work.counts.put(Count(event.dossier, (known.version if known else 0) + int(event.text)))


def keep(events: Sequence[Counted], work: CountWork) -> None:
    """Keep what is heard: hearing it twice is hearing it once."""
    for event in events:
        work.counts.put(Count(event.dossier, int(event.text)))


async def send(bus: Bus, topic: Topic, value: bytes | None, key: UUID, **headers: str) -> None:
    given = {"ce_type": Counted.type, "ce_id": str(uuid4())} | headers
    pairs = [(name, text.encode()) for name, text in given.items() if text]
    await bus.send((topic.name, str(key).encode(), value, pairs))


async def test_what_is_said_is_carried_in_order_and_once(open_database: Open, kafka: str) -> None:
    database, topic = open_database(), Topic()
    async with running(kafka, database, topic, count) as (bus, *_):
        one, trace = uuid4(), f"00-{'a' * 32}-{'b' * 16}-01"
        async with database.work() as work:
            for n in range(3):
                work.publish(topic.event(one, str(n)), because_of=topic.event(one, trace=trace))
        relay = Relay(database.engine, bus, ())
        assert [await relay.carry(), await relay.carry()] == [3, 0]
        records = await read(kafka, topic.name, 3)
    assert [record.value for record in records] == [b"0", b"1", b"2"]
    assert {record.key for record in records} == {str(one).encode()}
    assert dict(records[0].headers)["traceparent"] == trace.encode()


async def test_who_commits_late_is_not_lost(open_database: Open, kafka: str) -> None:
    database, topic = open_database(), Topic()
    async with running(kafka, database, topic, count) as (bus, *_):
        relay = Relay(database.engine, bus, ())
        async with database.work() as late:
            late.publish(topic.event(uuid4(), "1"))
            await late.flush()  # has its id, is not committed
            async with database.work() as quick:
                quick.publish(topic.event(uuid4(), "2"))
            assert await relay.carry() == 1
        assert await relay.carry() == 1
        assert {record.value for record in await read(kafka, topic.name, 2)} == {b"1", b"2"}


async def test_one_relay_is_active_whatever_the_replicas(open_database: Open, kafka: str) -> None:
    database, topic = open_database(), Topic()
    async with running(kafka, database, topic, count) as (bus, *_):
        async with database.work() as work:
            work.publish(topic.event(uuid4()))
        async with driver.transaction(database.engine) as other:
            await other.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('cir.relay'))"))
            assert await Relay(database.engine, bus, ()).carry() == 0
        assert await Relay(database.engine, bus, ()).carry() == 1


class Stuck:
    """A producer that takes what it is given and never says more."""

    def __init__(self) -> None:
        self.taken = asyncio.Event()

    async def send_all(self, messages: Sequence[Message]) -> tuple[int, Exception | None]:
        self.taken.set()
        await asyncio.Event().wait()
        return len(messages), None


async def test_a_relay_that_hangs_is_replaced_within_seconds(open_database: Open, kafka: str) -> None:
    database, topic, stuck = open_database(), Topic(), Stuck()
    async with running(kafka, database, topic, keep) as (bus, *_):
        async with database.work() as work:
            work.publish(topic.event(uuid4(), "1"))
        hanging = asyncio.create_task(Relay(database.engine, stuck, ()).carry())
        await stuck.taken.wait()
        other, begun = Relay(database.engine, bus, ()), monotonic()
        assert await other.carry() == 0  # the one that hangs is active

        async def carried() -> bool:
            return await other.carry() == 1

        await until(carried)
        assert monotonic() - begun < 10
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        assert [record.value for record in await read(kafka, topic.name, 1)] == [b"1"]


class Choosy:
    """A producer that refuses what holds a 9: at once, or when what stands behind it is on its way already."""

    def __init__(self, bus: Bus, at_once: bool) -> None:
        self._bus, self._at_once, self.well = bus, at_once, False

    async def send_all(self, messages: Sequence[Message]) -> tuple[int, Exception | None]:
        nines = [place for place, (_, _, value, _) in enumerate(messages) if value == b"9"]
        if self.well or not nines:
            return await self._bus.send_all(messages)
        sent, _ = await self._bus.send_all(messages[: nines[0]])
        if not self._at_once:
            await self._bus.send_all(messages[nines[0] + 1 :])
        return sent, MessageSizeTooLargeError()


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_relay_stops_at_the_first_failure_and_says_the_rest_again(
    open_database: Open, kafka: str, at_once: bool
) -> None:
    database, topic, one = open_database(), Topic(), uuid4()
    async with running(kafka, database, topic, keep) as (bus, *_):
        async with database.work() as work:
            for text in "192":
                work.publish(topic.event(one, text))
        producer = Choosy(bus, at_once)
        relay = Relay(database.engine, producer, ())
        for _ in range(2):
            with pytest.raises(MessageSizeTooLargeError):
                await relay.carry()
            async with database.engine.connect() as connection:
                unsent = await connection.execute(
                    sa.select(OUTBOX.c.value).where(OUTBOX.c.sent_at.is_(None)).order_by(OUTBOX.c.id)
                )
                assert [bytes(row.value) for row in unsent] == [b"9", b"2"]
        producer.well = True
        assert await relay.carry() == 2
        carried = [record.value for record in await read(kafka, topic.name, 3 if at_once else 5)]
    assert carried[0] == b"1"
    assert carried[-2:] == [b"9", b"2"]


@pytest.mark.parametrize("large", [2_000_000, 5_000_000])  # the broker refuses it; the producer does
async def test_what_stands_before_a_failure_is_told_apart_from_it(open_database: Open, kafka: str, large: int) -> None:
    topic = Topic()
    async with running(kafka, open_database(), topic, keep) as (bus, *_):
        messages: list[Message] = [(topic.name, b"one", value, []) for value in (b"1", b"9" * large, b"2")]
        sent, failure = await bus.send_all(messages)
        assert (sent, type(failure)) == (1, MessageSizeTooLargeError)
        assert await bus.send_all(messages[2:]) == (1, None)
        assert (await read(kafka, topic.name, 1))[0].value == b"1"


async def test_what_stands_behind_a_failure_is_not_there_before_it(open_database: Open, kafka: str) -> None:
    topic, behind = Topic(), [b"2" * 6000] * 8  # more than one batch of the producer
    async with running(kafka, open_database(), topic, keep) as (bus, *_):
        messages: list[Message] = [(topic.name, b"one", value, []) for value in (b"9" * 2_000_000, *behind)]
        assert (await bus.send_all(messages))[0] == 0
        await bus.send((topic.name, b"one", b"1", []))
        assert (await read(kafka, topic.name, 1))[0].value == b"1"


async def test_a_topic_with_other_partitions_than_it_was_made_with_is_not_written_to(kafka: str, caplog: Any) -> None:
    topic, stopping = Topic().name, asyncio.Event()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    bus = Bus(kafka, topic, owns=[topic], consumes=[])
    starting = asyncio.create_task(bus.start(stopping))

    async def said() -> bool:
        return f"the topic {topic} has 3 partitions, not 4" in caplog.text

    await until(said)
    assert not bus.joined
    stopping.set()
    await starting
    assert not bus.joined


async def test_a_topic_that_its_owner_has_not_made_yet_holds_up_no_other(open_database: Open, kafka: str) -> None:
    database, there, later, one = open_database(), Topic(), Topic(), uuid4()
    later.event.type = "counted.later"
    owner, reader = Bus(kafka, there.name, owns=[there.name], consumes=[]), uuid4().hex
    await owner.start(asyncio.Event())
    bus = Bus(kafka, reader, owns=[], consumes=[there.name, later.name])
    letters = DeadLetters("test", kafka, bus, [there.name, later.name])
    consumer = Consumer(database, {there.event: count, later.event: count}, letters, ())
    bus.subscribe(consumer.deliver)
    newcomer = Bus(kafka, later.name, owns=[later.name], consumes=[])

    async def counted(many: int) -> bool:
        async with stored(database) as rows:
            return rows.get(one) == many

    moments = itertools.count(step=PATIENCE)
    bus.now = lambda: next(moments)
    try:
        await bus.start(asyncio.Event())
        await send(owner, there, b"1", one)
        await until(partial(counted, 1))
        await newcomer.start(asyncio.Event())
        await send(newcomer, later, b"2", one, ce_type="counted.later")
        await until(partial(counted, 3))
        assert {topic for topic, _ in (await bus.behind())[1]} == {there.name, later.name}
    finally:
        consumer.stop()
        for each in (bus, owner, newcomer):
            await each.stop_consuming()
            await each.stop()


async def test_one_refused_message_does_not_keep_the_next_from_being_taken(open_database: Open, kafka: str) -> None:
    database, topic, one = open_database(), Topic(), uuid4()
    async with running(kafka, database, topic, keep) as (bus, *_):
        for value, fits in (
            (b"1", True),
            (b"1" * 2_000_000, False),
            (b"2", True),
            (b"1" * 2_000_000, False),
            (b"3", True),
        ):
            if fits:
                await send(bus, topic, value, one)
            else:
                with pytest.raises(MessageSizeTooLargeError):
                    await send(bus, topic, value, one)
        assert [record.value for record in await read(kafka, topic.name, 3)] == [b"1", b"2", b"3"]


async def test_what_kafka_would_never_take_is_refused_with_all_it_tells_of(open_database: Open) -> None:
    database, one = open_database(), uuid4()

    async def say_too_much() -> None:
        async with database.work() as work:
            work.counts.put(Count(one, 1))
            work.publish(Counted(one, "9" * (LARGEST + 1)))

    with pytest.raises(EventTooLarge, match=r"counted\.v1 .* 1000000 bytes"):
        await say_too_much()
    async with stored(database) as rows:
        assert rows == {}


async def test_what_was_said_can_be_said_again_and_changes_nothing(open_database: Open, kafka: str) -> None:
    database, topic, one, other = open_database(), Topic(), uuid4(), uuid4()
    async with running(kafka, database, topic, keep) as (bus, *_):
        relay = Relay(database.engine, bus, ())
        async with database.work() as work:
            for dossier, text in ((one, "1"), (other, "5"), (one, "2")):
                work.publish(topic.event(dossier, text))
        assert await relay.carry() == 3
        assert await replay(database.engine, OUTBOX.c.key == str(one)) == 2
        assert await relay.carry() == 2
        records = await read(kafka, topic.name, 5)

        async def there() -> bool:
            async with stored(database) as rows:
                return rows == {one: 2, other: 5}

        await until(there)
    mine = [record for record in records if record.key == str(one).encode()]
    assert [record.value for record in mine] == [b"1", b"2", b"1", b"2"]
    ids = [dict(record.headers)["ce_id"] for record in mine]
    assert ids[:2] == ids[2:]


async def test_what_was_sent_long_ago_is_forgotten_and_what_waits_never_is(open_database: Open) -> None:
    database = open_database()
    async with database.work() as work:
        for text in "123":
            work.publish(Counted(uuid4(), text))
    async with database.engine.begin() as connection:
        old = sa.func.now() - RETENTION - timedelta(minutes=1)
        await connection.execute(sa.update(OUTBOX).values(said_at=old))
        for value, sent_at in ((b"1", old), (b"2", sa.func.now())):
            await connection.execute(sa.update(OUTBOX).where(OUTBOX.c.value == value).values(sent_at=sent_at))
    stopping = asyncio.Event()
    forgetting = asyncio.create_task(driver.forget(database.engine, OLD, stopping))

    async def left() -> set[bytes]:
        async with database.engine.connect() as connection:
            return {bytes(row.value) for row in await connection.execute(sa.select(OUTBOX.c.value))}

    async def forgotten() -> bool:
        return await left() == {b"2", b"3"}

    await until(forgotten)
    stopping.set()
    await forgetting


async def test_a_second_event_of_a_batch_sees_what_the_first_did(open_database: Open, kafka: str) -> None:
    database, topic, one = open_database(), Topic(), uuid4()
    async with running(kafka, database, topic, count) as (bus, *_):
        await asyncio.gather(*(send(bus, topic, b"1", one) for _ in range(20)))

        async def all_there() -> bool:
            async with stored(database) as rows:
                return rows == {one: 20}

        await until(all_there)


async def test_poison_is_parked_with_its_reason_and_the_rest_moves_on(open_database: Open, kafka: str) -> None:
    database, topic, ids = open_database(), Topic(), [uuid4() for _ in range(6)]
    unknown = counted("cir_events_total", type="unknown", fate="skipped")
    async with running(kafka, database, topic, keep) as (bus, *_):
        await send(bus, topic, b"1", ids[0])
        await send(bus, topic, b"no number", ids[1])  # unreadable
        await send(bus, topic, b"1000", ids[2])  # readable, but the database refuses it
        await send(bus, topic, None, ids[3])
        await send(bus, topic, b"1", ids[4], ce_type="counted.v9.Unheard")
        await send(bus, topic, b"1", ids[4], ce_type="")
        await send(bus, topic, b"1", ids[5])

        async def good_ones_there() -> bool:
            async with stored(database) as rows:
                return rows == {ids[0]: 1, ids[5]: 1}

        await until(good_ones_there)
        parked = await read(kafka, f"{topic.name}.dlq", 4)
    held = [dict(record.headers) for record in parked]
    reasons = {headers["dlq_key"].decode(): headers["dlq_reason"].decode() for headers in held}
    assert reasons == {
        str(ids[1]): "the value is no number",
        str(ids[2]): "CheckViolationError while it took effect",
        str(ids[3]): "the value is no number",
        str(ids[4]): "header missing: ce_type",
    }
    assert {headers["dlq_service"] for headers in held} == {b"test"}
    assert counted("cir_events_total", type="unknown", fate="skipped") == unknown + 1


class CutOff(CountWork):
    """Its connection is ended by the database the first times it reads."""

    cuts = 4  # more often than an event by itself is tried

    async def load(self, subjects: Iterable[UUID]) -> None:
        if CutOff.cuts:
            CutOff.cuts -= 1
            await self.connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
        await super().load(subjects)


async def test_an_outage_parks_nothing_and_is_waited_for(open_database: Open, kafka: str) -> None:
    database, topic, one = open_database(of=CutOff), Topic(), uuid4()
    away = up("database")
    away.up.clear()
    async with running(kafka, database, topic, count, [away]) as (bus, *_):
        await send(bus, topic, b"1", one)
        away.up.set()

        async def there() -> bool:
            async with stored(database) as rows:
                return rows == {one: 1}

        await until(there)
        assert CutOff.cuts == 0
        await send(bus, topic, b"x", one)  # the first thing that is parked
        parked = await read(kafka, f"{topic.name}.dlq", 1)
    assert parked[0].value == b"x"


async def test_what_a_handler_raises_is_no_outage_whatever_it_is(open_database: Open, kafka: str) -> None:
    database, topic, good, bad = open_database(), Topic(), uuid4(), uuid4()

    def handle(events: Sequence[Counted], work: CountWork) -> None:
        if any(event.dossier == bad for event in events):
            raise TimeoutError
        keep(events, work)

    async with running(kafka, database, topic, handle) as (bus, *_):
        await send(bus, topic, b"1", bad)
        await send(bus, topic, b"1", good)
        parked = await read(kafka, f"{topic.name}.dlq", 1)

        async def there() -> bool:
            async with stored(database) as rows:
                return rows == {good: 1}

        await until(there)
    assert dict(parked[0].headers)["dlq_reason"] == b"TimeoutError while it took effect"
