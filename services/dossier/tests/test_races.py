"""Fifty at once on one dossier leave one truth: what is kept of it, what binds, and what was said follow from its acts."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from cir_schemas import CandidacyRecorded, HouseholdRecorded
from cir_schemas.envelope import Snapshot
from dossier import tables
from dossier.domain.acts import standing
from dossier.register import register as on_record
from dossier.register.store import write_standing

from .conftest import ANNA, BRAM, STRANGER, Register, applicant, partner, person
from .test_stories import WHY


async def follows(register: Register, id_: str) -> str:
    """The status, after everything else was seen to follow from the acts."""
    said = [event for event in await register.said() if event.key == id_ and isinstance(event, Snapshot)]
    assert all(one.version < next_.version for one, next_ in pairwise(said))
    async with register.service.database.work() as work:
        row = await work.find(UUID(id_), lock=False)
        if row is None:
            assert type(said[-1]).__name__ == "HouseholdErased"
            return "erased"
        kept = standing([one.act for one in await work.acts_of(row.id)])
        assert ((row.standing, row.offers), row.status) == (write_standing(kept), kept.status)
        mine = sa.select(tables.candidates.c.number).where(tables.candidates.c.dossier == row.id)
        assert set(await work.connection.scalars(mine)) == on_record.Register(row, work).bound
        assert [one["id"] for one in row.household] == sorted(work.members_of(row.id), key="p1 p2 c1".index)
    households = [event for event in said if isinstance(event, HouseholdRecorded)]
    assert households[-1].facts_version == row.household_version
    assert (households[-1].test and str(households[-1].test.id)) == (kept.test and kept.test.id)
    if row.number:
        [*_, candidacy] = [event for event in said if isinstance(event, CandidacyRecorded)]
        assert (candidacy.status, candidacy.registered_on) == (kept.status, kept.registered_on)
    return row.status


@pytest.mark.parametrize("seed", [0, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))])
async def test_whatever_happens_at_once_follows_from_the_acts(register: Register, seed: int) -> None:
    random, worker = Random(seed), await register.case_worker()
    who = {number: await register.candidate(number) for number in (ANNA, BRAM, STRANGER)}
    household = [applicant(), partner(email="bram@example.org"), person("c1", "co_resident", STRANGER)]
    id_ = await register.started(members=household)
    versions = iter(range(1, 10**6))

    async def assess() -> None:
        outcome = random.choice(["met", "not_met", "to_investigate"])
        await register.assess(id_, outcome, version=next(versions), facts_version=random.choice([0, 0, 1]))

    def change() -> Awaitable[Any]:
        members = [household[0], *random.sample(household[1:], random.choice([1, 2, 2]))]
        if random.random() < 0.3:
            members[-1] = members[-1] | {"moves_in": False}
        members.sort(key=lambda one: "p1 p2 c1".index(one["id"]))
        return register.change(id_, *members, version=random.choice(seen), who=random.choice([who[ANNA], worker]))

    def as_worker(action: str, **body: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: register.act(id_, worker, action, reasons=WHY, **body)

    def confirm() -> Awaitable[Any]:
        member, number = random.choice([("p1", ANNA), ("p2", BRAM), ("c1", STRANGER)])
        return register.confirm(id_, member, who[number])

    some: list[Callable[[], Awaitable[Any]]] = [
        *[confirm] * 4,
        *[assess] * 4,
        *[change] * 3,
        lambda: register.submit(id_),
        lambda: register.decline(id_, "p2", who[BRAM]),
        lambda: register.decline(id_, "c1", who[STRANGER]),
        lambda: register.act(id_, who[ANNA], "leave"),
        as_worker("deceased", member="p1"),
        as_worker("deceased", member="c1"),
        as_worker("hold"),
        as_worker("wake"),
        lambda: register.act(id_, who[ANNA], "hold"),
        *[as_worker("undo")] * 2,
        lambda: register.put(id_, "contacts", who[ANNA], random.choice(seen), {"language": "nl"}),
        lambda: register.start(who[BRAM], key=str(random.random()), members=[applicant(number=BRAM)]),
    ]
    last: list[Callable[[], Awaitable[Any]]] = [
        lambda: register.act(id_, who[ANNA], "withdraw"),
        lambda: register.http.delete(f"/v1/dossiers/{id_}", headers=who[ANNA]),
        as_worker("withdraw"),
        as_worker("refuse"),
        as_worker("strike"),
        *[as_worker("reinstate")] * 2,
    ]
    slots = asyncio.Semaphore(
        9
    )  # the database has ten connections, and who waits longer for one than a second is told so

    async def one(call: Callable[[], Awaitable[Any]]) -> int:
        async with slots:
            answer = await call()
        assert answer is None or answer.status_code < 500, answer.text
        return answer.status_code if answer else 0

    statuses = set()
    for turn in range(5):
        async with register.service.database.engine.connect() as connection:
            now = await connection.scalar(sa.select(tables.dossiers.c.facts_version).where(tables.dossiers.c.id == id_))
        seen = [now or 1, now or 1, (now or 1) + 1]
        calls = random.choices(some + last * (turn == 4), k=50)
        answers = await asyncio.gather(*(one(call) for call in calls))
        assert len(set(answers)) > 3  # some of it took effect, some came too late
        statuses.add(await follows(register, id_))
    assert len(statuses) > 1


async def test_who_reads_while_the_household_changes_sees_one_of_the_two(register: Register) -> None:
    child = person("c1", "co_resident", None)
    id_ = await register.started(members=[applicant(), child])
    anna, changed = await register.candidate(), asyncio.Event()

    async def read(path: str) -> None:
        while not changed.is_set():
            answer = await register.http.get(f"/v1/dossiers{path}", headers=anna)
            assert answer.status_code == 200, answer.text

    async def change() -> None:
        try:
            for version in range(1, 41):
                members = [applicant(), *[child] * (version % 2 == 0)]
                assert (await register.change(id_, *members, version=version)).status_code == 200
        finally:
            changed.set()

    await asyncio.gather(change(), *(read(path) for path in ("", f"/{id_}", f"/{id_}/file") * 2))
