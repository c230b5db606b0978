"""Referrals (aanmeldingen) by the organisations that the council named: answered at once."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends
from pydantic import SecretStr

from cir_chassis.database import Database
from cir_chassis.login import Caller, may
from cir_chassis.problems import Problem
from cir_schemas.priority import Answer
from cir_schemas.types import Company, DossierRef, Municipality, Shape
from priority.books import Referral
from priority.council import Name
from priority.handlers import Refer, check_referrer
from priority.http.door import Reasons, Words, order, organisation_of, own, refusing
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


def routes(database: Database[PriorityWork], key: SecretStr) -> APIRouter:
    """Referrals and their answers."""
    router = APIRouter(prefix="/referrals", tags=["referrals"])

    @router.post("", status_code=201)
    async def refer(body: ReferralMade, caller: Referrer) -> ReferralRead:
        """Refer a candidate. Accepted: a home is certain, though not when. Refused: no room, and on no other list."""
        made = uuid4()
        async with database.work() as work:
            await work.books.hold(body.company)
            today, a_day_ago = work.clock.today(), work.clock.now() - timedelta(days=1)
            agreed = await work.books.speaks_of(today, body.company, body.municipality, body.area)
            if agreed is None:
                raise Problem(
                    409, "No agreement of this company's council is in force there today, so nobody can refer yet."
                )
            organisation = organisation_of(caller)
            refusing(lambda: check_referrer(agreed, organisation, body.group))
            candidacy = await work.find(body.dossier, lock=True)  # another company may be choosing it
            if candidacy is None:
                raise Problem(404, "There is no such dossier.", [("dossier", "unknown")])
            command = Refer(
                id=made,
                candidacy=candidacy,
                chosen=await work.books.chosen(candidacy.dossier),
                agreed=agreed,
                organisation=organisation,
                group=body.group,
                reasons=body.reasons,
                guidance_plan=body.guidance_plan,
                room=await work.books.room(agreed),
                before=await work.books.referred(agreed, candidacy.dossier),
                refused=await work.books.refused_since(a_day_ago, organisation, body.group, candidacy.dossier),
                later=await work.books.later(today, agreed),
            )
            order(command, work)
            return _read(work.books.referrals.get(made))

    @router.get("")
    async def referrals(
        caller: Annotated[Caller, Depends(may("helper", "case_worker", "candidate"))], dossier: DossierRef | None = None
    ) -> list[ReferralRead]:
        """What the organisation referred, the newest first. With `dossier`, for its candidate and the company that treats it:
        who referred it, and the answers."""
        async with database.work() as work:
            if dossier is not None:
                candidacy = await own(dossier, caller, work, key)
                return [_read(referral) for referral in await work.books.referrals_of(candidacy.dossier)]
            return [_read(referral) for referral in await work.books.referrals_by(organisation_of(caller))]

    return router


def _read(one: Referral) -> ReferralRead:
    same = ("id", "organisation", "group", "answer", "answered_at")
    text = ROOM if one.answer == "accepted" else NO_ROOM
    return ReferralRead(dossier=one.number, text=text, **{name: getattr(one, name) for name in same})
