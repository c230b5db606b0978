"""Each safeguard is taken away from a service that runs, and the ledger must notice; with it, in the same hazard, all holds.

A hazard is made, never waited for: what must not overlap is held by a lock from outside until it does.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from time import monotonic

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from cir_schemas import HouseholdRecorded
from deploy.embedded.demo import Register, until
from deploy.embedded.stack import Stack
from tests.faults.households import Case, cases
from tests.faults.ledger import COMPANY, NEWEST, NO_EVENT_LOST, ORDER, TOLD, Ledger
from tests.faults.strikes import Strike
from tests.faults.test_doctor import outside
from tests.faults.test_faults import SEED, apply, confirm, declare, submit

Dossiers = dict[str, Case]


@asynccontextmanager
async def held(stack: Stack, service: str, lock: str) -> AsyncIterator[asyncpg.Connection]:
    """What this statement locks, until the end."""
    database = await outside(stack, service)
    try:
        async with database.transaction():
            await database.execute(lock)
            yield database
    finally:
        await database.close()


async def waiting(database: asyncpg.Connection, many: int = 1) -> None:
    """Until so many transactions wait for a lock."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"

    async def wait() -> bool:
        return bool(await database.fetchval(query) >= many)

    await until(wait, f"no {many} transactions wait for a lock", 30)


async def assessed(register: Register, id: str, *pending: str) -> None:
    """Until the register waits for nothing but this."""

    async def is_assessed() -> bool:
        dossier = await register.get("dossier", f"/v1/dossiers/{id}", case_worker=COMPANY)
        return bool(dossier["pending"] == list(pending))

    await until(is_assessed, f"{id} is not assessed", 30)


async def two_confirm_at_once(stack: Stack, register: Register, case: Case, _: Case) -> Dossiers:
    id = await declare(register, case)
    await submit(register, id, case)
    await assessed(register, id, *(f"confirmation:{member}" for member in case.adults))
    async with asyncio.TaskGroup() as both, held(stack, "dossier", "LOCK TABLE acts IN SHARE MODE") as database:
        for member, own in case.adults.items():
            both.create_task(confirm(register, id, member, own))
        await waiting(database, 2)
    return {id: case}


async def one_commits_late(stack: Stack, register: Register, late: Case, quick: Case) -> Dossiers:
    """Its events have their ids before those of the other, and are there after them."""
    id = await declare(register, quick)
    async with asyncio.TaskGroup() as both, held(stack, "dossier", "LOCK TABLE candidates IN SHARE MODE") as database:
        declaring = both.create_task(apply(register, late))
        await waiting(database)
        await submit(register, id, quick)
        unsent = "SELECT count(*) FROM outbox WHERE key = $1 AND sent_at IS NULL"

        async def is_sent() -> bool:
            return not await database.fetchval(unsent, id)

        await until(is_sent, "the relay does not go on", 4)  # a request waits for five seconds at most
    for member, own in quick.adults.items():
        await confirm(register, id, member, own)
    return {id: quick, declaring.result(): late}


async def kafka_refuses_one(stack: Stack, register: Register, case: Case, _: Case) -> Dossiers:
    """The first telling is larger than Kafka takes for a while; what follows it is not."""
    topic, kafka = HouseholdRecorded.topic, f"127.0.0.1:{stack.ports['kafka']}"
    failed = "relay failed"

    def failures() -> int:
        return (stack.folder / "logs" / "dossier.log").read_text().count(failed)

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)

    async def takes_at_most(limit: dict[str, str]) -> None:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, limit)])

    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:

        async def refuses() -> bool:
            try:
                await producer.send_and_wait(topic, b"x" * 5000, headers=[("ce_type", b"nobody's")])
            except MessageSizeTooLargeError:
                return True
            return False

        await admin.start()
        try:
            await takes_at_most({"max.message.bytes": "4000"})
            await until(refuses, "Kafka takes all")
            id = await apply(register, case)
            before = failures()

            async def tried() -> bool:
                return failures() >= before + 2  # the second began after all was said

            await until(tried, "the relay fails nowhere")
        finally:
            await takes_at_most({})
            await admin.close()
    return {id: case}


async def killed_before_the_effect(stack: Stack, register: Register, case: Case, _: Case) -> Dossiers:
    async with held(stack, "notifications", "LOCK TABLE contacts IN EXCLUSIVE MODE") as database:
        id = await apply(register, case)
        await waiting(database)
        await Strike("notifications", "killed")(stack, register)
    return {id: case}


async def yesterday_comes_again(stack: Stack, register: Register, case: Case, _: Case) -> Dossiers:
    """The first that was said of each is said once more, if there is a newer one, by a clock far behind or ahead."""
    id = await apply(register, case)
    await assessed(register, id)
    for service in ("dossier", "eligibility"):
        database = await outside(stack, service)
        try:

            async def all_sent(database: asyncpg.Connection = database) -> bool:
                return not await database.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")

            await until(all_sent, f"{service} does not send all")
            await database.execute(
                "UPDATE outbox SET sent_at = NULL, headers = headers || jsonb_build_object('ce_time',"
                " CASE id % 2 WHEN 0 THEN '1990-01-01T00:00:00Z' ELSE '2100-01-01T00:00:00Z' END) WHERE key = $1"
                " AND id IN (SELECT min(id) FROM outbox WHERE key = $1 GROUP BY headers->>'ce_type' HAVING count(*) > 1)",
                id,
            )
        finally:
            await database.close()
    return {id: case}


@asynccontextmanager
async def planted(bug: str, service: str, stack: Stack, register: Register) -> AsyncIterator[None]:
    """The service with this bug, until the end."""
    child, again = stack.children[service], Strike(service, "ends")
    sound = child.part
    child.part = replace(sound, command=[sys.executable, "-m", "tests.faults.planted", bug, service, "serve"])
    await again(stack, register)
    try:
        yield
    finally:
        child.part = sound
        await again(stack, register)


@pytest.fixture(scope="module")
def couples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Couples who apply at the counter, each given out once: no answer of a source comes between."""
    found = cases(168, SEED + 200, tmp_path_factory.mktemp("couples"))
    return iter([case for case in found if len(case.adults) > 1 and not case.online])


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("bug", "service", "hazard", "promise"),
    [
        ("goes_on_after_a_failure", "dossier", kafka_refuses_one, ORDER),
        ("commits_before_the_effect", "notifications", killed_before_the_effect, TOLD),
        pytest.param("no_row_lock", "dossier", two_confirm_at_once, NEWEST, marks=pytest.mark.long),
        pytest.param("cursor_on_the_id", "dossier", one_commits_late, NO_EVENT_LOST, marks=pytest.mark.long),
        pytest.param("no_unique_key", "notifications", yesterday_comes_again, TOLD, marks=pytest.mark.long),
        pytest.param("no_version", "eligibility", yesterday_comes_again, NEWEST, marks=pytest.mark.long),
    ],
)
async def test_a_safeguard_less_and_the_ledger_notices(
    stack: Stack,
    register: Register,
    bug: str,
    service: str,
    hazard: Callable[[Stack, Register, Case, Case], Awaitable[Dossiers]],
    promise: str,
    couples: Iterator[Case],
) -> None:
    one, two, three, four = islice(couples, 4)
    dossiers, begun = await hazard(stack, register, one, two), monotonic()
    held = await Ledger(stack, register, dossiers).check()
    assert not {promise: why for promise, why in held.items() if why}
    patience = 5 + 2 * (monotonic() - begun)  # what is slow here is not broken
    async with planted(bug, service, stack, register):
        dossiers = await hazard(stack, register, three, four)
        held = await Ledger(stack, register, dossiers, patience).check()
    assert held[promise], held
