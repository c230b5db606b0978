"""Allocation, beside the waiting list: agreements, the turns given under them, vacancies, offers, referrals, housing situations.

Debts, room and priorities are not stored: they are computed from what happened.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis.clock import day_of
from cir_chassis.database import Rows
from priority.council import Agreement
from priority.domain import turns
from priority.domain.figures import Lease, days
from priority.domain.ledger import Entry, Ledger
from priority.domain.offers import CLOSED, HOLDS, NOT_AGAIN, REFUSALS
from priority.domain.ranking import VLABINVEST, Dwelling
from priority.log import Log
from priority.tables import (
    agreements,
    candidacies,
    ledger_entries,
    offer_steps,
    offers,
    places,
    referrals,
    situations,
    vacancies,
)

T = TypeVar("T")


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

    def covers(self, home: "Vacancy") -> bool:
        """Whether it is for this dwelling, whatever the day."""
        here = self.area in (None, home.area) and home.municipality in self.municipalities
        return here and self.company == home.company

    def ledger(self, entries: "Iterable[LedgerEntry]") -> Ledger:
        """Its ledger, from the entries on record."""
        return Ledger(self.agreement.shares(), (one.in_domain() for one in entries))


@dataclass(frozen=True)
class Vacancy:
    """A dwelling that came free (see tables.vacancies)."""

    company: str
    id: str
    dwelling: str
    municipality: str
    area: str | None
    bedrooms: int
    min_persons: int
    max_persons: int
    target_group: str | None
    free_on: date
    rent: int | None
    agreement: UUID | None = None
    turn: int | None = None
    ended: str | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    reasons: list[str] | None = None
    let_on: date | None = None
    otherwise: list[str] | None = None

    def differs(self, other: "Vacancy") -> list[str]:
        """In what it is another home than it was as that vacancy."""
        names = ("municipality", "area", "bedrooms", "min_persons", "max_persons", "target_group", "rent")
        return [name for name in names if getattr(self, name) != getattr(other, name)]

    def in_domain(self) -> Dwelling:
        return Dwelling(self.municipality, self.area, self.min_persons, self.max_persons, self.target_group)


@dataclass(frozen=True)
class LedgerEntry:
    """A turn, as it stood from then on (see tables.ledger_entries)."""

    agreement: UUID
    nth: int
    turn: int
    of: str
    to: str
    how: Any
    state: Any
    company: str
    vacancy: str
    dossier: str | None
    by: str
    at: datetime

    def in_domain(self) -> Entry:
        return Entry(self.turn, self.of, self.to, self.how, self.vacancy, self.state)


@dataclass(frozen=True)
class Offer:
    """An offer, as it stands now (see tables.offers)."""

    id: UUID
    company: str
    vacancy: str
    dossier: UUID
    number: str
    state: str
    holds: bool
    proposed_at: datetime
    answer_by: date | None = None
    remind_on: date | None = None
    late_answer: str | None = None
    refused_on: date | None = None
    well_founded: bool | None = None
    steps: int = 0
    special: dict[str, Any] | None = None
    ground: str | None = None
    opened_on: date | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What every event about it names."""
        return {"dossier": self.dossier, "number": self.number, "offer": self.id, "company": self.company}


@dataclass(frozen=True)
class OfferStep:
    """What happened to an offer (see tables.offer_steps)."""

    offer: UUID
    nth: int
    what: str
    was: str | None
    now: str
    by: str
    role: str
    at: datetime
    reasons: list[str]


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
    retracted_at: datetime | None = None
    retracted_because: list[str] | None = None
    stranded_on: date | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What every event about it names."""
        return {"dossier": self.dossier, "number": self.number, "referral": self.id, "organisation": self.organisation}


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

    def __init__(self, connection: AsyncConnection, log: Log) -> None:
        self._connection, self._log = connection, log
        self.agreements = Rows(agreements, AdoptedAgreement)
        self.vacancies = Rows(vacancies, Vacancy)
        self.entries = Rows(ledger_entries, LedgerEntry)
        self.offers = Rows(offers, Offer)
        self.steps = Rows(offer_steps, OfferStep)
        self.referrals = Rows(referrals, Referral)
        self.situations = Rows(situations, Situation)

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (
            self.agreements, self.vacancies, self.entries, self.offers, self.steps, self.referrals, self.situations
        )  # fmt: skip

    async def load(self, dossiers: Iterable[UUID]) -> None:
        """Read what is offered to these dossiers, which are locked, and how they were referred."""
        ids = list(dossiers)
        await self.offers.load(self._connection, "dossier", ids)
        await self.referrals.load(self._connection, "dossier", ids)
        if checking := [one for one in self.offers.all() if one.state == "checking"]:
            await self.vacancies.load(self._connection, "id", {one.vacancy for one in checking})
            await self.load_agreements({one.company for one in checking})

    async def load_agreements(self, companies: Iterable[str]) -> None:
        """All of these companies, for `frozen_until`."""
        await self.agreements.load(self._connection, "company", companies)

    def frozen_until(self, vacancy: Vacancy, today: date) -> date | None:
        """The day on which it may be offered again, if nothing is offered today: by the agreement that drew its turn or is in
        force."""
        days = [
            one.agreement.regulation(today).frozen_until
            for one in self.agreements.all()
            if one.id == vacancy.agreement
            or (one.adopted_at and one.covers(vacancy) and one.since <= today <= one.through)
        ]
        return max(filter(None, days), default=None)

    async def hold(self, company: str) -> None:
        """Decide on turns, referrals and adoptions of a company one after the other: lock it until the commit."""
        await self._log.share()
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
        return await self._all(AdoptedAgreement, query)

    async def _all(self, kind: Callable[..., T], query: sa.Select[Any]) -> list[T]:
        return [kind(**row._mapping) for row in await self._connection.execute(query)]

    async def _first(self, kind: Callable[..., T], query: sa.Select[Any]) -> T | None:
        return next(iter(await self._all(kind, query.limit(1))), None)

    async def later(self, on: date, agreed: AdoptedAgreement) -> list[AdoptedAgreement]:
        """The agreements adopted already that take the place of this one, in part at least, after that day."""
        after = sa.and_(
            agreements.c.since > on, agreements.c.since <= agreements.c.through
        )  # not ended before it began
        coming = await self._agreed(agreements.c.adopted_at.is_not(None), after, _overlaps(agreed))
        return [other for other in coming if other.id != agreed.id]

    async def entries_of(self, agreement: UUID) -> list[LedgerEntry]:
        """Every entry of the ledger of an agreement, in order."""
        query = sa.select(ledger_entries).where(ledger_entries.c.agreement == agreement).order_by(ledger_entries.c.nth)
        return await self._all(LedgerEntry, query)

    async def room(self, agreed: AdoptedAgreement) -> dict[str, int]:
        """How many more referrals each group can take. One whose turn is kept for it waits still, until its lease."""
        now = _turns(agreed.company).c
        final = (now.agreement == agreed.id, now.state == "final")
        given = sa.select(now.to, sa.func.count()).where(*final).group_by(now.to)
        had: Counter[str] = Counter(dict((await self._connection.execute(given)).all()))
        open_ = await self.open(agreed)
        shares, planned = agreed.agreement.shares(), agreed.agreement.planned
        return {name: turns.room(planned, shares[name], had[name], open_[name]) for name in agreed.agreement.groups}

    async def open(self, agreed: AdoptedAgreement) -> Counter[str]:
        """How many referrals of each group are accepted and wait, those under agreements before this one among them."""
        waiting = sa.select(referrals.c.group, sa.func.count()).where(self._open(agreed)).group_by(referrals.c.group)
        return Counter(dict((await self._connection.execute(waiting)).all()))

    async def carries_on(self, today: date, agreed: AdoptedAgreement) -> bool:
        """Whether an agreement in force, or adopted for later, carries on what was accepted under this one."""
        to_end = sa.and_(agreements.c.adopted_at.is_not(None), agreements.c.through >= today)
        return bool(await self._agreed(to_end, _overlaps(agreed)))

    async def stranded(self, today: date) -> set[UUID]:
        """Open referrals that no agreement carries on, of which nobody was told."""
        found, untold = set[UUID](), referrals.c.stranded_on.is_(None)
        for ended in await self._agreed(agreements.c.adopted_at.is_not(None), agreements.c.through < today):
            if not await self.carries_on(today, ended):
                found |= {one.id for one in await self._referred(sa.and_(self._open(ended), untold))}
        return found

    async def waiting_under(self, agreed: AdoptedAgreement) -> Sequence[UUID]:
        """The agreements under which those referrals were accepted."""
        return (
            await self._connection.scalars(sa.select(referrals.c.agreement).where(self._open(agreed)).distinct())
        ).all()

    async def fitting(
        self, agreed: AdoptedAgreement, vacancy: Vacancy, on: date
    ) -> list[tuple[str, str, tuple[str, ...]]]:
        """The open referrals that this vacancy can be offered to, those with Vlabinvest's priority first and then the oldest:
        group, number, and the criteria that it meets."""
        place = places.c
        first: sa.ColumnElement[bool] = sa.false()
        if agreed.agreement.vlabinvest:
            first = prioritised(referrals.c.dossier, agreed.company, VLABINVEST)
        query = (
            sa.select(referrals.c.group, referrals.c.number, first.label("first"))
            .join(places, place.dossier == referrals.c.dossier)
            .where(
                self._open(agreed),
                place.municipality == vacancy.municipality,
                lets(place, vacancy.company),
                place.persons.between(vacancy.min_persons, vacancy.max_persons),
                sa.or_(place.paused_until.is_(None), place.paused_until <= on),
                ~was_chosen(place.dossier),
                ~said_no(place.dossier, vacancy),
            )
            .order_by(sa.desc("first"), referrals.c.answered_at, referrals.c.id)
        )
        if vacancy.target_group is not None:
            query = query.where(prioritised(referrals.c.dossier, vacancy.company, vacancy.target_group))
        found = await self._connection.execute(query)
        return [(group, n, ((VLABINVEST,) if first else ()) + ("oldest_referral",)) for group, n, first in found]

    def _open(self, agreed: AdoptedAgreement) -> sa.ColumnElement[bool]:
        """Accepted, and not retracted or over in another way. Certainty outlives the agreement that it was given under, and
        an offer until its lease."""
        same = sa.select(agreements.c.id).where(_overlaps(agreed))
        over = sa.select(candidacies.c.dossier).where(candidacies.c.status.in_(CLOSED))
        signed = sa.exists().where(offers.c.dossier == referrals.c.dossier, offers.c.state == "signed", offers.c.holds)
        return sa.and_(
            referrals.c.agreement.in_(same),
            referrals.c.answer == "accepted",
            referrals.c.retracted_at.is_(None),
            ~signed,
            ~sa.exists(over.where(candidacies.c.dossier == referrals.c.dossier)),
        )

    async def referred(self, agreed: AdoptedAgreement, dossier: UUID) -> Referral | None:
        """The open referral of a dossier under an agreement."""
        query = sa.select(referrals).where(self._open(agreed), referrals.c.dossier == dossier)
        return await self._first(Referral, query)

    async def refused_since(self, moment: datetime, organisation: str, group: str, dossier: UUID) -> bool:
        """Whether the same referral was refused since then."""
        same = (referrals.c.organisation == organisation, referrals.c.group == group, referrals.c.dossier == dossier)
        refused = (referrals.c.answer == "refused", referrals.c.answered_at > moment)
        return await self._connection.scalar(sa.select(referrals.c.id).where(*same, *refused).limit(1)) is not None

    async def referral(self, id_: UUID) -> Referral | None:
        """A referral, locked."""
        await self._log.share()
        await self.referrals.load(self._connection, "id", [id_], lock=True)
        return self.referrals.find(id_)

    async def referrals_of(self, dossier: UUID) -> list[Referral]:
        """All of a dossier, the newest first."""
        return await self._referred(referrals.c.dossier == dossier)

    async def referrals_by(self, organisation: str) -> list[Referral]:
        """All that an organisation referred, the newest first."""
        return await self._referred(referrals.c.organisation == organisation)

    async def _referred(self, which: sa.ColumnElement[bool]) -> list[Referral]:
        query = sa.select(referrals).where(which).order_by(referrals.c.answered_at.desc(), referrals.c.id)
        return await self._all(Referral, query)

    async def vacancy(self, company: str, *, id: str | None = None, dwelling: str | None = None) -> Vacancy | None:
        """A vacancy of a company, by its id; or the one of a dwelling that has not ended."""
        of_it = vacancies.c.id == id
        if dwelling is not None:
            of_it = sa.and_(vacancies.c.dwelling == dwelling, vacancies.c.ended.is_(None))
        return await self._first(Vacancy, sa.select(vacancies).where(vacancies.c.company == company, of_it))

    async def withdrawn_before(self, company: str, dwelling: str, since: date) -> Vacancy | None:
        """The newest vacancy of a dwelling, all of which have ended, where it was withdrawn since that day."""
        of = vacancies.c
        newest = sa.select(vacancies).where(of.company == company, of.dwelling == dwelling).order_by(of.ended_at.desc())
        row = (await self._connection.execute(newest.limit(1))).first()
        return Vacancy(**row._mapping) if row and row.ended == "withdrawn" and day_of(row.ended_at) >= since else None

    async def home_since(self, let: Vacancy) -> str | None:
        """The vacancy as which a dwelling that was let came free later: one that waits, or that was let."""
        of = vacancies.c
        later = sa.or_(of.ended.is_(None), sa.and_(of.ended == "let", of.ended_at > let.ended_at))
        same = (of.company == let.company, of.dwelling == let.dwelling, of.id != let.id)
        return await self._connection.scalar(sa.select(of.id).where(*same, later).limit(1))

    async def is_chosen(self, dossier: UUID) -> bool:
        """Whether a dwelling is offered to this dossier already, or was let to it."""
        return bool(await self._connection.scalar(sa.select(was_chosen(sa.literal(dossier)))))

    async def kept(self, agreed: AdoptedAgreement, *, announced: bool) -> int:
        """How many vacancies of the period are kept for a target group: those with a turn of it, as it is of the day on which
        somebody is chosen; `announced`: with those that are still to have one."""
        its = vacancies.c.agreement == agreed.id
        if announced:
            area = sa.true() if agreed.area is None else vacancies.c.area == agreed.area
            there = sa.and_(vacancies.c.municipality.in_(agreed.municipalities), area)
            its |= sa.and_(vacancies.c.agreement.is_(None), vacancies.c.ended.is_(None), there)
        query = sa.select(sa.func.count()).where(
            vacancies.c.company == agreed.company, vacancies.c.target_group.is_not(None), its
        )
        return await self._connection.scalar(query) or 0

    async def offer(self, id_: UUID) -> Offer | None:
        """An offer, as it stands now: what changes it locks the candidacy of its dossier."""
        await self.offers.load(self._connection, "id", [id_])
        return self.offers.find(id_)

    async def vacancies_of(self, company: str, page: int, shown: int) -> tuple[list[Vacancy], list[Vacancy]]:
        """The vacancies of a company that have not ended, the longest free first; and those that have, the newest first, so many
        of that page and one more if there is."""
        of = vacancies.c
        ours, past = sa.select(vacancies).where(of.company == company), of.ended_at.desc()
        ended = ours.where(of.ended.is_not(None)).order_by(past, of.id).offset((page - 1) * shown).limit(shown + 1)
        free = ours.where(of.ended.is_(None)).order_by(of.free_on, of.id)
        return await self._all(Vacancy, free), await self._all(Vacancy, ended)

    async def offers_for(self, homes: Sequence[Vacancy]) -> list[Offer]:
        """Those of some vacancies of one company that are being checked, open, accepted or signed."""
        of, ids = offers.c, [one.id for one in homes]
        its = (of.company == (homes[0].company if homes else ""), of.state.in_(HOLDS), of.vacancy.in_(ids))
        return await self._all(Offer, sa.select(offers).where(*its))

    async def to_judge(self, company: str) -> list[Offer]:
        """The refusals and silences of a company that nobody judged, the oldest first."""
        of = offers.c
        waits = (of.company == company, of.state.in_(REFUSALS), of.well_founded.is_(None))
        return await self._all(Offer, sa.select(offers).where(*waits).order_by(of.refused_on, of.id))

    async def offers_of(
        self, *, dossier: UUID | None = None, company: str | None = None, vacancy: str | None = None
    ) -> list[Offer]:
        """The offers to a dossier, or of a company (the newest of them) or its vacancy, the newest first."""
        of_it = offers.c.dossier == dossier if dossier is not None else offers.c.company == company
        this = sa.true() if vacancy is None else offers.c.vacancy == vacancy
        query = sa.select(offers).where(of_it, this).order_by(offers.c.proposed_at.desc(), offers.c.id).limit(500)
        return await self._all(Offer, query)

    async def special(self, company: str) -> list[Offer]:
        """The offers that its board gave beside the turns, the newest first."""
        its = offers.c.company == company, offers.c.special.is_not(None)
        return await self._all(Offer, sa.select(offers).where(*its).order_by(offers.c.proposed_at.desc(), offers.c.id))

    async def offer_of(self, vacancy: Vacancy) -> Offer | None:
        """The offer of a vacancy that is being checked, open, accepted or signed."""
        of_it = (offers.c.company == vacancy.company, offers.c.vacancy == vacancy.id, offers.c.state.in_(HOLDS))
        return await self._first(Offer, sa.select(offers).where(*of_it))

    async def leases(self, company: str, *, year: int | None = None, agreement: UUID | None = None) -> list[Lease]:
        """The homes of a company that were let, in a year or under an agreement, by the day of the lease."""
        home, turns_now = vacancies.c, _turns(company)
        turn = (turns_now.c.agreement == home.agreement, turns_now.c.turn == home.turn)
        signed = (offers.c.company == home.company, offers.c.vacancy == home.id, offers.c.state == "signed")
        since, kind = candidacies.c.registered_on, offers.c.special["kind"].astext.label("special")
        query = (
            sa.select(home.let_on, home.bedrooms, home.target_group, turns_now.c.to, since, kind)
            .select_from(vacancies)
            .join(offers, sa.and_(*signed))
            .outerjoin(turns_now, sa.and_(*turn))
            .outerjoin(candidacies, candidacies.c.dossier == offers.c.dossier)
            .where(home.company == company, home.let_on.between(*days(year)) if year else home.agreement == agreement)
            .order_by(home.let_on, home.id)
        )
        return await self._all(Lease, query)

    async def refusals(self, company: str, year: int) -> list[tuple[str, bool | None, str | None]]:
        """How each offer that was refused or not answered that year was judged, and on what ground."""
        of = offers.c
        query = sa.select(of.state, of.well_founded, of.ground).where(
            of.company == company,
            of.state.in_(("refused", "no_answer")),
            of.refused_on.between(*days(year)),
        )
        return [(state, judged, ground) for state, judged, ground in await self._connection.execute(query)]

    async def due(self, today: date) -> list[UUID]:
        """Dossiers with an open offer whose term is over, or ends soon and nobody was reminded, or one that was declined
        long enough ago; some at a time."""
        of = offers.c
        now = sa.or_(sa.and_(of.state == "open", of.answer_by < today), of.remind_on <= today)
        query = sa.select(of.dossier).where(of.state.in_(("open", "declined")), now).limit(500)
        return list((await self._connection.scalars(query)).all())

    async def situation(self, id_: UUID) -> Situation | None:
        """A request, locked."""
        await self._log.share()
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
        return await self._all(Situation, query)

    async def forwarded_to(self, organisation: str) -> list[Situation]:
        """The requests forwarded to groups that an organisation refers for by the agreement that they were reviewed under, as
        long as nobody refers them; the oldest first."""
        groups = sa.cast(agreements.c.content, JSONB)["groups"]
        refers = sa.exists().where(
            situations.c.agreements.has_key(sa.cast(agreements.c.id, sa.Text)),
            groups[situations.c.group]["referrers"].has_key(organisation),
        )
        promised = (referrals.c.answer == "accepted", referrals.c.retracted_at.is_(None))
        referred = sa.exists().where(referrals.c.dossier == situations.c.dossier, *promised)
        query = (
            sa.select(situations)
            .join(candidacies, candidacies.c.dossier == situations.c.dossier)
            .where(situations.c.decision == "forwarded", candidacies.c.status.not_in(CLOSED), refers, ~referred)
            .order_by(situations.c.reviewed_at, situations.c.id)
        )
        return await self._all(Situation, query)


def _turns(company: str) -> sa.Subquery:
    """Where each turn of a company stands now: its newest entry."""
    entry = ledger_entries.c
    newest = sa.select(ledger_entries).ext(distinct_on(entry.agreement, entry.turn)).where(entry.company == company)
    return newest.order_by(entry.agreement, entry.turn, entry.nth.desc()).subquery()


def lets(place: Any, company: str) -> sa.ColumnElement[bool]:
    """Whether this company lets the homes that a place waits for; nobody is left out where it is not known who does."""
    return sa.or_(place.company == company, place.company.is_(None))


def was_chosen(dossier: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Whether a dwelling is offered to it already; or was let to it, as long as dossier has not recorded that it is housed."""
    return sa.exists().where(offers.c.dossier == dossier, offers.c.holds)


def said_no(dossier: sa.ColumnElement[UUID], vacancy: Vacancy) -> sa.ColumnElement[bool]:
    """Whether it was offered this vacancy to no avail."""
    this = (offers.c.company == vacancy.company, offers.c.vacancy == vacancy.id, offers.c.state.in_(NOT_AGAIN))
    return sa.exists().where(offers.c.dossier == dossier, *this)


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
