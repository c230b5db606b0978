"""What is asked of priority, by whom."""

from collections import Counter
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from cir_chassis.database import Database
from cir_chassis.http import Problem
from cir_chassis.login import Caller, may
from cir_schemas.types import DossierNumber, Municipality, Shape
from priority.domain.order import Dwelling, Regulation, left_out_because
from priority.store import PriorityWork
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


def routes(database: Database[PriorityWork]) -> APIRouter:
    """Priority's API."""
    router = APIRouter(prefix="/v1", tags=["waiting list"])

    @router.get("/waiting-list")
    async def waiting_list(
        municipality: Annotated[Municipality, Query()], caller: Annotated[Caller, Depends(may("case_worker"))]
    ) -> list[Place]:
        """Who is registered for a municipality, in order: for the case workers of the company that lets homes there."""
        async with database.work() as work:
            await work.catch_up()
            companies = await work.companies_of(municipality)
            if companies and caller.relation("company") not in companies:
                raise Problem(404, "Your company has no waiting list for this municipality.")
            there = await work.waiting_list(municipality, work.clock.today())
        return [Place(dossier=number, position=n, because=why) for n, (number, why) in enumerate(there, start=1)]

    @router.get("/dossiers/{dossier}/positions")
    async def positions(dossier: UUID, caller: Annotated[Caller, Depends(may("case_worker"))]) -> list[Position]:
        """Where a dossier stands today in each municipality that it wants, among households of as many persons, and the reason
        in words to read out: for the case workers of the company that treats it. Nobody else is named."""
        async with database.work() as work:
            await work.catch_up()
            known = await work.find(dossier)
            if known is None or known.company is None or known.company != caller.relation("company"):
                raise Problem(404, "Your company treats no such dossier.")
            today, one = work.clock.today(), known.in_domain()
            found = await work.standing(dossier, today)
        answer = []
        for place in one.wants:
            if place in found:
                because, before = found[place]
                position: int | None = 1 + before.total()
                text = told(place, because, one.registered_on, before)
            else:
                home = Dwelling(place, None, one.persons, one.persons)
                because, before = (left_out_because(today, home, Regulation(), one) or "not_registered",), Counter()
                position, text = None, told(place, because, one.paused_until, None)
            answer.append(
                Position(
                    municipality=place,
                    persons=one.persons,
                    position=position,
                    because=because,
                    before=before,
                    text=text,
                )
            )
        return answer

    return router
