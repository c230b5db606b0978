"""What is parked waits, whole, until somebody retries or drops it; what was overtaken meanwhile is skipped."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cir_chassis.bus import Bus
from cir_chassis.dead_letters import DeadLetter, DeadLetters
from cir_chassis.topics import DEAD_LETTER, PARTITIONS

from .conftest import Count, Counted, CountWork, Open, stored
from .test_bus import Topic, keep, running, send, until


class Dated(Counted):
    """A snapshot: its version is its value."""

    @property
    def version(self) -> int:
        return int(self.text)


def newest(events: Sequence[Dated], work: CountWork) -> None:
    """Keep the newest; unlucky 13 fails as long as it is unlucky."""
    for event in events:
        if event.version == 13 and unlucky:
            raise ZeroDivisionError
        known = work.counts.find(event.dossier)
        if work.is_newer(event, known.version if known else None):
            work.counts.put(Count(event.dossier, event.version))


unlucky: list[bool] = [True]


async def parked(letters: DeadLetters, n: int) -> list[DeadLetter]:
    found: list[DeadLetter] = []

    async def there() -> bool:
        found[:] = await letters.open()
        return len(found) == n

    await until(there)
    return found


async def test_a_letter_is_kept_as_it_came_and_takes_effect_when_it_can(
    open_database: Open, kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    database, topic, one = open_database(), Topic(Dated), uuid4()
    unlucky[:] = [True]
    async with running(kafka, database, topic, newest) as (bus, consumer, letters):
        trace = f"00-{'a' * 32}-{'b' * 16}-01"
        await send(bus, topic, b"13", one, traceparent=trace)
        [letter] = await parked(letters, 1)
        assert (letter.key, letter.value, letter.reason) == (
            str(one).encode(), b"13", "ZeroDivisionError while it took effect",
        )  # fmt: skip
        assert letter.id.startswith(f"{topic.name}/")
        assert "'error': 'ZeroDivisionError', 'where'" in caplog.text  # the handler's own, with its place
        assert letter.headers["ce_type"] == Counted.type
        assert letter.headers["traceparent"] == trace
        unlucky.clear()
        assert await consumer.retry(letter)
        await letters.settle(letter)
        assert await letters.open() == []
    async with stored(database) as rows:
        assert rows == {one: 13}


async def test_a_letter_that_was_overtaken_is_skipped_and_says_so(open_database: Open, kafka: str) -> None:
    database, topic, one = open_database(), Topic(Dated), uuid4()
    unlucky[:] = [True]
    async with running(kafka, database, topic, newest) as (bus, consumer, letters):
        await send(bus, topic, b"13", one)
        [letter] = await parked(letters, 1)
        await send(bus, topic, b"14", one)

        async def newer_there() -> bool:
            async with stored(database) as rows:
                return rows == {one: 14}

        await until(newer_there)
        unlucky.clear()
        assert not await consumer.retry(letter)
    async with stored(database) as rows:
        assert rows == {one: 14}


async def configure(kafka: str, topic: str, configs: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
    finally:
        await admin.close()


async def test_a_message_of_two_megabytes_in_the_middle_is_parked_whole(open_database: Open, kafka: str) -> None:
    database, topic, one = open_database(), Topic(), uuid4()
    async with running(kafka, database, topic, keep) as (bus, _, letters):
        await configure(kafka, topic.name, {"max.message.bytes": "3000000"})
        for value in (b"1", b"x" * 2_000_000, b"2"):
            await send(bus, topic, value, one)

        async def moved_on() -> bool:
            async with stored(database) as rows:
                return rows == {one: 2}

        await until(moved_on)
        [letter] = await parked(letters, 1)
    assert (letter.key, len(letter.value or b"")) == (str(one).encode(), 2_000_000)


async def test_a_dropped_letter_is_unreadable_at_once_and_off_disk_soon(
    open_database: Open, kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database, topic, secret = open_database(), Topic(), f"secret {uuid4()}".encode()

    def on_disk() -> bool:
        files = tmp_path_factory.getbasetemp().glob(f"kafka*/**/{topic.name}.dlq-*/*.log*")
        return any(secret in file.read_bytes() for file in files)

    async with running(kafka, database, topic, keep) as (bus, _, letters):
        # As it is made, but for the minute that Kafka keeps a file after it is compacted.
        await configure(kafka, f"{topic.name}.dlq", {**DEAD_LETTER, "file.delete.delay.ms": "1"})
        await send(bus, topic, secret, uuid4())
        [letter] = await parked(letters, 1)
        assert on_disk()
        await letters.settle(letter)
        assert await letters.open() == []
        async with asyncio.timeout(100):
            while on_disk():
                await asyncio.sleep(0.5)


async def test_an_owner_alters_a_topic_of_its_own_that_is_kept_otherwise(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = Topic().name
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    given = {"retention.ms": "1000", "max.message.bytes": "2000000"}
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=given)])
    for _ in range(2):
        bus = Bus(kafka, topic, owns=[topic], consumes=[])
        await bus.start(asyncio.Event())
        await bus.stop_consuming()
        await bus.stop()

    async def own(name: str) -> dict[str, str]:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {name: value for name, value, _, source, *_ in answer.resources[0][4] if source == 1}

    ours = {"retention.ms": str(7 * 24 * 3600 * 1000), "segment.ms": str(24 * 3600 * 1000)}
    assert await own(topic) == given | ours | {"compression.type": "uncompressed"}
    assert await own(f"{topic}.dlq") == DEAD_LETTER
    await admin.close()
    assert caplog.text.count("topic altered") == 1


async def test_each_service_sees_its_own_letters(open_database: Open, kafka: str) -> None:
    database, topic = open_database(), Topic()
    async with running(kafka, database, topic, keep) as (bus, _, letters):
        await send(bus, topic, b"x", uuid4())
        [letter] = await parked(letters, 1)
        other = DeadLetters("other", kafka, bus, [topic.name])
        assert await other.open() == []
        await other.settle(letter)
        assert await letters.open() == [letter]


async def test_what_has_no_value_or_too_large_a_one_is_parked_without_it(open_database: Open, kafka: str) -> None:
    database, topic, large = open_database(), Topic(), UUID(int=1)
    async with running(kafka, database, topic, keep) as (bus, _, letters):
        await send(bus, topic, b"1" * 2_000, large, ce_type="")
        await send(bus, topic, None, uuid4())
        first, second = sorted(await parked(letters, 2), key=lambda letter: letter.key != str(large).encode())
        assert (first.value, second.value) == (b"1" * 2_000, None)
        await configure(kafka, f"{topic.name}.dlq", {"max.message.bytes": "1500", "cleanup.policy": "compact"})
        await send(bus, topic, b"1" * 2_000, large, ce_type="")
        await send(bus, topic, b"1", one := uuid4())

        async def moved_on() -> bool:
            async with stored(database) as rows:
                return rows == {one: 1}

        await until(moved_on)
        last = (await parked(letters, 3))[-1]
    assert (last.key, last.value, last.reason) == (str(large).encode(), None, "header missing: ce_type")
    assert "too large" in last.headers["dlq_empty"]
