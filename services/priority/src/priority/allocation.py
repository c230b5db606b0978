"""Allocation, beside the waiting list: agreements, the turns given under them, dwellings, referrals, housing situations.

Debts, room and priorities are not stored: they are computed from what happened.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis.database import Rows
from priority.council import Agreement
from priority.domain import turns
from priority.domain.ledger import Entry, Ledger
from priority.tables import agreements, candidacies, dwellings, given_turns, places, referrals, situations

OVER = ("refused", "struck", "withdrawn", "housed")
"""Statuses in which a dossier waits for nothing any more."""


@dataclass(frozen=True)
class AdoptedAgreement:
    """An agreement; until `adopted_at` it is proposed, and nothing follows from it (see tables.agreements)."""

    id: UUID
    company: str
    area: str | None
    municipalities: list[str]
    content: dict[str, Any]
    since: date
    through: date
    proposed_by: str
    proposed_at: datetime
    votes: list[dict[str, Any]] | None = None
    adopted_at: datetime | None = None

    @cached_property
    def agreement(self) -> Agreement:
        return Agreement.model_validate(self.content, extra="ignore")  # a newer build may have kept more


@dataclass(frozen=True)
class Vacancy:
    """A dwelling that came free (see tables.dwellings)."""

    company: str
    id: str
    municipality: str
    area: str | None
    bedrooms: int
    min_persons: int
    max_persons: int
    target_group: str | None
    free_on: date
    chosen: UUID | None = None


@dataclass(frozen=True)
class LedgerEntry:
    """A turn that was given (see tables.given_turns)."""

    agreement: UUID
    turn: int
    of: str
    to: str
    how: str
    company: str
    dwelling: str
    dossier: str
    given_by: str
    given_at: datetime


@dataclass(frozen=True)
class Referral:
    """A referral and its answer (see tables.referrals)."""

    id: UUID
    agreement: UUID
    organisation: str
    dossier: UUID
    number: str
    group: str
    reasons: list[str]
    guidance_plan: str
    answer: str
    answered_at: datetime


@dataclass(frozen=True)
class Situation:
    """A request about a housing situation, and its review (see tables.situations)."""

    id: UUID
    dossier: UUID
    number: str
    text: str
    documents: list[str]
    asked_by: str
    asked_at: datetime
    company: str | None = None
    decision: str | None = None
    group: str | None = None
    reasons: list[str] | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    agreements: list[str] | None = None


class Allocation:
    """The queries of one unit of work, and its rows."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.agreements = Rows(agreements, AdoptedAgreement)
        self.vacancies = Rows(dwellings, Vacancy)
        self.entries = Rows(given_turns, LedgerEntry)
        self.referrals = Rows(referrals, Referral)
        self.situations = Rows(situations, Situation)

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.agreements, self.vacancies, self.entries, self.referrals, self.situations)

    async def hold(self, company: str) -> None:
        """Decide on turns, referrals and adoptions of a company one after the other: lock it until the commit."""
        await self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(company, 0))))

    async def agreement(self, id_: UUID) -> AdoptedAgreement | None:
        """An agreement, proposed or adopted."""
        await self.agreements.load(self._connection, "id", [id_])
        return self.agreements.find(id_)

    async def agreements_of(self, company: str) -> list[AdoptedAgreement]:
        """All of a company, the newest first."""
        return await self._agreed(agreements.c.company == company)

    async def in_force(
        self, on: date, *, company: str | None = None, municipality: str | None = None
    ) -> list[AdoptedAgreement]:
        """The agreements in force on that day, of a company, or that cover a municipality."""
        ours = agreements.c.company == company if company else sa.true()
        there = agreements.c.municipalities.contains([municipality]) if municipality else sa.true()
        during = sa.between(on, agreements.c.since, agreements.c.through)
        return await self._agreed(agreements.c.adopted_at.is_not(None), ours, there, during)

    async def applies_to(self, on: date, company: str, municipality: str, area: str | None) -> AdoptedAgreement | None:
        """The agreement in force for what a company lets there: one at most, as no two adopted ones overlap."""
        found = await self.in_force(on, company=company, municipality=municipality)
        return next((one for one in found if one.area in (None, area)), None)

    async def agreement_for(self, vacancy: Vacancy, on: date) -> AdoptedAgreement | None:
        """The agreement in force that day for this dwelling."""
        return await self.applies_to(on, vacancy.company, vacancy.municipality, vacancy.area)

    async def _agreed(self, *which: sa.ColumnElement[bool]) -> list[AdoptedAgreement]:
        query = sa.select(agreements).where(*which).order_by(agreements.c.proposed_at.desc(), agreements.c.id)
        return [AdoptedAgreement(**row._mapping) for row in await self._connection.execute(query)]

    async def later(self, on: date, agreed: AdoptedAgreement) -> list[AdoptedAgreement]:
        """The agreements adopted already that take the place of this one, in part at least, after that day."""
        after = sa.and_(
            agreements.c.since > on, agreements.c.since <= agreements.c.through
        )  # not ended before it began
        coming = await self._agreed(agreements.c.adopted_at.is_not(None), after, _overlaps(agreed))
        return [other for other in coming if other.id != agreed.id]

    async def ledger(self, agreed: AdoptedAgreement) -> Ledger:
        """The ledger of an agreement, from the turns on record."""
        same = (given_turns.c[name] for name in ("turn", "of", "to", "how"))
        query = sa.select(*same).where(given_turns.c.agreement == agreed.id).order_by(given_turns.c.turn)
        given = [Entry(*row) for row in await self._connection.execute(query)]
        return Ledger(agreed.agreement.shares(), given)

    async def entries_of(self, agreed: AdoptedAgreement) -> list[LedgerEntry]:
        """Every turn given under an agreement, in order."""
        query = sa.select(given_turns).where(given_turns.c.agreement == agreed.id).order_by(given_turns.c.turn)
        return [LedgerEntry(**row._mapping) for row in await self._connection.execute(query)]

    async def room(self, agreed: AdoptedAgreement) -> dict[str, int]:
        """How many more referrals each group can take."""
        given = sa.select(given_turns.c.to, sa.func.count()).where(given_turns.c.agreement == agreed.id)
        had: Counter[str] = Counter(dict((await self._connection.execute(given.group_by("to"))).all()))
        open_ = await self.open(agreed)
        shares, planned = agreed.agreement.shares(), agreed.agreement.planned
        return {name: turns.room(planned, shares[name], had[name], open_[name]) for name in agreed.agreement.groups}

    async def open(self, agreed: AdoptedAgreement) -> Counter[str]:
        """How many referrals of each group are accepted and wait, those under agreements before this one among them."""
        waiting = sa.select(referrals.c.group, sa.func.count()).where(self._open(agreed)).group_by(referrals.c.group)
        return Counter(dict((await self._connection.execute(waiting)).all()))

    async def fitting(self, agreed: AdoptedAgreement, dwelling: Vacancy, on: date) -> list[tuple[str, str, UUID]]:
        """The open referrals that this dwelling can be offered to, the oldest first: group, number, dossier."""
        place = places.c
        query = (
            sa.select(referrals.c.group, referrals.c.number, referrals.c.dossier)
            .join(places, place.dossier == referrals.c.dossier)
            .where(
                self._open(agreed),
                place.municipality == dwelling.municipality,
                lets(place, dwelling.company),
                place.persons.between(dwelling.min_persons, dwelling.max_persons),
                sa.or_(place.paused_until.is_(None), place.paused_until <= on),
            )
            .order_by(referrals.c.answered_at, referrals.c.id)
        )
        if dwelling.target_group is not None:
            query = query.where(prioritised(referrals.c.dossier, dwelling.company, dwelling.target_group))
        return [(group, number, dossier) for group, number, dossier in await self._connection.execute(query)]

    def _open(self, agreed: AdoptedAgreement) -> sa.ColumnElement[bool]:
        """Accepted, and not over in another way. Certainty outlives the agreement that it was given under."""
        same = sa.select(agreements.c.id).where(_overlaps(agreed))
        over = sa.select(candidacies.c.dossier).where(candidacies.c.status.in_(OVER))
        return sa.and_(
            referrals.c.agreement.in_(same),
            referrals.c.answer == "accepted",
            ~was_chosen(referrals.c.dossier),
            ~sa.exists(over.where(candidacies.c.dossier == referrals.c.dossier)),
        )

    async def referred(self, agreed: AdoptedAgreement, dossier: UUID) -> Referral | None:
        """The open referral of a dossier under an agreement."""
        query = sa.select(referrals).where(self._open(agreed), referrals.c.dossier == dossier)
        row = (await self._connection.execute(query)).first()
        return Referral(**row._mapping) if row else None

    async def refused_since(self, moment: datetime, organisation: str, group: str, dossier: UUID) -> bool:
        """Whether the same referral was refused since then."""
        same = (referrals.c.organisation == organisation, referrals.c.group == group, referrals.c.dossier == dossier)
        refused = (referrals.c.answer == "refused", referrals.c.answered_at > moment)
        return await self._connection.scalar(sa.select(referrals.c.id).where(*same, *refused).limit(1)) is not None

    async def referrals_of(self, dossier: UUID) -> list[Referral]:
        """All of a dossier, the newest first."""
        return await self._referred(referrals.c.dossier == dossier)

    async def referrals_by(self, organisation: str) -> list[Referral]:
        """All that an organisation referred, the newest first."""
        return await self._referred(referrals.c.organisation == organisation)

    async def _referred(self, which: sa.ColumnElement[bool]) -> list[Referral]:
        query = sa.select(referrals).where(which).order_by(referrals.c.answered_at.desc(), referrals.c.id)
        return [Referral(**row._mapping) for row in await self._connection.execute(query)]

    async def vacancy(self, company: str, id_: str) -> Vacancy | None:
        """A dwelling of a company."""
        query = sa.select(dwellings).where(dwellings.c.company == company, dwellings.c.id == id_)
        row = (await self._connection.execute(query)).first()
        return Vacancy(**row._mapping) if row else None

    async def is_chosen(self, dossier: UUID) -> bool:
        """Whether a dwelling is to be offered to this dossier already."""
        return bool(await self._connection.scalar(sa.select(dwellings.c.id).where(dwellings.c.chosen == dossier)))

    async def kept(self, agreed: AdoptedAgreement) -> int:
        """How many dwellings of the period are kept for a target group."""
        area = sa.true() if agreed.area is None else dwellings.c.area == agreed.area
        return (
            await self._connection.scalar(
                sa.select(sa.func.count()).where(
                    dwellings.c.company == agreed.company,
                    dwellings.c.municipality.in_(agreed.municipalities),
                    area,
                    dwellings.c.target_group.is_not(None),
                    dwellings.c.free_on.between(agreed.since, agreed.through),
                )
            )
            or 0
        )

    async def situation(self, id_: UUID) -> Situation | None:
        """A request, locked."""
        await self.situations.load(self._connection, "id", [id_], lock=True)
        return self.situations.find(id_)

    async def situations_of(self, *, dossier: UUID | None = None, company: str | None = None) -> list[Situation]:
        """The requests of a dossier, or those that wait for a company's case workers; the oldest first."""
        query = sa.select(situations).order_by(situations.c.asked_at, situations.c.id)
        if dossier is not None:
            query = query.where(situations.c.dossier == dossier)
        else:
            treats = sa.select(candidacies.c.dossier).where(candidacies.c.company == company)
            query = query.where(situations.c.decision.is_(None), situations.c.dossier.in_(treats))
        return [Situation(**row._mapping) for row in await self._connection.execute(query)]

    async def forwarded_to(self, organisation: str) -> list[Situation]:
        """The requests forwarded to groups that an organisation refers for by the agreement that they were reviewed under, as
        long as nobody referred them; the oldest first."""
        groups = sa.cast(agreements.c.content, JSONB)["groups"]
        refers = sa.exists().where(
            situations.c.agreements.has_key(sa.cast(agreements.c.id, sa.Text)),
            groups[situations.c.group]["referrers"].has_key(organisation),
        )
        accepted = sa.exists().where(referrals.c.dossier == situations.c.dossier, referrals.c.answer == "accepted")
        query = (
            sa.select(situations)
            .join(candidacies, candidacies.c.dossier == situations.c.dossier)
            .where(situations.c.decision == "forwarded", candidacies.c.status.not_in(OVER), refers, ~accepted)
            .order_by(situations.c.reviewed_at, situations.c.id)
        )
        return [Situation(**row._mapping) for row in await self._connection.execute(query)]


def lets(place: Any, company: str) -> sa.ColumnElement[bool]:
    """Whether this company lets the homes that a place waits for; nobody is left out where it is not known who does."""
    return sa.or_(place.company == company, place.company.is_(None))


def was_chosen(dossier: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Whether a dwelling is to be offered to it already."""
    return sa.exists(sa.select(dwellings.c.id).where(dwellings.c.chosen == dossier))


def prioritised(dossier: sa.ColumnElement[UUID], company: str, group: str) -> sa.ColumnElement[bool]:
    """Whether a review of this company gave it the priority of this target group."""
    given = sa.select(situations.c.id).where(situations.c.decision == "priority", situations.c.group == group)
    return sa.exists(given.where(situations.c.dossier == dossier, situations.c.company == company))


def _overlaps(agreed: AdoptedAgreement) -> sa.ColumnElement[bool]:
    """Agreements that cover some of the same dwellings, whatever the day (council.cover_the_same)."""
    return sa.and_(
        agreements.c.company == agreed.company,
        agreements.c.municipalities.has_any(sa.cast(agreed.municipalities, ARRAY(sa.Text))),
        sa.true() if agreed.area is None else sa.or_(agreements.c.area.is_(None), agreements.c.area == agreed.area),
    )
