"""From an order to the status that follows, beside the same written by hand on aiokafka and asyncpg, in the same run.

Both sides are two processes, dossier and eligibility, on one Kafka and one PostgreSQL: outbox → topic → effect → outbox → topic
→ effect → outbox → topic. Both take orders through the same plain door, a line of JSON, make the same commits on tables of the
same migrations, and decide by the same domain. By hand there is no validation, no HTTP, no metrics, no traces, no parking, no
advisory lock. A dossier is done when its last `StatusChanged` is on the topic. Priority and notifications, who hear that topic
too, would only take the processor from one of the two sides: they run in the figures over HTTP, where there is no floor.
"""

import asyncio
import itertools
import json
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, time
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import TypeAdapter

from cir_chassis.bus import BATCH
from cir_chassis.database import migrate
from cir_chassis.login import Caller
from cir_chassis.outbox import Relay
from cir_chassis.service import Server
from cir_chassis.topics import PARTITIONS
from cir_schemas import CandidacyRecorded, ContactsRecorded, HouseholdAssessed, HouseholdRecorded, StatusChanged
from deploy.embedded.demo import COMPANIES, expect
from deploy.embedded.ports import answers
from deploy.embedded.postgres import create_databases
from deploy.embedded.samples import NO_FACTS, SAMPLES, national_number
from deploy.embedded.stack import TODAY, Stack
from deploy.embedded.supervisor import Child, Part
from deploy.token import AUDIENCE, token
from dossier import app as dossier
from dossier.domain import household as rules
from dossier.domain.acts import OPEN, Act, Standing, after
from dossier.domain.numbers import dossier_number
from dossier.facts.compose import TIES, by_key
from dossier.facts.statements import state
from dossier.register.register import Actor, Register
from dossier.register.store import RegisterWork
from dossier.register.use_cases import FACTS
from dossier.tables import Dossier, Member
from eligibility import app as eligibility
from eligibility.domain.decide import Engine
from eligibility.rulefiles import RULES, load
from tests.benchmarks.measure import Entry, duration, throughput

SHIFT = 16_500  # ports out of the way of a demo, and of the tests
TURNS = 5  # odd: each side then comes first after its own heaviest load as often as the other
AT_ONCE = {1: 40, 10: 150, 100: 600}  # dossiers under way at a time → in a turn: its last few must not decide
BULK = 1_000  # in one transaction, as when the law changes; the clock starts when it is committed
PATIENCE = 60.0  # seconds until a dossier must have arrived
BY_HAND = "by_hand."  # in front of the floor's topics
DECIDED = ("registered", "under_investigation")

Order = dict[str, Any]
Doors = Mapping[str, int]
"""Side → the port of its door."""


# The measurement


def entries() -> Iterator[Entry]:
    with TemporaryDirectory(prefix="cir-bench-") as folder:
        yield from asyncio.run(_beside_the_floor(Path(folder)))
        yield from asyncio.run(_over_http(Path(folder)))


async def _beside_the_floor(folder: Path) -> list[Entry]:
    async with Stack(folder, lambda line: None, shift=SHIFT, services=()) as stack, _sides(stack) as doors:
        arrivals = Arrivals(f"127.0.0.1:{stack.ports['kafka']}")
        async with arrivals.watched():
            for door in doors.values():  # joins its groups, fills its pools
                await _turn(door, arrivals, 10, 50)
            took: dict[tuple[str, int], list[float]] = {}
            waits: dict[tuple[str, int], list[float]] = {}
            for turn in range(TURNS):
                sides = list(doors.items())[:: 1 if turn % 2 else -1]  # who comes first meets what the last load left
                for at_once, many in AT_ONCE.items():
                    for side, door in sides:
                        seconds, each = await _turn(door, arrivals, at_once, many)
                        took.setdefault((side, at_once), []).append(seconds)
                        waits.setdefault((side, at_once), []).extend(each)
                for side, door in sides:
                    took.setdefault((side, BULK), []).append(await _bulk(door, arrivals))
    found = []
    for at_once, many in (AT_ONCE | {BULK: BULK}).items():
        name = f"chain: {at_once:,} {'in bulk' if at_once == BULK else 'at a time'}"
        ours, floor = (median(took[side, at_once]) for side in doors)
        found.append(throughput(name, many, ours, floor, "dossiers/s"))
        if at_once in AT_ONCE:
            for percent in (50, 99):
                ours, floor = (quantiles(waits[side, at_once], n=100)[percent - 1] for side in doors)
                found.append(duration(f"{name}, p{percent} from order to status", ours, floor))
    return found


async def _turn(door: int, arrivals: "Arrivals", at_once: int, many: int) -> tuple[float, list[float]]:
    """Seconds for that many dossiers, so many at once, and of each: from the order to the status."""
    waits = []
    left = iter(_orders(many))

    async def one_after_the_other() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door)
        for order in left:
            since, arrived = perf_counter(), arrivals.expect(order)
            await give(reader, writer, [order])
            waits.append(await asyncio.wait_for(arrived, PATIENCE) - since)
        writer.close()

    begun = perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return perf_counter() - begun, waits


async def _bulk(door: int, arrivals: "Arrivals") -> float:
    """Seconds from the commit of all to the last one's status."""
    orders = list(_orders(BULK))
    reader, writer = await asyncio.open_connection("127.0.0.1", door, limit=2**26)
    arrived = [arrivals.expect(order) for order in orders]
    await give(reader, writer, orders)
    writer.close()
    begun = perf_counter()
    return max(await asyncio.wait_for(asyncio.gather(*arrived), PATIENCE)) - begun


async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, orders: Sequence[Order]) -> None:
    writer.write(json.dumps(orders).encode() + b"\n")
    if not await reader.readline():
        raise ConnectionError("an order was not taken: see the log of the process behind the door")


def _orders(many: int) -> Iterable[Order]:
    """Samples that end the same where the counter enters what they declare, each for somebody else."""
    decided = [
        sample
        for sample in SAMPLES
        if sample.expect["status"] in DECIDED
        and not (sample.sources or sample.counter or "no_income_declared" in sample.members[0])
    ]
    for sample in itertools.islice(itertools.cycle(decided), many):
        # 99 checks no number: one that did would tell another birth date than the sample's
        numbers = {member: f"{uuid4().int % 10**9:09d}99" for member in sample.numbers}
        facts = [{name: value for name, value in one.items() if name not in NO_FACTS} for one in sample.members]
        post = {name: value for name, value in sample.post.items() if name != "household"}
        order = {"id": str(uuid4()), "household": facts, "numbers": numbers, "confirm": sample.confirm}
        yield {"residence": [], "help": None, "expect": sample.expect["status"]} | post | order


@dataclass
class Arrivals:
    """Hears on both sides' topics which dossiers were decided, and whether as the sample promises."""

    kafka: str
    waiting: dict[str, tuple[str, asyncio.Future[float]]] = field(default_factory=dict)

    def expect(self, order: Order) -> asyncio.Future[float]:
        """The future of the moment at which its status is on the topic."""
        arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.waiting[order["id"]] = order["expect"], arrived
        return arrived

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        topic = StatusChanged.topic
        consumer = AIOKafkaConsumer(topic, BY_HAND + topic, bootstrap_servers=self.kafka)
        await consumer.start()
        await consumer.seek_to_end()
        watching = asyncio.create_task(self._watch(consumer))
        try:
            yield
        finally:
            watching.cancel()
            await consumer.stop()

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            if dict(record.headers)["ce_type"].decode() == StatusChanged.type:
                told = json.loads(record.value)
                if told["now"] in DECIDED and told["dossier"] in self.waiting:  # a repeat is harmless
                    status, arrived = self.waiting.pop(told["dossier"])
                    if told["now"] == status:
                        arrived.set_result(perf_counter())
                    else:
                        arrived.set_exception(AssertionError(f"{told['now']}, not {status}"))


async def _over_http(folder: Path) -> list[Entry]:
    """What a case worker at the counter meets, with every service running: POST, submission, confirmation, status."""
    at_once, many = 10, 100
    sample = SAMPLES[0]
    async with Stack(folder, lambda line: None, shift=SHIFT) as stack:
        company = COMPANIES[sample.post["municipality"]]
        bearer = await asyncio.to_thread(token, stack.url("login"), "case_worker", company=company)
        arrivals = Arrivals(f"127.0.0.1:{stack.ports['kafka']}")
        dossiers = stack.url("dossier") + "/v1/dossiers"

        async def one_after_the_other(http: httpx.AsyncClient, left: Iterator[int], waits: list[float]) -> None:
            for n in left:
                since = perf_counter()
                arrived = await apply(http, dossiers, n, arrivals)
                waits.append(await asyncio.wait_for(arrived, PATIENCE) - since)

        headers = {"Authorization": f"Bearer {bearer}"}
        async with arrivals.watched(), httpx.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE) as http:
            for numbers in (range(400, 420), range(500, 500 + many)):  # the first do not count
                left, waits, begun = iter(numbers), list[float](), perf_counter()
                await asyncio.gather(*(one_after_the_other(http, left, waits) for _ in range(at_once)))
                took = perf_counter() - begun
            answered = await _answers(http, dossiers, sample.post, stack)
    name = f"chain: over HTTP, four services, {at_once} at a time"
    p50, p99 = (quantiles(waits, n=100)[percent - 1] for percent in (50, 99))
    return [
        throughput(name, many, took, unit="dossiers/s"),
        duration(f"{name}, p50", p50),
        duration(f"{name}, p99", p99),
        *answered,
    ]


async def apply(http: httpx.AsyncClient, dossiers: str, nth: int, arrivals: Arrivals) -> asyncio.Future[float]:
    """The first sample over HTTP for somebody else, at the counter. Returns the moment at which its status is on the topic."""
    sample = SAMPLES[0]
    post = json.loads(json.dumps(sample.post))
    applicant = post["household"]["members"][0]
    applicant["number"] = national_number(applicant["born_on"], nth)
    answer = await http.post(dossiers, json=post, headers={"Idempotency-Key": f"bench-{nth}"})
    id_ = expect(answer, 201).json()["id"]
    arrived = arrivals.expect({"id": id_, "expect": sample.expect["status"]})
    expect(await http.post(f"{dossiers}/{id_}/submission"), 202)
    confirmation = f"{dossiers}/{id_}/members/{applicant['id']}/confirmation"
    expect(await http.post(confirmation, json={"on_paper": True}), 204)
    return arrived


async def _answers(http: httpx.AsyncClient, dossiers: str, post: Order, stack: Stack) -> list[Entry]:
    """What a caller waits for on a kept connection, one request at a time; the floor is uvicorn with an answer that is there.

    Beside it the same on a socket that does not say it is TCP's, as ours did once: asyncio sets no TCP_NODELAY there, and an
    answer's body waits until the caller has acknowledged its head.
    """
    listens = {"delayed": stack.ports["login"] + 1_000, "bare": stack.ports["login"] + 1_001}
    environment, children = stack.children["dossier"].part.environment, []
    for name, port in listens.items():
        program = [sys.executable, "-m", __name__, name, str(port)]
        part = Part(name, program, partial(answers, port), environment)
        children.append(Child(part, stack.folder / "logs", print, lambda: None))
    delayed, bare = (f"http://127.0.0.1:{port}" for port in listens.values())
    ways = {"": dossiers, ", before: without TCP_NODELAY": f"{delayed}/v1/dossiers"}
    took: dict[str, list[float]] = {}

    async def time_it(name: str, request: Awaitable[httpx.Response], status: int) -> httpx.Response:
        begun = perf_counter()
        answer = expect(await request, status)
        took.setdefault(name, []).append(perf_counter() - begun)
        return answer

    try:
        await asyncio.gather(*(child.start() for child in children))
        for n, (way, url) in itertools.product(range(600, 720), ways.items()):
            body = json.loads(json.dumps(post))
            applicant = body["household"]["members"][0]
            applicant["number"] = national_number(applicant["born_on"], n + 120 * bool(way))
            start = http.post(url, json=body, headers={"Idempotency-Key": f"bench-{n}{way}"})
            id_ = (await time_it(f"start a dossier, the answer over HTTP{way}", start, 201)).json()["id"]
            await time_it(f"read a dossier, the answer over HTTP{way}", http.get(f"{url}/{id_}"), 200)
            await time_it("bare", http.post(bare, json=body), 201)
    finally:
        await asyncio.gather(*(child.stop() for child in children))
    floor = median(took.pop("bare"))
    return [duration(f"chain: {name}", median(each), floor) for name, each in took.items()]


async def run_delayed(port: int) -> None:
    """The dossier service's own application and server, on a socket of no protocol."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    service = dossier.make(dossier.DossierSettings())
    await Server(service.app).serve(sockets=[listening])


async def run_bare(port: int) -> None:
    async def app(_: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"id": "00000000-0000-0000-0000-000000000000"}'})

    await uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None, access_log=False)).serve()


# The two sides and their doors


@asynccontextmanager
async def _sides(stack: Stack) -> AsyncIterator[Doors]:
    """Start both; the floor's are stopped with them."""
    names = ("dossier", "eligibility")
    await create_databases(stack.ports["postgres"], (*names, *(BY_HAND + name for name in names)))
    server, kafka = f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}", f"127.0.0.1:{stack.ports['kafka']}"
    for name, service in zip(names, (dossier, eligibility), strict=True):
        for database in (name, BY_HAND + name):
            await asyncio.to_thread(migrate, f"{server}/{database}", service.MIGRATIONS)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    topics = (HouseholdRecorded.topic, HouseholdAssessed.topic, StatusChanged.topic)
    await admin.create_topics([NewTopic(side + topic, PARTITIONS, 1) for topic in topics for side in ("", BY_HAND)])
    await admin.close()
    doors = {"ours": stack.ports["priority"], "by hand": stack.ports["notifications"]}  # theirs, who do not run now
    parts = []
    for name in names:
        ours = {name_: value for name_, value in os.environ.items() if not name_.startswith("CIR_")}
        environment = ours | {
            "CIR_DATABASE_URL": f"{server}/{name}", "CIR_KAFKA": kafka, "CIR_PORT": str(stack.ports[name]),
            "CIR_ISSUER": stack.url("login"), "CIR_AUDIENCE": AUDIENCE, "CIR_ENVIRONMENT": "demo", "CIR_TODAY": TODAY,
        }  # fmt: skip
        environment |= {"CIR_PERSON_KEY": "k" * 32} if name == "dossier" else {}
        program = [sys.executable, "-m", __name__, "ours", str(doors["ours"])]
        command = program if name == "dossier" else [sys.executable, "-m", name, "serve"]
        parts.append(Part(name, command, _always, environment))
        by_hand = [sys.executable, "-m", __name__, name, str(doors["by hand"]), f"{server}/{BY_HAND}{name}", kafka]
        parts.append(Part(BY_HAND + name, by_hand, _always, ours))
    children = [Child(part, stack.folder / "logs", print, lambda: None) for part in parts]
    try:
        await asyncio.gather(*(child.start() for child in children))
        while not all([await answers(door) for door in doors.values()]):
            await asyncio.sleep(0.1)
        yield doors
    finally:
        await asyncio.gather(*(child.stop() for child in children))


async def _always() -> bool:
    return True  # whoever knocks waits, and the first turn does not count


Step = Callable[[Order, Any], Awaitable[None]]


async def open_door(
    port: int, transaction: Callable[[], AbstractAsyncContextManager[Any]], steps: Sequence[Step]
) -> None:
    """Take orders, a list a line: one alone in the transactions that the API needs, many in one. A line answers each list.

    steps: start, submit, confirm. What HTTP does beside them (who asks, Idempotency-Key, one dossier a person) neither side does.
    """

    def acts(order: Order) -> Iterator[tuple[Step, Order]]:
        *once, confirm = steps
        yield from ((step, order) for step in once)
        yield from ((confirm, order | {"person": person}) for person in order["confirm"])

    async def take(orders: Sequence[Order]) -> None:
        if len(orders) == 1:
            for step, order in acts(orders[0]):
                async with transaction() as work:
                    await step(order, work)
        else:
            async with transaction() as work:
                for step, order in itertools.chain.from_iterable(map(acts, orders)):
                    await step(order, work)

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await take(json.loads(line))
                writer.write(b"done\n")
        except Exception:
            logging.exception("an order was not taken")
        writer.close()

    await asyncio.start_server(on_connection, "127.0.0.1", port, limit=2**26)


async def run_ours(door: int) -> None:
    """The dossier service as it is, and a door beside HTTP."""
    settings = dossier.DossierSettings()
    service = dossier.make(settings)

    counter = Actor(Caller("bench", "case_worker", {}), "treating")

    async def start(order: Order, work: RegisterWork) -> None:
        same = ("municipality", "language", "email", "help")
        new = Dossier(
            id=UUID(order["id"]),
            company=work.companies[order["municipality"]],
            phone=None,
            wants=order.get("wants") or [order["municipality"]],
            residence=[],
            informal_care_in=[],
            household=[],
            started_at=work.now,
            touched_at=work.now,
            **{name: order[name] for name in same},
        )
        register, numbers = Register(new, work, counter), order["numbers"]
        register.record("start")
        people = [Member(new.id, one["id"], one["role"], numbers.get(one["id"])) for one in order["household"]]
        register.put_household([{"moves_in": True, **one} for one in order["household"]], people)
        state(register, {one["id"]: one for one in order["household"]}, FACTS)
        state(register, {_applicant(order): {"stays": order["residence"]}}, TIES)
        register.settle()

    async def opened(order: Order, work: RegisterWork) -> Register:
        if work.dossiers.find(id_ := UUID(order["id"])) is None:
            await work.load([id_])
        return Register(work.dossiers.get(id_), work, counter)

    async def submit(order: Order, work: RegisterWork) -> None:
        register = await opened(order, work)
        register.row = replace(register.row, number=dossier_number(work.today, await work.draw_number()))
        register.record("submit", test=str(uuid4()))
        register.settle()

    async def confirm(order: Order, work: RegisterWork) -> None:
        register, member = await opened(order, work), order["person"]
        part = rules.part_of(register.members[member].role)
        register.record("confirm", person=register.persons[member], part=part)
        register.settle()

    async def take_orders(stopping: asyncio.Event) -> None:
        await open_door(door, service.background.work, (start, submit, confirm))
        await stopping.wait()

    service.jobs.append(take_orders)
    await service.run()


# The floor: by hand


Connection = Any  # asyncpg's, from a pool
Event = tuple[Any, str, Mapping[str, Any]]
"""Its type, its dossier and what it holds."""


class ByHand:
    """What both hand-written services do: a relay, and a consumer whose batch is a transaction."""

    def __init__(self, source: str, pool: Any, kafka: str) -> None:
        self.source, self.pool, self.kafka = source, pool, kafka
        self.woken = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection
        self.woken.set()

    async def say(self, connection: Connection, events: Sequence[Event]) -> None:
        now = datetime.now(UTC).isoformat()
        headers = [
            _json({
                "ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_type": kind.type, "ce_source": self.source,
                "ce_time": now, "ce_subject": key, "content-type": "application/json",
            })
            for kind, key, _ in events
        ]  # fmt: skip
        await connection.execute(
            "INSERT INTO outbox (topic, key, headers, value)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::bytea[])",
            [BY_HAND + kind.topic for kind, _, _ in events],
            [key for _, key, _ in events],
            headers,
            [_json({"dossier": key, **value}).encode() for _, key, value in events],
        )

    async def relay(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, enable_idempotence=True, acks="all")
        await producer.start()
        query = "SELECT id, topic, key, headers, value FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT $1"
        while True:
            async with self.pool.acquire() as connection:
                if rows := await connection.fetch(query, Relay.BATCH):
                    futures = []
                    for _, topic, key, headers, value in rows:
                        encoded = [(name, text.encode()) for name, text in headers.items()]
                        futures.append(await producer.send(topic, key=key.encode(), value=value, headers=encoded))
                    await asyncio.gather(*futures)
                    ids = [row["id"] for row in rows]
                    await connection.execute("UPDATE outbox SET sent_at = now() WHERE id = ANY($1::bigint[])", ids)
            if len(rows) < Relay.BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.woken.wait(), Relay.POLL)
                self.woken.clear()

    async def hear(self, topic: str, effect: Callable[[Sequence[dict[str, Any]], Connection], Awaitable[None]]) -> None:
        consumer = AIOKafkaConsumer(
            BY_HAND + topic,
            bootstrap_servers=self.kafka,
            group_id=self.source,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        while True:
            found = await consumer.getmany(timeout_ms=200, max_records=BATCH)
            if records := [record for some in found.values() for record in some]:
                async with self.transaction() as connection:
                    await effect([json.loads(record.value) for record in records], connection)
                await consumer.commit()


class EligibilityByHand(ByHand):
    engine = Engine(load(RULES))

    async def assess(self, told: Sequence[dict[str, Any]], connection: Connection) -> None:
        newest = {value["dossier"]: value for value in told}
        ids = [UUID(id_) for id_ in sorted(newest)]
        new = "INSERT INTO households (dossier) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING"
        await connection.execute(new, ids)
        query = (
            "SELECT dossier, version, said FROM households WHERE dossier = ANY($1::uuid[]) ORDER BY dossier FOR UPDATE"
        )
        known = {str(row["dossier"]): row for row in await connection.fetch(query, ids)}
        heard = [value for id_, value in newest.items() if value["version"] > known[id_]["version"]]
        if not heard:
            return
        asked = [_asked(value) for value in heard]
        answers = self.engine.decide(asked)
        versions = [_next(known[value["dossier"]]["said"]) for value in heard]
        rows = list(zip(heard, asked, answers, versions, strict=True))
        await connection.execute(
            "UPDATE households h SET version = n.version, facts_version = n.facts_version, household = n.household,"
            " test = n.test, said = n.said"
            " FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::jsonb[], $5::jsonb[], $6::bigint[])"
            " AS n (dossier, version, facts_version, household, test, said) WHERE h.dossier = n.dossier",
            *zip(*((UUID(v["dossier"]), v["version"], v["facts_version"], _json(v["household"]), _column(v.get("test")), said)
                   for v, _, _, said in rows), strict=True),
        )  # fmt: skip
        now = datetime.now(UTC)
        await connection.execute(
            "INSERT INTO assessments SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[],"
            " $6::text[], $7::jsonb[], $8::jsonb[], $9::timestamptz[]) ON CONFLICT DO NOTHING",
            *zip(*((UUID(v["dossier"]), said, v["facts_version"], UUID(v["test"]["id"]) if v.get("test") else None,
                    answer["rules"], answer["outcome"],
                    _json({"reference_date": str(h["reference_date"]), "moment": h["moment"], **v["household"]}),
                    _json(answer), now)
                   for v, h, answer, said in rows), strict=True),
        )  # fmt: skip
        await self.say(connection, [
            (HouseholdAssessed, v["dossier"], {
                "version": said, "facts_version": v["facts_version"], "assessment": answer,
                **({"test": v["test"]["id"]} if v.get("test") else {}),
            })
            for v, _, answer, said in rows
        ])  # fmt: skip


_UNKNOWN: dict[str, Any] = {
    "born_on": None, "moves_in": True, "residence": None, "emancipated": False, "guided_independent_living": False,
    "recognised_handicap": None, "dependant": False, "incomes": None, "recent_income": None, "set_aside": None,
    "no_income_declared": None, "balances": None, "real_rights": None, "language": None,
}  # fmt: skip
_AMOUNTS = ("jointly_taxable", "separately_taxable", "replacement_allowance", "living_wage", "foreign_exempt")
_RIGHT = dict.fromkeys(("object", "country", "exception", "proof"))


def _asked(value: Mapping[str, Any]) -> dict[str, Any]:
    """The household as the domain takes it."""
    members = []
    for declared in value["household"]["members"]:
        one = _UNKNOWN | declared
        one["born_on"] = date.fromisoformat(one["born_on"]) if one["born_on"] else None
        one["balances"] = _cents(one["balances"])
        one["incomes"] = one["incomes"] and [
            {"year": income["year"], **{name: _cents(income.get(name, "0")) for name in _AMOUNTS}}
            for income in one["incomes"]
        ]
        one["real_rights"] = one["real_rights"] and [_RIGHT | right for right in one["real_rights"]]
        for claim in ("recent_income", "set_aside", "no_income_declared"):
            one[claim] = one[claim] if one[claim] is None else {"proof": None, **one[claim]}
        if recent := one["recent_income"]:
            recent["amount"] = _cents(recent.get("amount"))
        members.append(one)
    since = value.get("registered_on")
    test = value.get("test") or {"reference_date": TODAY, "moment": "update" if since else "registration"}
    day, since = date.fromisoformat(test["reference_date"]), date.fromisoformat(since) if since else None
    return {"members": members, "reference_date": day, "moment": test["moment"], "registered_on": since}


def _cents(amount: str | None) -> int | None:
    if amount is None:
        return None
    euro, _, rest = amount.partition(".")
    return int(euro) * 100 + int(rest.ljust(2, "0"))


_STANDING = TypeAdapter(Standing)
_ACT = ("id", "dossier", "kind", "subject", "role", "relation", "at", "on", "person", "reasons", "refers")


class DossierByHand(ByHand):
    today = date.fromisoformat(TODAY)
    saved = {
        "version": "bigint", "number": "text", "standing": "jsonb", "assessment_version": "bigint", "assessment": "jsonb",
        "assessed_version": "bigint", "assessed_test": "text", "status": "text", "asked": "jsonb",
    }  # fmt: skip

    async def start(self, order: Order, connection: Connection) -> None:
        id_, members = UUID(order["id"]), order["household"]
        row = {
            "id": id_, "municipality": order["municipality"], "company": COMPANIES[order["municipality"]],
            "language": order["language"], "email": order["email"], "help": order["help"],
            "wants": order.get("wants") or [order["municipality"]], "informal_care_in": [],
            "residence": [{**stay, "member": _applicant(order)} for stay in order["residence"]],
            "household": members, "facts_version": 1, "household_version": 1, "declared_version": 1, "version": 0, "standing": {},
            "status": "draft", "asked": [], "started_at": datetime.now(UTC), "touched_at": datetime.now(UTC), "layers": {},
        }  # fmt: skip
        statements = []
        for one in members:
            person = rules.person_of(one["id"], order["numbers"].get(one["id"]))
            said = by_key(one) | ({"stays": order["residence"]} if one["role"] == "applicant" else {})
            stamp = {"by": "case_worker", "at": row["started_at"].isoformat(), "since": 1}
            row["layers"][person] = {key: {"counter": {**stamp, "value": value}} for key, value in said.items()}
            by = ("bench", "case_worker", row["started_at"], 1)
            statements += [(uuid4(), id_, person, key, "counter", _json(value), *by) for key, value in said.items()]
        facts = self._facts(row)
        places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await connection.execute(
            f"INSERT INTO dossiers ({', '.join(row)}) VALUES ({places})", *map(_column, row.values())
        )
        people = zip(*((id_, one["id"], one["role"], order["numbers"].get(one["id"])) for one in members), strict=True)
        await connection.execute(
            "INSERT INTO members (dossier, member, role, number)"
            " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])",
            *people,
        )
        types = "$1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[]"
        await connection.execute(
            "INSERT INTO statements (id, dossier, person, key, layer, value, subject, by, at, facts_version)"
            f" SELECT * FROM unnest({types}, $9::timestamptz[], $10::bigint[])",
            *zip(*statements, strict=True),
        )
        row["acts"] = []
        self._record(row, "start")
        await self._keep_acts(connection, [row])
        await self.say(connection, [facts])

    async def submit(self, order: Order, connection: Connection) -> None:
        (row,) = await self._load(connection, [UUID(order["id"])])
        nth = await connection.fetchval(
            "INSERT INTO day_numbers AS d VALUES ($1, 1) ON CONFLICT (day) DO UPDATE SET last = d.last + 1 RETURNING last",
            self.today,
        )
        row["number"] = dossier_number(self.today, nth)
        self._record(row, "submit", test=str(uuid4()))
        events = [self._contacts(row), self._facts(row), *self._settle(row)]
        await self._save(connection, [row])
        await self.say(connection, events)

    async def confirm(self, order: Order, connection: Connection) -> None:
        (row,) = await self._load(connection, [UUID(order["id"])])
        role = next(one["role"] for one in row["household"] if one["id"] == order["person"])
        self._record(row, "confirm", row["persons"][order["person"]], part=rules.part_of(role))
        events = self._settle(row)
        await self._save(connection, [row])
        if events:
            await self.say(connection, events)

    async def take(self, told: Sequence[dict[str, Any]], connection: Connection) -> None:
        newest = {value["dossier"]: value for value in told}
        rows = await self._load(connection, [UUID(id_) for id_ in newest])
        rows = [row for row in rows if newest[str(row["id"])]["version"] > row["assessment_version"]]
        events = []
        for row in rows:
            value = newest[str(row["id"])]
            row["assessment_version"], row["assessment"] = value["version"], value["assessment"]
            row["assessed_version"], row["assessed_test"] = value["facts_version"], value.get("test")
            events += self._settle(row)
        await self._save(connection, rows)
        if events:
            await self.say(connection, events)

    async def _load(self, connection: Connection, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        query = "SELECT * FROM dossiers WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
        rows = {row["id"]: {**row, "persons": {}, "acts": []} for row in await connection.fetch(query, ids)}
        query = "SELECT dossier, member, number FROM members WHERE dossier = ANY($1::uuid[])"
        for dossier_, member, number in await connection.fetch(query, ids):
            rows[dossier_]["persons"][member] = rules.person_of(member, number)
        return list(rows.values())

    async def _save(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        arrays = ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(self.saved.values(), 2))
        await connection.execute(
            f"UPDATE dossiers d SET {', '.join(f'{name} = n.{name}' for name in self.saved)}"
            f" FROM unnest($1::uuid[], {arrays}) AS n (id, {', '.join(self.saved)}) WHERE d.id = n.id",
            [row["id"] for row in rows],
            *([_column(row[name]) for row in rows] for name in self.saved),
        )
        await self._keep_acts(connection, rows)

    async def _keep_acts(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        if acts := [act for row in rows for act in row["acts"]]:
            types = (
                "$1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::date[],"
            )
            names = ", ".join(f'"{name}"' for name in _ACT)
            await connection.execute(
                f"INSERT INTO acts ({names}) SELECT * FROM unnest({types} $9::text[], $10::jsonb[], $11::jsonb[])",
                *([_column(act[name]) for act in acts] for name in _ACT),
            )

    def _record(self, row: dict[str, Any], kind: str, person: str | None = None, **refers: Any) -> None:
        id_ = uuid4()
        row["acts"].append({
            "id": id_, "dossier": row["id"], "kind": kind, "subject": "bench", "role": "case_worker", "relation": "treating",
            "at": datetime.now(UTC), "on": self.today, "person": person, "reasons": [], "refers": refers,
        })  # fmt: skip
        now = after(_STANDING.validate_python(row["standing"]), Act(str(id_), kind, self.today, person, refers))
        row["standing"] = _STANDING.dump_python(now, mode="json", exclude_defaults=True)

    def _settle(self, row: dict[str, Any]) -> list[Event]:
        """Work out the status; what became different is published."""
        was, standing, events = row["status"], _STANDING.validate_python(row["standing"]), list[Event]()
        waiting = rules.unconfirmed(row["household"], row["persons"], standing, self.today)
        test, answer = standing.test, row["assessment"]
        if test and row["assessed_test"] == test.id and standing.status in OPEN and not waiting:
            rules_ = answer["rules"]
            self._record(row, "assessed", outcome=answer["outcome"], facts=1, rules=rules_, test=test.id)
            standing = _STANDING.validate_python(row["standing"])
            if standing.test is None:
                events.append(self._facts(row))
        row["status"], asks = standing.status, [(member, ["confirmation"]) for member in waiting]
        if standing.status == "under_investigation":
            asks += [
                (ask["person"], ask["proofs"])
                for ask in (*answer["asks"], *answer["could_claim"])
                if answer["conditions"][ask["condition"]]["effect"] == "bar"
            ]
        row["asked"] = rules.to_bring(rules.asked_of(row["household"], asks), {})
        if row["status"] == was:
            return events
        moved = {"number": row["number"], "was": was, "now": row["status"], "asks": row["asked"]}
        return [*events, self._candidacy(row), (StatusChanged, str(row["id"]), moved)]

    def _contacts(self, row: dict[str, Any]) -> Event:
        row["version"] = _next(row["version"])
        same = ("version", "company", "language", "email", "help")
        return ContactsRecorded, str(row["id"]), {name: row[name] for name in same}

    def _facts(self, row: dict[str, Any]) -> Event:
        row["version"] = _next(row["version"])
        standing = row["standing"]
        facts = {"facts_version": row["household_version"], "household": {"members": row["household"]}}
        facts |= {"test": standing["test"]} if standing.get("test") else {}
        facts |= {"registered_on": standing["submitted_on"]} if standing.get("counted") else {}
        return HouseholdRecorded, str(row["id"]), {"version": row["version"], **facts}

    def _candidacy(self, row: dict[str, Any]) -> Event:
        row["version"] = _next(row["version"])
        same = ("version", "status", "number", "company", "municipality", "residence", "informal_care_in")
        standing = row["standing"]
        more = {
            "registered_on": standing["submitted_on"] if standing.get("counted") else None,
            "persons": len(rules.moving_in(row["household"], row["persons"])),
            "wants": [{"municipality": place, "company": COMPANIES.get(place)} for place in row["wants"]],
        }
        return CandidacyRecorded, str(row["id"]), {name: row[name] for name in same} | more


def _applicant(order: Order) -> str:
    return str(next(one["id"] for one in order["household"] if one["role"] == "applicant"))


def _next(last: int) -> int:
    return max(last + 1, int(time() * 1_000_000))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _column(value: Any) -> Any:
    return _json(value) if isinstance(value, list | dict) else value


async def run_by_hand(name: str, door: int, url: str, kafka: str) -> None:
    async def codec(connection: Connection) -> None:
        # What is written is JSON already: asyncpg takes a list in an array for one more dimension of it.
        await connection.set_type_codec("jsonb", encoder=str, decoder=json.loads, schema="pg_catalog")

    async with asyncpg.create_pool(url, min_size=5, max_size=20, init=codec) as pool, asyncio.TaskGroup() as group:
        if name == "eligibility":
            assessor = EligibilityByHand("/eligibility", pool, kafka)
            group.create_task(assessor.relay())
            group.create_task(assessor.hear(HouseholdRecorded.topic, assessor.assess))
        else:
            register = DossierByHand("/dossier", pool, kafka)
            group.create_task(register.relay())
            group.create_task(register.hear(HouseholdAssessed.topic, register.take))
            await open_door(door, register.transaction, (register.start, register.submit, register.confirm))


if __name__ == "__main__":
    side, door_, *where = sys.argv[1:]
    alone = {"ours": run_ours, "delayed": run_delayed, "bare": run_bare}
    asyncio.run(alone[side](int(door_)) if side in alone else run_by_hand(side, int(door_), *where))
