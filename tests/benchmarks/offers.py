"""Offers a second, from a proposal over HTTP to `OfferOpened` on the topic, with every service running; and its floor.

Priority proposes, dossier opens a test, eligibility assesses, dossier confirms, priority opens: five events, each stored with a
row in the database of who publishes it, and sent. The floor is that alone, in the same run: three processes by hand on aiokafka
and asyncpg, on the same Kafka and PostgreSQL, keep and send five events with a household in each. They rank nobody, decide
nothing, lock nothing and validate nothing, and their order is a line of JSON, not two requests: so the ratio tells what the
register does for an offer beside the hops, and 1 is out of reach.

One desk proposes a home after the other and waits for none to open: who is first is known once the one before is proposed.
"""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cir_chassis.database import migrate
from cir_chassis.topics import PARTITIONS
from cir_schemas import HouseholdAssessed, HouseholdRecorded, OfferConfirmed, OfferOpened, OfferProposed
from deploy.embedded.demo import COMPANIES, Register, adopt, expect
from deploy.embedded.ports import answers
from deploy.embedded.postgres import create_databases
from deploy.embedded.samples import SAMPLES
from deploy.embedded.stack import Stack
from deploy.embedded.supervisor import Child, Part
from deploy.token import token
from priority.app import MIGRATIONS
from tests.benchmarks.chain import BY_HAND, PATIENCE, SHIFT, Arrivals, ByHand, Connection, Order, apply, give, open_door
from tests.benchmarks.measure import Entry, duration, throughput

TURNS, MANY = 5, 25  # the first turn does not count
HOPS: Mapping[str, Mapping[Any, Any]] = {  # service → event that it consumes → event that it publishes then
    "priority": {OfferConfirmed: OfferOpened},
    "dossier": {OfferProposed: HouseholdRecorded, HouseholdAssessed: OfferConfirmed},
    "eligibility": {HouseholdRecorded: HouseholdAssessed},
}
MUNICIPALITY = SAMPLES[0].post["municipality"]


def entries() -> Iterator[Entry]:
    with TemporaryDirectory(prefix="cir-bench-") as folder:
        yield from asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Entry]:
    async with Stack(folder, lambda line: None, shift=SHIFT) as stack, _floor(stack) as door:
        async with Register(stack.addresses) as register:
            await adopt(register)
        company = COMPANIES[MUNICIPALITY]
        bearer = await asyncio.to_thread(token, stack.url("login"), "case_worker", company=company)
        headers = {"Authorization": f"Bearer {bearer}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE) as http:
            await _registered(http, stack)
            for nth in range(TURNS * MANY):
                home = {"id": f"w{nth}", "dwelling": f"w{nth}", "municipality": MUNICIPALITY, "company": company}
                size = {"bedrooms": 1, "min_persons": 1, "max_persons": 1, "rent": "410.50"}
                expect(await http.post(f"{stack.url('priority')}/v1/vacancies", json=home | size), 201)
            async with _opened(stack) as opened:
                took, waits = (list[float](), list[float]()), (list[float](), list[float]())  # ours, the floor's
                for turn in range(TURNS):
                    sides = list(enumerate((_proposed(http, stack, turn), _by_hand(door))))
                    for side, proposed in sides if turn % 2 else sides[::-1]:  # the first meets what the last load left
                        seconds, each = await _turn(proposed, opened)
                        took[side].extend([seconds] if turn else [])
                        waits[side].extend(each if turn else [])
    name = "offers: over HTTP, four services"
    ours, floor = map(median, took)
    found = [throughput(name, MANY, ours, floor, "offers/s")]
    for percent in (50, 99):
        ours, floor = (quantiles(side, n=100)[percent - 1] for side in waits)
        found.append(duration(f"{name}, p{percent} from proposal to open", ours, floor))
    return found


async def _registered(http: httpx.AsyncClient, stack: Stack) -> None:
    """As many households as homes, on the list of priority."""
    arrivals = Arrivals(f"127.0.0.1:{stack.ports['kafka']}")
    async with arrivals.watched():
        for first in range(1, 1 + TURNS * MANY, 5):
            many = (apply(http, stack.url("dossier") + "/v1/dossiers", first + n, arrivals) for n in range(5))
            await asyncio.wait_for(asyncio.gather(*await asyncio.gather(*many)), PATIENCE)
    async with asyncio.timeout(PATIENCE):
        listed = f"{stack.url('priority')}/v1/waiting-list?municipality={MUNICIPALITY}"
        while len(expect(await http.get(listed), 200).json()) < TURNS * MANY:
            await asyncio.sleep(0.1)


Opened = defaultdict[str, "asyncio.Future[float]"]
"""Offer → the moment at which its `OfferOpened` is on the topic."""


@asynccontextmanager
async def _opened(stack: Stack) -> AsyncIterator[Opened]:
    opened: Opened = defaultdict(asyncio.get_running_loop().create_future)
    kafka = f"127.0.0.1:{stack.ports['kafka']}"
    consumer = AIOKafkaConsumer(OfferOpened.topic, BY_HAND + OfferOpened.topic, bootstrap_servers=kafka)

    async def watch() -> None:
        async for record in consumer:
            if dict(record.headers)["ce_type"].decode() == OfferOpened.type:
                arrived = opened[json.loads(record.value)["offer"]]
                if not arrived.done():  # a repeat is harmless
                    arrived.set_result(perf_counter())

    await consumer.start()
    await consumer.seek_to_end()
    watching = asyncio.create_task(watch())
    try:
        yield opened
    finally:
        watching.cancel()
        await consumer.stop()


async def _turn(proposed: AsyncIterator[tuple[str, float]], opened: Opened) -> tuple[float, list[float]]:
    """Seconds for that many offers, and of each: from its proposal until it is open."""
    begun = perf_counter()
    made = [one async for one in proposed]
    ends = [await asyncio.wait_for(opened[offer], PATIENCE) for offer, _ in made]
    return max(ends) - begun, [end - since for end, (_, since) in zip(ends, made, strict=True)]


async def _proposed(http: httpx.AsyncClient, stack: Stack, turn: int) -> AsyncIterator[tuple[str, float]]:
    """Each offer, and when it was proposed: who is first is asked, and then proposed to."""
    for nth in range(turn * MANY, (turn + 1) * MANY):
        home, since = f"{stack.url('priority')}/v1/vacancies/w{nth}", perf_counter()
        next_ = expect(await http.get(f"{home}/next?most=1"), 200).json()
        body = {"turn": next_["turn"]["turn"], "dossier": next_["order"][0]["dossier"]}
        yield expect(await http.post(f"{home}/offers", json=body), 201).json()["id"], since


async def _by_hand(door: int) -> AsyncIterator[tuple[str, float]]:
    """The same of the floor."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door)
    for _ in range(MANY):
        order, since = {"id": str(uuid4()), "offer": str(uuid4()), "confirm": []}, perf_counter()
        await give(reader, writer, [order | {"household": SAMPLES[0].post["household"]}])
        yield str(order["offer"]), since
    writer.close()


# The floor: by hand


@asynccontextmanager
async def _floor(stack: Stack) -> AsyncIterator[int]:
    """Start its three processes, each with a database of its own. Yields the port of its door."""
    server, kafka = f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}", f"127.0.0.1:{stack.ports['kafka']}"
    await create_databases(stack.ports["postgres"], tuple(BY_HAND + name for name in HOPS))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    topics = {kind.topic for hops in HOPS.values() for kind in hops}
    await admin.create_topics([NewTopic(BY_HAND + topic, PARTITIONS, 1) for topic in topics])
    await admin.close()
    children, door = list[Child](), stack.ports["login"] + 1_002

    async def ready() -> bool:
        return await answers(door)

    for name in HOPS:
        url = f"{server}/{BY_HAND}{name}"
        await asyncio.to_thread(migrate, url, MIGRATIONS)  # for its outbox
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE kept (offer uuid, kind text, value jsonb, PRIMARY KEY (offer, kind))")
        await connection.close()
        program = [sys.executable, "-m", __name__, name, str(door), url, kafka]
        part = Part(BY_HAND + name, program, ready)
        children.append(Child(part, stack.folder / "logs", print, lambda: None))
    try:
        await asyncio.gather(*(child.start() for child in children))
        yield door
    finally:
        await asyncio.gather(*(child.stop() for child in children))


class Hop(ByHand):
    """One service: keeps what it is sent, and sends on what follows."""

    hops: Mapping[str, Any]

    async def propose(self, order: Order, connection: Connection) -> None:
        await self._keep(OfferProposed, [{name: order[name] for name in ("id", "offer", "household")}], connection)

    async def follow(self, told: Sequence[dict[str, Any]], connection: Connection) -> None:
        for kind in {value["kind"] for value in told} & self.hops.keys():
            await self._keep(self.hops[kind], [value for value in told if value["kind"] == kind], connection)

    async def _keep(self, kind: Any, told: Sequence[dict[str, Any]], connection: Connection) -> None:
        values = [value | {"kind": kind.type} for value in told]
        await connection.execute(
            "INSERT INTO kept SELECT * FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) ON CONFLICT DO NOTHING",
            *zip(*((UUID(one["offer"]), kind.type, json.dumps(one)) for one in values), strict=True),
        )
        await self.say(connection, [(kind, value["id"], value) for value in values])


async def run_by_hand(name: str, door: int, url: str, kafka: str) -> None:
    async def codec(connection: Connection) -> None:
        await connection.set_type_codec("jsonb", encoder=str, decoder=json.loads, schema="pg_catalog")

    async with asyncpg.create_pool(url, min_size=5, max_size=20, init=codec) as pool, asyncio.TaskGroup() as group:
        hop = Hop(BY_HAND + name, pool, kafka)
        hop.hops = {kind.type: after for kind, after in HOPS[name].items()}
        group.create_task(hop.relay())
        for topic in {kind.topic for kind in HOPS[name]}:
            group.create_task(hop.hear(topic, hop.follow))
        if name == "priority":
            await open_door(door, hop.transaction, (hop.propose, hop.propose))  # the last one is of `confirm`: none


if __name__ == "__main__":
    side, port, *where = sys.argv[1:]
    asyncio.run(run_by_hand(side, int(port), *where))
