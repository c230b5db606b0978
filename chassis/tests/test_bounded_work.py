"""Requests wait for nothing for long, and starve neither each other nor what the service does by itself."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import Any, Self
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from aiokafka import ConsumerRecord
from fastapi import APIRouter
from pydantic_core import from_json

from cir_chassis import database as chassis_database
from cir_chassis.bus import BATCH
from cir_chassis.consumer import Consumer
from cir_chassis.service import Service
from deploy.embedded.ports import answers

from .conftest import Count, Counted, CountWork, Open, counts, stored
from .test_bus import Topic, read, send, until
from .test_http import client, is_problem, served, small

POOL = 10


@asynccontextmanager
async def running(service: Service[CountWork]) -> AsyncIterator[None]:
    """As its process runs it, until SIGTERM."""
    task = asyncio.create_task(service.run())
    try:
        async with asyncio.timeout(30):
            while not (service.bus.joined and await answers(service.settings.port)):
                await asyncio.sleep(0.05)
        yield
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # its handler is the service's
        await task
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


async def test_requests_that_hold_every_connection_hold_up_no_event_and_the_next_is_told_at_once(
    open_database: Open, kafka: str, tmp_path: Path
) -> None:
    database, topic, router, release = open_database(), Topic(), APIRouter(), asyncio.Event()
    heard, said, holding = uuid4(), uuid4(), list[int]()
    service = small(database, kafka=kafka, topic=topic, migrations=tmp_path)

    @router.get("/v1/hold")
    async def hold() -> None:
        async with service.database.work():
            holding.append(1)
            await release.wait()

    @router.get("/v1/quick")
    async def quick() -> None:
        async with service.database.work():
            pass

    service.app.include_router(router)
    async with running(service), client(service) as http:
        held = [asyncio.create_task(http.get("/v1/hold")) for _ in range(POOL)]

        async def all_held() -> bool:
            return len(holding) == POOL

        await until(all_held)
        async with asyncio.timeout(5):
            told = await http.get("/v1/quick")
        assert is_problem(told, 503)
        assert told.headers["retry-after"]

        async def took_effect() -> bool:
            async with stored(database) as rows:
                return rows.get(heard) == 7

        await send(service.bus, topic, b"7", heard)
        await until(took_effect)
        async with database.work() as work:  # as another replica does
            work.publish(topic.event(said, "8"))
        relayed = {record.key for record in await read(kafka, topic.name, 2)}
        assert relayed == {str(one).encode() for one in (heard, said)}
        release.set()
        assert {(await one).status_code for one in held} == {200}
        assert (await http.get("/v1/quick")).status_code == 200


async def test_a_request_that_waits_for_a_lock_is_told_to_come_back(
    open_database: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(chassis_database.FOR_REQUESTS, "statement_timeout", "300ms")
    database, router, id_ = open_database(), APIRouter(), uuid4()
    service = small(database)

    @router.get("/v1/counts/{id_}")
    async def count(id_: UUID) -> None:
        async with service.database.work() as work:
            await work.load([id_])

    service.app.include_router(router)
    async with served(service), client(service) as http:
        async with database.work() as work:
            work.counts.put(Count(id_, 1))
        async with database.work() as work:
            await work.connection.execute(sa.update(counts).values(version=2))
            told: httpx.Response = await http.get(f"/v1/counts/{id_}")
            assert is_problem(told, 503)
            assert told.headers["retry-after"]
        assert (await http.get(f"/v1/counts/{id_}")).status_code == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


YEARS = [{"year": year, "amount": "20000.00"} for year in range(20)]
MEGABYTE = 1_000_000
SOONEST = 1.0  # seconds within which an orchestrator is answered; of the processor, for others use it as well


@dataclass(frozen=True)
class Noted(Counted):
    """An event whose number is followed by notes, in JSON."""

    notes: Any = None

    @classmethod
    def read(cls, headers: dict[str, str], key: bytes | None, value: bytes | None) -> Self:
        assert value is not None
        return replace(super().read(headers, key, value[:1]), text=value.decode(), notes=from_json(value[1:]))


async def test_health_answers_while_the_largest_batch_takes_effect(open_database: Open) -> None:
    database, topic, together = open_database(), Topic(Noted), list[int]()
    value, records = b"1" + json.dumps([YEARS] * 300).encode(), []
    for offset in range(BATCH):
        wire = [("ce_type", Noted.type.encode()), ("ce_id", str(uuid4()).encode())]
        records.append(ConsumerRecord(topic.name, 0, offset, 0, 0, str(uuid4()).encode(), value, None, 0, 0, wire))

    def keep_notes(events: Sequence[Noted], work: CountWork) -> None:
        together.append(sum(len(event.text) for event in events))
        for event in events:
            work.counts.put(Count(event.dossier, 1, event.notes))

    service = small(database)
    batch: Any = SimpleNamespace(raw_message=tuple(records))
    consumer = Consumer(database, {topic.event: keep_notes}, service.dead_letters, ())
    async with served(service), client(service) as http:
        taking_effect = asyncio.create_task(consumer.deliver(batch))
        answered, longest = process_time(), 0.0
        while not taking_effect.done():
            assert (await http.get("/health/live")).status_code == 200
            longest, answered = max(longest, process_time() - answered), process_time()
            await asyncio.sleep(0.01)
        await taking_effect
    assert sum(together) == BATCH * len(value)
    assert max(together) < 2 * MEGABYTE  # they are in memory together
    assert longest < SOONEST
