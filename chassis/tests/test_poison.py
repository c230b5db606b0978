"""One odd record harms no other: the ordinary events around it take effect, and the offset moves past it."""

import asyncio
import struct
from collections.abc import Iterable, Sequence
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.record.util import calc_crc32c

from cir_chassis.bus import BATCH, Bus, Stalled
from cir_chassis.outbox import LARGEST, Message
from conftest import counted

from .conftest import Count, Counted, CountWork, Open, stored
from .test_bus import Topic, keep, running, send, until, up
from .test_dead_letters import parked as dead_letters

Headers = list[tuple[str, bytes | None]]
DEEP = b"[" * 100_000


async def write(kafka: str, topic: str, records: Sequence[tuple[UUID, bytes | None, Headers]]) -> None:
    """Write records to one partition of a topic, as any producer may."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for key, value, headers in records:
            await producer.send_and_wait(topic, value, key=str(key).encode(), headers=headers, partition=0)
    finally:
        await producer.stop()


def ordinary(**more: bytes | None) -> Headers:
    return [("ce_type", Counted.type.encode()), ("ce_id", str(uuid4()).encode()), *more.items()]


@pytest.mark.parametrize(
    ("headers", "value", "dead_lettered"),
    [
        (ordinary(odd=None), b"2", False),
        (ordinary(odd=b"\xff\xfe"), b"2", False),
        ([*ordinary(), ("content-type", b"application/json")], b"no JSON", True),
        ([*ordinary(), ("content-type", b"application/json")], DEEP, True),
        (ordinary(reply_to=b"elsewhere"), DEEP, True),
        ([("ce_type", None)], b"2", True),
    ],
    ids=["null header", "header not in UTF-8", "no JSON", "deep JSON", "reply_to", "null type"],
)
async def test_an_odd_record_keeps_no_other_from_its_effect(
    open_database: Open, kafka: str, headers: Headers, value: bytes, dead_lettered: bool
) -> None:
    database, topic, first, odd, last = open_database(), Topic(), uuid4(), uuid4(), uuid4()
    maker = Bus(kafka, "maker", owns=[topic.name], consumes=[])
    await maker.start(asyncio.Event())
    await maker.stop_consuming()
    await maker.stop()
    await write(kafka, topic.name, [(first, b"1", ordinary()), (odd, value, headers), (last, b"3", ordinary())])
    async with running(kafka, database, topic, keep) as (bus, _, letters):

        async def effects() -> bool:
            async with stored(database) as rows:
                return rows == {first: 1, last: 3} | ({} if dead_lettered else {odd: 2})

        await until(effects)

        async def committed() -> bool:
            return (await bus.behind())[0] == {topic.name: 0}

        await until(committed)
        assert [letter.key for letter in await letters.open()] == [str(odd).encode()] * dead_lettered


async def write_batch(kafka: str, topic: str, records: Sequence[tuple[UUID, bytes, Headers]]) -> None:
    """The same, as one record batch in which each header that is named `bad name` has a name that is not UTF-8."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        batch = producer.create_batch()
        for key, value, headers in records:
            assert batch.append(timestamp=None, key=str(key).encode(), value=value, headers=headers)
        content = bytearray(batch._build()).replace(b"bad name", b"bad \xff\xfe\xfd\xfc")
        struct.pack_into(">I", content, 17, calc_crc32c(content[21:]))  # as in Kafka's record batch, version 2
        batch._buffer = content
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()


async def test_a_header_name_that_is_not_utf8_dead_letters_the_rest_of_its_record_batch_alone(
    open_database: Open, kafka: str
) -> None:
    database, topic, before, odd, after, last = open_database(), Topic(), uuid4(), uuid4(), uuid4(), uuid4()
    async with running(kafka, database, topic, keep) as (bus, _, letters):
        batch: list[tuple[UUID, bytes, Headers]] = [
            (before, b"1", ordinary()),
            (odd, b"2", ordinary(**{"bad name": b""})),
            (after, b"3", ordinary()),
        ]
        await write_batch(kafka, topic.name, batch)
        await write(kafka, topic.name, [(last, b"4", ordinary())])

        async def effects() -> bool:
            async with stored(database) as rows:
                return rows == {before: 1, last: 4}

        await until(effects)

        async def committed() -> bool:
            return (await bus.behind())[0] == {topic.name: 0}

        await until(committed)
        assert [(letter.id, letter.value) for letter in await letters.open()] == [
            (f"{topic.name}/0/1", None),
            (f"{topic.name}/0/2", None),
        ]
        assert {letter.headers["unreadable"] for letter in await letters.open()} == {
            "its record batch has a header name that is not UTF-8: see the record where it stands"
        }


async def test_a_record_batch_that_is_small_only_as_long_as_it_is_compressed_is_refused(
    open_database: Open, kafka: str
) -> None:
    database, topic, one = open_database(), Topic(), uuid4()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, compression_type="gzip", max_batch_size=2**28)
    batch = producer.create_batch()
    for _ in range(100):  # 10 MB, in 10 kB: it would be read into memory whole
        assert batch.append(timestamp=None, key=str(uuid4()).encode(), value=b"1" * 100_000, headers=ordinary())
    async with running(kafka, database, topic, keep):
        await producer.start()
        try:
            with pytest.raises(MessageSizeTooLargeError):
                await (await producer.send_batch(batch, topic.name, partition=0))
            await producer.send_and_wait(topic.name, b"1", key=str(one).encode(), headers=ordinary(), partition=0)
        finally:
            await producer.stop()

        async def took_effect() -> bool:
            async with stored(database) as rows:
                return rows == {one: 1}

        await until(took_effect)


async def test_a_batch_that_is_not_committed_for_a_minute_is_told(open_database: Open, kafka: str) -> None:
    database, topic, held, now = open_database(), Topic(), up("database"), 0.0
    async with running(kafka, database, topic, keep, [held]) as (bus, *_):
        bus.now = lambda: now
        await bus.progress()
        now = 100.0
        await bus.progress()  # nothing to do is no stall
        held.up.clear()
        await send(bus, topic, b"1", uuid4())
        now = 159.0
        await bus.progress()
        now = 161.0
        with pytest.raises(Stalled):
            await bus.progress()
        held.up.set()

        async def again() -> bool:
            try:
                await bus.progress()
            except Stalled:
                return False
            return True

        await until(again)


async def test_an_error_of_the_framework_is_logged_without_what_it_quotes(kafka: str, caplog: Any) -> None:
    topic, delivered = Topic(), asyncio.Event()
    bus = Bus(kafka, topic.name, owns=[topic.name], consumes=[topic.name])
    failures = [ZeroDivisionError("who earns 1250.00")]

    async def deliver(_: object) -> None:
        if failures:
            raise failures.pop()
        delivered.set()

    bus.subscribe(deliver)
    await bus.start(asyncio.Event())
    await send(bus, topic, b"1", uuid4())
    async with asyncio.timeout(30):
        await delivered.wait()
    await bus.stop_consuming()
    await bus.stop()
    assert "an error in FastStream" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "1250.00" not in caplog.text


async def test_an_event_that_can_never_take_effect_is_tried_alone_once(open_database: Open, kafka: str) -> None:
    database, topic, one, other = open_database(), Topic(), uuid4(), uuid4()
    alone: list[UUID] = []

    def publish_too_much(events: Sequence[Counted], work: CountWork) -> None:
        if len(events) == 1:
            alone.append(events[0].dossier)
        for event in events:
            work.counts.put(Count(event.dossier, int(event.text)))
            if event.dossier == one:
                work.publish(topic.event(one, "9" * (LARGEST + 1)))

    async with running(kafka, database, topic, publish_too_much) as (bus, _, letters):
        await send(bus, topic, b"1", one)
        await send(bus, topic, b"2", other)
        [letter] = await dead_letters(letters, 1)

        async def moved_on() -> bool:
            async with stored(database) as rows:
                return rows == {other: 2}

        await until(moved_on)
    assert letter.reason == "EventTooLarge while it took effect"
    assert alone.count(one) <= 2  # as a batch of one event, and never again


async def test_a_batch_in_which_every_event_fails_ends_in_seconds(open_database: Open, kafka: str) -> None:
    database, topic = open_database(), Topic()
    messages: list[Message] = [
        (topic.name, str(uuid4()).encode(), b"1000", [(n, v) for n, v in ordinary() if v]) for _ in range(BATCH)
    ]  # the database refuses it
    failed = partial(counted, "cir_events_total", type="failed", fate="dead_lettered")
    before = failed()
    async with running(kafka, database, topic, keep) as (bus, *_):
        begun = monotonic()
        await bus.send_all(messages)

        async def committed() -> bool:
            return (await bus.behind())[0] == {topic.name: 0}

        await until(committed)
        assert failed() == before + BATCH
        assert monotonic() - begun < 30  # of the 300 that Kafka waits


class Deadlocked(CountWork):
    """The database ends its transaction the first times, as it does to one of two that deadlock."""

    times = 4

    async def load(self, subjects: Iterable[UUID]) -> None:
        if Deadlocked.times:
            Deadlocked.times -= 1
            await self.connection.execute(sa.text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
        await super().load(subjects)


async def test_a_deadlock_is_tried_again_and_dead_letters_nothing(open_database: Open, kafka: str) -> None:
    database, topic, one = open_database(of=Deadlocked), Topic(), uuid4()
    async with running(kafka, database, topic, keep) as (bus, _, letters):
        await send(bus, topic, b"1", one)

        async def there() -> bool:
            async with stored(database) as rows:
                return rows == {one: 1}

        await until(there)
        assert Deadlocked.times == 0
        assert await letters.open() == []
