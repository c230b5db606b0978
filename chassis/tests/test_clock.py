"""Nobody's clock is believed: a version says what is newer, and a snapshot that is not is counted."""

from functools import partial
from uuid import UUID

from conftest import counted

from .conftest import Counted, Open, stored
from .test_bus import Topic, keep, running, send, until
from .test_dead_letters import Dated, newest

ONE = UUID(int=1)


async def test_a_snapshot_is_as_new_as_its_version_whatever_the_clock_of_who_says_it(
    open_database: Open, kafka: str
) -> None:
    database, topic = open_database(newer="version"), Topic(Dated)
    before = counted("cir_overtaken_total", type=Dated.type)
    async with running(kafka, database, topic, newest) as (bus, *_):
        for version, year in ((b"5", 2026), (b"4", 2100), (b"6", 1990)):
            await send(bus, topic, version, ONE, ce_time=f"{year}-01-01T00:00:00+00:00")

        async def newest_there() -> bool:
            async with stored(database) as rows:
                return rows == {ONE: 6}

        await until(newest_there)
    assert counted("cir_overtaken_total", type=Dated.type) == before + 1


async def test_who_says_it_tomorrow_takes_nothing_from_the_latency(open_database: Open, kafka: str) -> None:
    topic, latency = Topic(), partial(counted, "cir_event_latency_seconds_sum", type=Counted.type)
    there = partial(counted, "cir_events_total", type=Counted.type, fate="handled")
    before, heard = latency(), there()
    async with running(kafka, open_database(), topic, keep) as (bus, *_):
        await send(bus, topic, b"1", ONE, ce_time="2100-01-01T00:00:00+00:00")

        async def handled() -> bool:
            return there() > heard

        await until(handled)
    assert latency() >= before
