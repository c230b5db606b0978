"""Dwellings that come free, up to the choice: whose turn, who is first, and why."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from cir_chassis.database import Database
from cir_chassis.login import Caller, may
from cir_chassis.problems import NotAllowed, Problem
from cir_schemas.types import Day, DossierNumber, Shape
from priority import asked
from priority.books import Agreed, Free
from priority.council import Name
from priority.handlers import Announce, Choose
from priority.http.door import company_of, order
from priority.store import PriorityWork
from priority.words import Text, reasons, whose_turn


class Dwelling(asked.Dwelling):
    """A dwelling that comes free; id: the company's own. target_group: the one that it is kept for, if any (pillar 3)."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")]
    target_group: Name | None = None
    free_on: Day | None = None


class Announced(Shape):
    """The dwelling."""

    id: str


class Turn(Shape):
    """Whose turn it is, who is given it, and how that came."""

    turn: int
    of: str
    to: str
    how: str
    text: Text


class First(Shape):
    """A dossier in the order, and what put it there."""

    dossier: DossierNumber
    because: tuple[str, ...]
    text: Text


class Next(Shape):
    """Who is next for a dwelling today; waiting: how many it could be offered to, `order` the first of them."""

    dwelling: str
    on: date
    agreement: UUID
    turn: Turn
    waiting: int
    order: list[First]


class Choice(Shape):
    """The turn and the dossier, as `next` had them."""

    turn: int
    dossier: DossierNumber


CaseWorker = Annotated[Caller, Depends(may("case_worker"))]


def routes(database: Database[PriorityWork]) -> APIRouter:
    """Dwellings, whose turn it is, and the choice."""
    router = APIRouter(prefix="/dwellings", tags=["dwellings"])

    async def found(id_: str, caller: Caller, work: PriorityWork) -> tuple[Free, Agreed]:
        dwelling = await work.books.dwelling(company_of(caller), id_)
        if dwelling is None:
            raise Problem(404, "Your company has no such dwelling.")
        agreed = await agreement_for(dwelling, work.clock.today(), work)
        if agreed is None:
            raise Problem(
                409, "No agreement of the allocation council is in force for this dwelling today: adopt one first."
            )
        return dwelling, agreed

    @router.post("", status_code=201)
    async def announce(body: Dwelling, caller: CaseWorker) -> Announced:
        """A dwelling comes free. The same again changes nothing."""
        if body.company != company_of(caller):
            raise NotAllowed(f"case workers of {body.company} alone announce its dwellings")
        async with database.work() as work:
            given = body.model_dump(exclude={"free_on"})
            dwelling = Free(**given, free_on=body.free_on or work.clock.today())
            await work.books.hold(body.company)
            agreed = await agreement_for(dwelling, dwelling.free_on, work)
            known = await work.books.dwelling(body.company, body.id)
            if known is None:
                kept = await work.books.kept(agreed) if agreed else 0
                order(Announce(dwelling, agreed, kept), work)
            elif any(getattr(known, name) != value for name, value in given.items()):
                raise Problem(409, "There is another dwelling under this id: give this one an id of its own.")
        return Announced(id=body.id)

    @router.get("/{id}/next")
    async def next_(id: str, caller: CaseWorker, most: Annotated[int, Query(ge=1, le=1000)] = 20) -> Next:
        """Whose turn this dwelling is, and who is first, with the reasons; most: how many of the order to tell."""
        async with database.work() as work:
            await work.catch_up()
            dwelling, agreed = await found(id, caller, work)
            if dwelling.chosen is not None:
                raise Problem(
                    409, "Somebody was chosen for this dwelling already: the ledger of the agreement shows the turn."
                )
            today = work.clock.today()
            one = await work.next_for(dwelling, agreed, today)
        turn = Turn(
            turn=one.turn.turn,
            of=one.turn.of,
            to=one.turn.to,
            how=one.turn.how,
            text=whose_turn(one.turn, agreed.agreement.titles()),
        )
        first = [
            First(dossier=number, because=because, text=reasons(dwelling.municipality, because))
            for number, because in one.order[:most]
        ]
        return Next(dwelling=id, on=today, agreement=agreed.id, turn=turn, waiting=len(one.order), order=first)

    @router.post("/{id}/choice", status_code=204)
    async def choose(id: str, body: Choice, caller: CaseWorker) -> None:
        """Book the turn, and keep the dwelling for who is first; again, it changes nothing. 409 where that is another by now."""
        async with database.work() as work:
            await work.catch_up()
            await work.books.hold(company_of(caller))
            candidacy = await work.find(body.dossier, lock=True)  # another company may be choosing it
            dwelling, agreed = await found(id, caller, work)
            next_ = await work.next_for(dwelling, agreed, work.clock.today())
            order(Choose(dwelling, agreed, next_, body.turn, body.dossier, candidacy, caller.subject), work)

    return router


async def agreement_for(dwelling: Free, on: date, work: PriorityWork) -> Agreed | None:
    """What the council agreed for this dwelling, as of that day."""
    return await work.books.speaks_of(on, dwelling.company, dwelling.municipality, dwelling.area)
