"""The relay, beside the least that carries the same rows: read a batch, produce it, read on; no lock, no mark, nothing counted.

Both in time of the clock, in turns: what they wait for, PostgreSQL and Kafka, is the work.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from cir_chassis.bus import Bus
from cir_chassis.clock import Clock
from cir_chassis.database import Database, Work
from cir_chassis.outbox import OUTBOX, Relay
from cir_schemas import HouseholdAssessed
from deploy.embedded.stack import Stack
from eligibility.domain.decide import Engine
from eligibility.rulefiles import RULES, load
from tests.benchmarks.eligibility import households
from tests.benchmarks.measure import Entry, throughput

ROWS = 20_000
TURNS = 5
SHIFT = 16_000  # ports out of the way of a demo, and of the tests


def entries() -> Iterator[Entry]:
    with TemporaryDirectory(prefix="cir-bench-") as folder:
        relay, floor, size = asyncio.run(_measure(Path(folder)))
    name = f"relay: {ROWS:,} HouseholdAssessed of {size:,.0f} bytes to Kafka"
    yield throughput(name, ROWS, relay, floor, "rows/s")


async def _measure(folder: Path) -> tuple[float, float, float]:
    """The median seconds of the relay and of the floor, and the mean bytes of a value."""
    async with Stack(folder, lambda line: None, shift=SHIFT, services=()) as stack:
        url = f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}/postgres"
        database: Database[Work] = Database(url, lambda connection: Work(connection, Clock()))
        bus = Bus(f"127.0.0.1:{stack.ports['kafka']}", "eligibility", owns={HouseholdAssessed.topic}, consumes=())
        await bus.start(asyncio.Event())
        connection = await asyncpg.connect(url)
        producer = AIOKafkaProducer(
            bootstrap_servers=f"127.0.0.1:{stack.ports['kafka']}", enable_idempotence=True, acks="all"
        )
        await producer.start()
        try:
            size = await _fill(database, connection)
            relay, floor = Relay(database.engine, bus, ()), Floor(connection, producer)
            taken: dict[Callable[[], Awaitable[int]], list[float]] = {relay.carry: [], floor.carry: []}
            for turn in range(TURNS + 1):  # the first does not count
                for carry, times in taken.items():
                    await _refill(connection)
                    floor.last = 0
                    begun = perf_counter()
                    carried = 0
                    while many := await carry():
                        carried += many
                    assert carried == ROWS
                    if turn:
                        times.append(perf_counter() - begun)
        finally:
            await producer.stop()
            await connection.close()
            await bus.stop_consuming()
            await bus.stop()
            await database.engine.dispose()
    by_relay, by_floor = (median(times) for times in taken.values())
    return by_relay, by_floor, size


async def _fill(database: Database[Work], connection: "asyncpg.Connection[asyncpg.Record]") -> float:
    """Say them, as eligibility does, and keep a copy. Returns the mean bytes of a value."""
    async with database.engine.begin() as making:
        await making.run_sync(OUTBOX.metadata.create_all)
    answers = Engine(load(RULES)).decide(households(Relay.BATCH, unknown=0.15))
    assessed = [
        HouseholdAssessed.model_validate({"dossier": uuid4(), "version": 1, "facts_version": 1, "assessment": answer})
        for answer in answers
    ]
    for _ in range(ROWS // Relay.BATCH):
        async with database.work() as work:
            for event in assessed:
                work.publish(event.model_copy(update={"dossier": uuid4(), "id": uuid4()}))
    await connection.execute("CREATE TABLE filled AS TABLE outbox")
    size: float = await connection.fetchval("SELECT avg(length(value))::float FROM filled")
    return size


async def _refill(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.execute("TRUNCATE outbox")
    await connection.execute("INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT * FROM filled ORDER BY id")
    await connection.execute("VACUUM ANALYZE outbox")


@dataclass
class Floor:
    connection: "asyncpg.Connection[asyncpg.Record]"
    producer: AIOKafkaProducer
    last: int = 0

    async def carry(self) -> int:
        rows = await self.connection.fetch(
            "SELECT id, topic, key, headers, value FROM outbox WHERE id > $1 ORDER BY id LIMIT $2",
            self.last,
            Relay.BATCH,
        )
        futures = []
        for _, topic, key, headers, value in rows:
            encoded = [(name, text.encode()) for name, text in json.loads(headers).items()]
            futures.append(await self.producer.send(topic, key=key.encode(), value=value, headers=encoded))
        await asyncio.gather(*futures)
        self.last = rows[-1]["id"] if rows else self.last
        return len(rows)
