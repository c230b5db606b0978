"""Old and new live together on one topic: what a later contract adds is ignored by who does not know it, and used by who does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from alembic import command

from cir_chassis.bus import Bus
from cir_chassis.clock import Clock
from cir_chassis.consumer import Consumer, Handlers
from cir_chassis.database import Database, alembic_config
from cir_chassis.dead_letters import DeadLetters
from cir_schemas import dossier
from cir_schemas.envelope import Happening
from conftest import counted
from deploy.embedded.demo import until
from priority.app import MIGRATIONS
from priority.domain.ranking import Regulation
from priority.handlers import EVENTS, record_candidacies
from priority.store import PriorityWork

from .conftest import KEY, Priority, candidacy

TOPIC = dossier.CandidacyRecorded.topic
seen: dict[UUID, int | None] = {}


class CandidacyRecorded(dossier.CandidacyRecorded, topic=TOPIC):
    """As a later release would have it."""

    bedrooms: int | None = None


class DwellingPreferred(Happening, topic=TOPIC):
    """A type of event that is not there yet."""


def record_and_look(events: Sequence[CandidacyRecorded], work: PriorityWork) -> None:
    seen.update({event.dossier: event.bedrooms for event in events})
    record_candidacies(events, work)


@asynccontextmanager
async def replica(kafka: str, name: str, database: Database[Any], handlers: Handlers) -> AsyncIterator[Bus]:
    bus = Bus(kafka, name, owns=[TOPIC], consumes=[TOPIC])
    bus.subscribe(Consumer(database, handlers, DeadLetters(name, kafka, bus, [TOPIC]), ()).deliver)
    await bus.start(asyncio.Event())
    yield bus
    await bus.stop_consuming()
    await bus.stop()


async def test_a_consumer_of_each_contract_reads_what_a_producer_of_each_says(
    priority: Priority, database_of: Callable[[str], Awaitable[str]], kafka: str
) -> None:
    newer = Database(await database_of("priority"), lambda connection: PriorityWork(connection, Clock(), KEY))
    skipped = counted("cir_events_total", type="unknown", fate="skipped")
    said: list[dossier.CandidacyRecorded | DwellingPreferred] = [
        candidacy("2024.03.20.0001"),
        CandidacyRecorded.model_validate(candidacy("2024.03.20.0002").model_dump() | {"bedrooms": 2}),
        DwellingPreferred(dossier=uuid4()),
        candidacy("2024.03.20.0003"),
    ]
    async with (
        replica(kafka, "old", priority.service.database, EVENTS) as bus,
        replica(kafka, "new", newer, {CandidacyRecorded: record_and_look}),
    ):
        for event in said:
            headers = [(name, text.encode()) for name, text in event.headers().items()]
            await bus.send((TOPIC, event.key.encode(), event.value(), headers))
        everybody = [f"2024.03.20.000{n}" for n in (1, 2, 3)]

        async def both_have_them() -> bool:
            async with newer.work() as work:
                there = [
                    number for number, _ in await work.waiting_list("24062", date(2024, 6, 1), Regulation(), "dijledal")
                ]
            return await priority.list() == there == everybody

        await until(both_have_them, "not all have arrived", 30)
        letters = await DeadLetters("old", kafka, bus, [TOPIC]).open()
    await newer.engine.dispose()
    assert [seen[event.dossier] for event in (said[0], said[1], said[3])] == [None, 2, None]
    assert counted("cir_events_total", type="unknown", fate="skipped") == skipped + 2  # each of the two counts it
    assert letters == []


async def test_what_was_chosen_before_there_were_offers_is_let_and_its_turns_are_final(priority: Priority) -> None:
    chosen, housed = uuid4(), uuid4()
    await priority.hear(
        candidacy("2018.01.01.0001", dossier=chosen),
        candidacy("2018.01.01.0002", dossier=housed, status="housed"),
        candidacy("2018.01.01.0003"),
    )
    agreement = await priority.agreed()
    engine = priority.service.database.engine
    await engine.dispose()  # its connections know the tables as they were
    config = alembic_config(engine.url.set(drivername="postgresql").render_as_string(False), MIGRATIONS)
    await asyncio.to_thread(command.downgrade, config, "0009")
    home = "INSERT INTO dwellings VALUES ('dijledal', :id, '24062', NULL, 1, 1, 2, NULL, '2024-05-01', :chosen)"
    turn = "INSERT INTO given_turns VALUES (:agreement, :turn, :of, 'standard', :how, 'dijledal', :id, :number, 'x', now())"
    async with engine.connect() as connection:
        for n, (dossier, of, how) in enumerate(
            ((chosen, "standard", "taken"), (housed, "homeless", "passed"), (None,) * 3), 1
        ):
            await connection.execute(sa.text(home), {"id": f"w{n}", "chosen": dossier})
            if of:
                given = {"agreement": UUID(agreement), "turn": n, "of": of, "how": how, "number": f"2018.01.01.{n:04d}"}
                await connection.execute(sa.text(turn), given | {"id": f"w{n}"})
    await engine.dispose()
    await asyncio.to_thread(command.upgrade, config, "head")
    ledger = (await priority.get(f"/v1/agreements/{agreement}/ledger")).json()
    assert [(one["turn"], one["state"]) for one in ledger["turns"]] == [
        (1, "live"),
        (1, "final"),
        (2, "live"),
        (2, "final"),
    ]
    assert (ledger["next_turn"], ledger["debts"]) == (3, [{"owes": "standard", "to": "homeless"}])
    offers = (await priority.get("/v1/offers")).json()
    assert {(one["vacancy"], one["dossier"], one["state"]) for one in offers} == {
        ("w1", "2018.01.01.0001", "signed"), ("w2", "2018.01.01.0002", "signed"),
    }  # fmt: skip
    assert (await priority.get("/v1/vacancies/w1/next")).status_code == 409
    assert await priority.list() == ["2018.01.01.0003"]
    await priority.hear(candidacy("2018.01.01.0002", 2, housed))
    assert await priority.list() == ["2018.01.01.0002", "2018.01.01.0003"], "it was housed, and waits again"
    early = await priority.propose("w3")
    assert (early.status_code, "rent of this vacancy is not known" in early.text) == (409, True)
    assert (await priority.free("w3")).status_code == 201
    assert await priority.let("w3")
    await engine.dispose()
    await asyncio.to_thread(command.downgrade, config, "0009")
    await asyncio.to_thread(command.upgrade, config, "head")
    again = (await priority.get(f"/v1/agreements/{agreement}/ledger")).json()
    assert [(one["turn"], one["to"]) for one in again["turns"]] == [(n, "standard") for n in (1, 1, 2, 2, 3, 3)]
