"""The allocation council (toewijzingsraad): agreements, and the ledger of the turns given under them."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from cir_chassis.database import Database
from cir_chassis.login import Caller, anyone, may
from cir_chassis.problems import NotAllowed, Problem
from cir_schemas.types import Company, Municipality, Shape
from priority.books import Agreed
from priority.council import Agreement, Vote
from priority.handlers import AdoptAgreement, ProposeAgreement
from priority.http.door import company_of, order
from priority.store import PriorityWork
from priority.words import Text


class Made(Shape):
    """What was made."""

    id: UUID


class Adoption(Shape):
    """How the council voted. ends: the agreement whose place this one takes from its first day on."""

    votes: Annotated[tuple[Vote, ...], Field(min_length=1)]
    ends: UUID | None = None


class AgreementRead(Shape):
    """An agreement, and where it stands."""

    id: UUID
    status: Literal["proposed", "adopted"]
    through: date
    """Its last day: earlier than agreed where another took its place."""
    agreement: Agreement
    votes: tuple[Vote, ...]
    adopted_at: datetime | None


class Turn(Shape):
    """One turn: whose it was, who was given it, and why."""

    turn: int
    of: str
    to: str
    how: str
    dwelling: str
    dossier: str | None
    """Its number: to the case workers, whose dossiers they are."""


class Debt(Shape):
    """A turn that one owes another."""

    owes: str
    to: str


class LedgerRead(Shape):
    """Every turn and every debt; balances: turns owed to each, less what it owes, together nothing; room: per group."""

    turns: list[Turn]
    next_turn: int
    next_of: str
    debts: list[Debt]
    balances: dict[str, int]
    room: dict[str, int]


class Accelerated(Shape):
    """A group of accelerated allocation: reached by a referral of these organisations alone."""

    group: str
    title: Text
    share: str
    """Of all allocations."""
    referrers: tuple[str, ...]


class Targeted(Shape):
    """A target group: reached by a request about the housing situation."""

    group: str
    title: Text


class Priorities(Shape):
    """Which priorities there are for the homes of one company in a municipality, or in an area of it."""

    company: Company
    area: str | None
    through: date
    accelerated: list[Accelerated]
    target_groups: list[Targeted]
    stricter_tie_years: int | None
    area_tie: bool


Council = Annotated[Caller, Depends(may("council"))]
Reader = Annotated[Caller, Depends(may("council", "case_worker"))]


def routes(database: Database[PriorityWork]) -> APIRouter:
    """Agreements, ledgers, priorities."""
    router = APIRouter(tags=["allocation council"])

    async def ours(id_: UUID, caller: Caller, work: PriorityWork) -> Agreed:
        agreed = await work.books.agreement(id_)
        if agreed is None or agreed.company != company_of(caller):
            raise Problem(404, "Your company has no such agreement.")
        return agreed

    @router.post("/agreements", status_code=201)
    async def propose(body: Agreement, caller: Council) -> Made:
        """Lay an agreement before the council of its company."""
        if body.company != company_of(caller):
            raise NotAllowed(f"the council of {body.company} alone proposes its agreements")
        made = uuid4()
        async with database.work() as work:
            for n, place in enumerate(body.municipalities):
                if work.companies.get(place) != body.company:
                    where = [(f"municipalities[{n}]", "not this company's")]
                    raise Problem(422, f"{body.company} lets no homes in {place}.", where)
            order(ProposeAgreement(made, body, caller.subject), work)
        return Made(id=made)

    @router.post("/agreements/{id}/adoption")
    async def adopt(id: UUID, body: Adoption, caller: Council) -> AgreementRead:
        """Record the votes, and put it in force from its first day: its turns begin at the first one, without debts."""
        async with database.work() as work:
            await work.books.hold(company_of(caller))
            others = await work.books.agreements_of(company_of(caller))
            agreed = await ours(id, caller, work)
            open_ = await work.books.open(agreed)
            order(AdoptAgreement(agreed, body.votes, others, body.ends, open_), work)
            return _read(work.books.agreements.get(id))

    @router.get("/agreements")
    async def agreements(caller: Reader) -> list[AgreementRead]:
        """All agreements of the company, the newest first."""
        async with database.work() as work:
            return [_read(agreed) for agreed in await work.books.agreements_of(company_of(caller))]

    @router.get("/agreements/{id}/ledger")
    async def ledger(id: UUID, caller: Reader) -> LedgerRead:
        """Every turn given under an agreement, who owes whom, and how many referrals each group can take."""
        async with database.work() as work:
            agreed = await ours(id, caller, work)
            kept, given = await work.books.ledger(agreed), await work.books.turns_of(agreed)
            return LedgerRead(
                turns=[
                    Turn(
                        turn=one.turn,
                        of=one.of,
                        to=one.to,
                        how=one.how,
                        dwelling=one.dwelling,
                        dossier=one.dossier if caller.role == "case_worker" else None,
                    )
                    for one in given
                ],
                next_turn=kept.turn,
                next_of=kept.of,
                debts=[Debt(owes=owes, to=to) for owes, to in kept.debts],
                balances=kept.balances(),
                room=await work.books.room(agreed),
            )

    @router.get("/priorities", dependencies=[Depends(anyone)])
    async def priorities(municipality: Annotated[Municipality, Query()]) -> list[Priorities]:
        """Which priorities there are in a municipality, and of which company: for anyone."""
        async with database.work() as work:
            found = await work.books.in_force(work.clock.today(), municipality=municipality)
        return [_priorities(agreed) for agreed in found]

    return router


def _read(agreed: Agreed) -> AgreementRead:
    return AgreementRead(
        id=agreed.id,
        status="adopted" if agreed.adopted_at else "proposed",
        through=agreed.through,
        agreement=agreed.agreement,
        votes=tuple(Vote.model_validate(vote, extra="ignore") for vote in agreed.votes or ()),
        adopted_at=agreed.adopted_at,
    )


def _priorities(agreed: Agreed) -> Priorities:
    one, shares = agreed.agreement, agreed.agreement.shares()
    return Priorities(
        company=one.company,
        area=one.area,
        through=agreed.through,
        accelerated=[
            Accelerated(group=name, title=group.title, share=f"{float(shares[name]):.4g}", referrers=group.referrers)
            for name, group in one.groups.items()
        ],
        target_groups=[Targeted(group=name, title=group.title) for name, group in one.target_groups.items()],
        stricter_tie_years=one.stricter_tie_years,
        area_tie=one.area_tie,
    )
