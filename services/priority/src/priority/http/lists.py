"""The waiting list, and where one dossier stands on it."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import SecretStr

from cir_chassis.database import Database
from cir_chassis.login import Caller, may
from cir_chassis.problems import Problem
from cir_schemas.types import DossierNumber, DossierRef, Municipality, Shape
from priority.domain.order import Dwelling, left_out_because
from priority.http.door import company_of, own
from priority.store import Candidacy, PriorityWork
from priority.words import Text, told


class Place(Shape):
    """A place on the waiting list: the dossier's number, where it stands, and the criteria that put it there."""

    dossier: DossierNumber
    position: int
    because: tuple[str, ...]


class Position(Shape):
    """Where one dossier stands for a home of its size in a municipality, and why."""

    municipality: Municipality
    persons: int
    position: int | None
    """Null: not on the list today; `because` says why."""
    because: tuple[str, ...]
    before: dict[str, int]
    """How many are before it, by the first criterion that puts them there."""
    text: Text


def routes(database: Database[PriorityWork], key: SecretStr) -> APIRouter:
    """Lists and positions."""
    router = APIRouter(tags=["waiting list"])

    @router.get("/waiting-list")
    async def waiting_list(
        municipality: Annotated[Municipality, Query()], caller: Annotated[Caller, Depends(may("case_worker"))]
    ) -> list[Place]:
        """Who is registered for a municipality, in order: for the case workers of the company that lets homes there."""
        async with database.work() as work:
            await work.catch_up()
            company = company_of(caller)
            if work.companies.get(municipality) != company:
                raise Problem(404, "Your company has no waiting list for this municipality.")
            today = work.clock.today()
            regulation = await work.regulation(today, company, municipality)
            there = await work.waiting_list(municipality, today, regulation, company)
        return [Place(dossier=number, position=n, because=why) for n, (number, why) in enumerate(there, start=1)]

    @router.get("/dossiers/{dossier}/positions")
    async def positions(
        dossier: DossierRef, caller: Annotated[Caller, Depends(may("candidate", "case_worker"))]
    ) -> list[Position]:
        """Where a dossier stands today in each municipality that it wants, among households of as many persons, and the reason
        in words to read out: for the candidate, and the case workers of the company that treats it. Nobody else is named."""
        async with database.work() as work:
            await work.catch_up()
            known = await own(dossier, caller, work, key)
            return [await _position(known, wanted["municipality"], wanted["company"], work) for wanted in known.wants]

    return router


async def _position(known: Candidacy, municipality: str, company: str | None, work: PriorityWork) -> Position:
    today, one = work.clock.today(), known.in_domain()
    regulation = await work.regulation(today, company, municipality)
    found = await work.standing(known.dossier, municipality, today, regulation)
    before: Counter[str] = Counter()
    if found is not None:
        because, before = found
        text = told(municipality, because, one.registered_on, before)
    else:
        home = Dwelling(municipality, None, one.persons, one.persons)
        chosen = "chosen" if await work.books.chosen(known.dossier) else "not_registered"
        because = (left_out_because(today, home, regulation, one) or chosen,)
        text = told(municipality, because, one.paused_until, None)
    return Position(
        municipality=municipality,
        persons=one.persons,
        position=1 + before.total() if found else None,
        because=because,
        before=before,
        text=text,
    )
