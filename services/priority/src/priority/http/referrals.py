"""Referrals (doorverwijzingen) by the organisations that the council named: answered at once."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends

from cir_chassis.database import Database
from cir_chassis.http import Problem
from cir_chassis.login import Caller, may
from cir_schemas.priority import Answer
from cir_schemas.types import Company, Municipality, Shape
from priority.books import Referral
from priority.council import Name
from priority.handlers import Refer
from priority.http.door import DossierRef, Reasons, Words, order, organisation_of
from priority.store import PriorityWork
from priority.words import NO_ROOM, ROOM, Text


class ReferralMade(Shape):
    """Whom an organisation refers to which company, for which group, why, and what guidance is to make the tenancy last."""

    dossier: DossierRef
    company: Company
    municipality: Municipality
    area: str | None = None
    group: Name
    reasons: Reasons
    guidance_plan: Words


class ReferralRead(Shape):
    """A referral and its answer."""

    id: UUID
    dossier: str
    organisation: str
    group: str
    answer: Answer
    text: Text
    answered_at: datetime


# The company may be a referrer itself, by its executive committee.
Referrer = Annotated[Caller, Depends(may("helper", "case_worker"))]


def routes(database: Database[PriorityWork]) -> APIRouter:
    """Referrals and their answers."""
    router = APIRouter(prefix="/referrals", tags=["referrals"])

    @router.post("", status_code=201)
    async def refer(body: ReferralMade, caller: Referrer) -> ReferralRead:
        """Refer a candidate. Accepted: a home is certain, though not when. Refused: no room, and on no other list."""
        made = uuid4()
        async with database.work() as work:
            found = await work.books.speaks_of(work.clock.today(), body.company, body.municipality, body.area)
            agreed = await work.books.agreement(found.id) if found else None
            if agreed is None:
                raise Problem(
                    409, "No agreement of this company's council is in force there today, so nobody can refer yet."
                )
            organisation = organisation_of(caller)
            candidacy = await work.find(body.dossier)
            if candidacy is None:
                raise Problem(404, "There is no such dossier.", [("dossier", "unknown")])
            room, before = await work.books.room(agreed), await work.books.referred(agreed, candidacy.dossier)
            given = (body.group, body.reasons, body.guidance_plan, room, before)
            order(Refer(made, candidacy, agreed, organisation, *given), work)
            return _read(work.books.referrals.get(made))

    @router.get("")
    async def referrals(caller: Referrer) -> list[ReferralRead]:
        """What the organisation referred, the newest first."""
        async with database.work() as work:
            return [_read(referral) for referral in await work.books.referrals_by(organisation_of(caller))]

    return router


def _read(one: Referral) -> ReferralRead:
    same = ("id", "organisation", "group", "answer", "answered_at")
    text = ROOM if one.answer == "accepted" else NO_ROOM
    return ReferralRead(dossier=one.number, text=text, **{name: getattr(one, name) for name in same})
