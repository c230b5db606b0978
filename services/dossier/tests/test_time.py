"""Time passes: the day is read once per transaction, and a draft that nobody touches is erased."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from itertools import count

import sqlalchemy as sa

from cir_chassis.clock import Clock
from cir_chassis.database import Database
from cir_chassis.login import Caller
from dossier import tables
from dossier.app import erase_drafts
from dossier.register import use_cases
from dossier.register.requests import DossierStart
from dossier.register.store import RegisterWork

from .conftest import ANNA, BRAM, KEY, LEUVEN, Register, applicant, dossier

DAY = date(2024, 3, 20)


class Midnight(Clock):
    """Another day at each look."""

    def __init__(self) -> None:
        self._days: Iterator[int] = count()

    def today(self) -> date:
        return DAY + timedelta(next(self._days))


async def test_a_number_is_of_the_day_of_application_also_at_midnight(register: Register) -> None:
    url = register.service.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    work_on = partial(RegisterWork, clock=Midnight(), organisations=LEUVEN, person_key=KEY)
    database: Database[RegisterWork] = Database(url, work_on)
    for number in (ANNA, BRAM):
        caller = Caller(number, "candidate", {"number": number})
        body = DossierStart.model_validate(dossier(members=[applicant(number=number)]))
        async with database.work() as work:
            started = await use_cases.start(body, caller, work)
        async with database.work() as work:
            submitted = await use_cases.submit(started.id, caller, work)
        async with database.work() as work:
            row = await work.find(started.id, lock=False)
            assert row
            day = row.standing["submitted_on"]
            assert submitted.number == f"{day.replace('-', '.')}.0001"
            assert {str(act.on) for act in await work.acts_of(started.id) if act.kind == "submit"} == {day}
    await database.engine.dispose()


async def test_a_draft_that_nobody_touches_is_erased_and_no_other(register: Register) -> None:
    ids = []
    for number, key in ((ANNA, "k1"), (BRAM, "k2")):
        who = await register.candidate(number)
        ids.append((await register.start(who, key=key, members=[applicant(number=number)])).json()["id"])
    submitted = await register.registered(applicant(number="70610100123"), key="k3")
    old = sa.update(tables.dossiers).where(tables.dossiers.c.id.in_([ids[0], submitted]))
    async with register.service.database.work() as work:
        await work.connection.execute(old.values(touched_at=work.now - timedelta(days=91)))
    await erase_drafts(register.service.background, timedelta(days=90))

    async def here() -> set[str]:
        async with register.service.database.engine.connect() as connection:
            return {str(one) for one in await connection.scalars(sa.select(tables.dossiers.c.id))}

    assert await here() == {ids[1], submitted}
    assert [event.key for event in await register.said() if type(event).__name__ == "HouseholdErased"] == [ids[0]]
    assert (await register.start(key="k4")).status_code == 201  # she is free to start again
