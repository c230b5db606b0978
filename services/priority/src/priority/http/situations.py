"""Requests about the housing situation (woonsituatie): asked by the candidate or at the counter, reviewed by a case worker."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends
from pydantic import Field, SecretStr

from cir_chassis.database import Database
from cir_chassis.login import Caller, may
from cir_chassis.problems import Problem
from cir_schemas.priority import Decision
from cir_schemas.types import DossierRef, Shape
from priority.books import Situation
from priority.council import Name
from priority.handlers import AskPriority, ReviewSituation
from priority.http.door import Reasons, Words, company_of, order, organisation_of, own
from priority.store import PriorityWork


class Request(Shape):
    """What the situation is, and the ids of the documents that show it."""

    dossier: DossierRef
    text: Words
    documents: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)] = ()


class Asked(Shape):
    """The new request."""

    id: UUID


class Review(Shape):
    """The decision. group: the target group of a priority, the accelerated group whose referrer it is forwarded to."""

    decision: Decision
    group: Name | None = None
    reasons: Reasons


class SituationRead(Shape):
    """A request and its review."""

    id: UUID
    dossier: str
    text: str
    documents: tuple[str, ...]
    asked_at: datetime
    decision: Decision | None
    group: str | None
    reasons: tuple[str, ...]
    reviewed_at: datetime | None


OwnOrCompany = Annotated[Caller, Depends(may("candidate", "case_worker"))]


def routes(database: Database[PriorityWork], key: SecretStr) -> APIRouter:
    """Requests and reviews."""
    router = APIRouter(prefix="/situations", tags=["housing situations"])

    @router.post("", status_code=201)
    async def ask(body: Request, caller: OwnOrCompany) -> Asked:
        """Ask for a priority: the candidate himself, or a case worker of the company that treats the dossier."""
        made = uuid4()
        async with database.work() as work:
            candidacy = await own(body.dossier, caller, work, key, lock=True)
            chosen = await work.books.chosen(candidacy.dossier)
            before = await work.books.situations_of(dossier=candidacy.dossier)
            by = "candidate" if caller.role == "candidate" else caller.subject
            order(AskPriority(made, candidacy, chosen, body.text, body.documents, by, before), work)
        return Asked(id=made)

    @router.get("")
    async def situations(
        caller: Annotated[Caller, Depends(may("candidate", "case_worker", "helper"))], dossier: DossierRef | None = None
    ) -> list[SituationRead]:
        """The requests of a dossier with their reviews. Without `dossier`: for a case worker, those that wait for his company;
        for an organisation, those forwarded to the groups that it refers for, until somebody refers them."""
        async with database.work() as work:
            if caller.role == "helper":
                found = await work.books.forwarded_to(organisation_of(caller))
            elif dossier is not None:
                candidacy = await own(dossier, caller, work, key)
                found = await work.books.situations_of(dossier=candidacy.dossier)
            elif caller.role == "case_worker":
                found = await work.books.situations_of(company=company_of(caller))
            else:
                raise Problem(422, "Of which dossier?", [("query.dossier", "is needed")])
        return [_read(situation) for situation in found]

    @router.post("/{id}/review")
    async def review(id: UUID, body: Review, caller: Annotated[Caller, Depends(may("case_worker"))]) -> SituationRead:
        """A priority of pillar 3, forwarded to who may refer for an accelerated group, or refused; the candidate is told."""
        async with database.work() as work:
            situation = await work.books.situation(id)
            if situation is None:
                raise Problem(404, "There is no such request, or it is not yours to see.")
            candidacy = await own(situation.dossier, caller, work, key)
            in_force = await work.books.in_force(work.clock.today(), company=company_of(caller))
            decided = (body.decision, body.group, body.reasons)
            order(ReviewSituation(situation, candidacy, in_force, *decided, company_of(caller), caller.subject), work)
            return _read(work.books.situations.get(id))

    return router


def _read(one: Situation) -> SituationRead:
    same = ("id", "text", "documents", "asked_at", "decision", "group", "reviewed_at")
    return SituationRead(
        dossier=one.number, reasons=tuple(one.reasons or ()), **{name: getattr(one, name) for name in same}
    )
