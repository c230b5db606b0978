"""What an operator watches moves with what happens, and tells of nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from cir_chassis.bus import Bus
from cir_chassis.clock import Clock
from cir_chassis.database import Database
from cir_chassis.http import create_app
from cir_chassis.login import Login
from cir_chassis.outbox import OUTBOX, Relay, measure

from .conftest import Counted, CountWork, Open
from .test_bus import Topic, keep, running, until, up

HOUR = timedelta(hours=1)
Figures = dict[tuple[str, str], float]


async def scrape(*measures: Callable[[], Awaitable[None]], nobody: Sequence[UUID] = ()) -> Figures:
    """(name, topic or type) → figure, as /metrics tells them; nobody: whom they may not name."""
    app = create_app("test", "", (), Login("http://x", "x", {}), lambda: True, measures)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert not [id for id in nobody if str(id) in answer.text]
    return {
        (sample.name, sample.labels.get("topic", sample.labels.get("type", ""))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if "le" not in sample.labels
    }


async def test_what_waits_in_the_outbox_is_told_until_kafka_has_it(open_database: Open, kafka: str) -> None:
    database, topic, ids = open_database(), Topic(), [uuid4() for _ in range(3)]
    async with running(kafka, database, topic, keep) as (bus, *_):
        relay = Relay(database.engine, bus, ())
        async with database.work() as work:
            for id_ in ids:
                work.publish(topic.event(id_))
        async with database.engine.begin() as connection:
            aged = sa.update(OUTBOX).where(OUTBOX.c.key == str(ids[1])).values(said_at=sa.func.now() - HOUR)
            await connection.execute(aged)
        waiting = await scrape(partial(measure, database.engine), nobody=ids)
        assert waiting["cir_outbox_unsent", ""] == 3
        assert 3600 <= waiting["cir_outbox_oldest_seconds", ""] < 3660
        await relay.carry()
        carried = await scrape(partial(measure, database.engine))
    assert (carried["cir_outbox_unsent", ""], carried["cir_outbox_oldest_seconds", ""]) == (0, 0)


async def test_lag_is_what_has_not_taken_effect_yet(open_database: Open, kafka: str) -> None:
    database, topic, ids, held = open_database(), Topic(), [uuid4() for _ in range(5)], up("database")
    async with running(kafka, database, topic, keep, [held]) as (bus, *_):
        relay = Relay(database.engine, bus, ())

        async def say(some: Sequence[UUID]) -> None:
            async with database.work() as work:
                for id_ in some:
                    work.publish(topic.event(id_))
            await relay.carry()

        async def lag_is(n: int) -> bool:
            return (await scrape(bus.measure, nobody=ids))["cir_consumer_lag", topic.name] == n

        await say(ids[:2])
        await until(lambda: lag_is(0))
        held.up.clear()
        await say(ids[2:])

        async def all_fetched() -> bool:  # and waiting for the database: no effect yet
            (consumer,) = [heard.consumer for heard in bus.broker.subscribers]  # type: ignore[attr-defined]
            fetched: int = sum([await consumer.position(place) for place in consumer.assignment()])
            return fetched == 5

        await until(all_fetched)
        await until(lambda: lag_is(3))  # a busy broker may need a moment to tell its end
        held.up.set()
        await until(lambda: lag_is(0))
        interrupted = asyncio.create_task(bus.measure())
        await asyncio.sleep(0)
        interrupted.cancel()
        assert ("cir_consumer_lag", topic.name) not in await scrape()  # not known is not none


async def test_what_never_had_an_effect_is_behind_from_the_first_event_on(open_database: Open, kafka: str) -> None:
    database, topic, id_, held = open_database(), Topic(), uuid4(), up("database")
    held.up.clear()
    async with running(kafka, database, topic, keep, [held]) as (bus, *_):
        async with database.work() as work:
            work.publish(topic.event(id_))
        await Relay(database.engine, bus, ()).carry()

        async def fetched() -> bool:
            (consumer,) = [heard.consumer for heard in bus.broker.subscribers]  # type: ignore[attr-defined]
            position: int = sum([await consumer.position(place) for place in consumer.assignment()])
            return position == 1

        await until(fetched)
        assert (await scrape(bus.measure, nobody=[id_]))["cir_consumer_lag", topic.name] == 1
        held.up.set()


async def test_latency_runs_from_what_was_said_to_its_effect(open_database: Open, kafka: str) -> None:
    database, topic, late, overtaken = open_database(), Topic(), uuid4(), uuid4()
    name = ("cir_event_latency_seconds", f"{topic.name}.Counted")

    def handle(events: Sequence[Counted], work: CountWork) -> None:
        work.overtaken += [event for event in events if event.dossier == overtaken]
        keep(events, work)

    class Timed(Counted):
        type = name[1]

    topic.event = type("Timed", (Timed,), {"topic": topic.name})
    async with running(kafka, database, topic, handle) as (bus, *_):
        async with database.work() as work:
            for id_ in (overtaken, late):
                work.publish(topic.event(id_, at=datetime.now(UTC) - HOUR))
        await Relay(database.engine, bus, ()).carry()

        async def both_handled() -> bool:
            return (await scrape(nobody=[late, overtaken])).get(("cir_events_total", name[1])) == 2

        await until(both_handled)
        figures: dict[Any, float] = await scrape()
    assert figures[name[0] + "_count", name[1]] == 1
    assert 3600 <= figures[name[0] + "_sum", name[1]] < 3660


async def test_what_is_away_keeps_nobody_from_the_rest() -> None:
    away: Database[CountWork] = Database("postgresql://postgres@127.0.0.1:1/x", lambda c: CountWork(c, Clock(), {}))
    bus = Bus("127.0.0.1:1", "test", owns=(), consumes=("unheard",))
    assert (await scrape(partial(measure, away.engine), bus.measure))["cir_consumer_lag", "unheard"] == 0
