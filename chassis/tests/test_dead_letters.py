"""What is parked waits, whole, until somebody retries or drops it; what was overtaken meanwhile is skipped."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cir_chassis.dead_letters import DeadLetter, DeadLetters

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


async def test_a_letter_is_kept_as_it_came_and_takes_effect_when_it_can(open_database: Open, kafka: str) -> None:
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
