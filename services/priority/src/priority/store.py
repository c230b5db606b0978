"""Every query of priority. Where somebody stands is kept by day, so that any day's ranking is read from one index."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE, Range
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis.bulk import among, given, rows
from cir_chassis.clock import Clock
from cir_chassis.database import Rows, Work
from cir_chassis.login import Caller
from cir_chassis.pseudonym import pseudonym
from cir_schemas.types import DossierRef
from priority import tables
from priority.allocation import (
    AdoptedAgreement,
    Allocation,
    Offer,
    OfferStep,
    Vacancy,
    lets,
    prioritised,
    said_no,
    was_chosen,
)
from priority.domain import offers, ranking
from priority.domain.ledger import Entry, Ledger
from priority.domain.ranking import VLABINVEST, Dwelling, Regulation
from priority.domain.turns import STANDARD
from priority.log import FIRST, Log
from priority.rules import CRITERIA, LASTING_TIE

ANY_SIZE = 2**31 - 1  # persons
LIVES = 100  # lasting ties, of five years and more each: what an index row has room for, and nobody's
Criteria = list[tuple[str, sa.ColumnElement[bool]]]
Ranking = list[tuple[str, tuple[str, ...]]]
"""Numbers of dossiers, the first one first, and the criteria that each meets."""


@dataclass(frozen=True)
class Candidacy:
    """The newest candidacy of one dossier, as its row (see tables.candidacies)."""

    dossier: UUID
    version: int
    status: str
    number: str | None
    number_day: date | None
    number_nth: int | None
    registered_on: date | None
    persons: int
    wants: list[dict[str, Any]]
    residence: list[dict[str, Any]]
    informal_care_in: list[str]
    paused_until: date | None
    company: str | None
    placed: int | None
    candidates: list[str] | None = None
    logged: int | None = None

    def in_domain(self) -> ranking.Candidate:
        return ranking.Candidate(
            self.number or "",
            self.status,
            self.registered_on,
            self.persons,
            tuple(wanted["municipality"] for wanted in self.wants),
            tuple(
                ranking.Stay(
                    stay["municipality"],
                    stay["area"],
                    date.fromisoformat(stay["from"]),
                    date.fromisoformat(stay["until"]) if stay["until"] else None,
                    stay.get("member"),
                )
                for stay in self.residence
            ),
            tuple(self.informal_care_in),
            self.paused_until,
        )


@dataclass(frozen=True)
class Company:
    """A housing company, as its row (see tables.companies)."""

    company: str
    version: int
    municipalities: list[str]


@dataclass(frozen=True)
class Organisation:
    """An organisation that refers or helps, as its row (see tables.organisations)."""

    organisation: str
    version: int
    name: str


@dataclass(frozen=True)
class Next:
    """The turn to be given, and the first of the ranking of the dossiers that it may go to; waiting: how many it has."""

    turn: Entry
    ranking: Ranking
    waiting: int
    fitting: list[str]
    """The groups with a referral that the vacancy can be offered to."""


class PriorityWork(Work):
    """One transaction on the waiting list."""

    versioned = (tables.candidacies.c.version,)

    def __init__(self, connection: AsyncConnection, clock: Clock, person_key: SecretStr) -> None:
        """person_key: of the pseudonyms."""
        super().__init__(connection, clock)
        self.person_key = person_key
        self.companies = Rows(tables.companies, Company, newer="version")
        self.organisations = Rows(tables.organisations, Organisation, newer="version")
        self.candidacies = Rows(tables.candidacies, Candidacy, newer="version")
        self.log = Log(connection, clock.today)
        self.allocation = Allocation(connection, self.log)
        self._to_place: dict[UUID, Candidacy] = {}
        self._to_log: set[UUID] = set()

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.candidacies, self.companies, self.organisations, *self.allocation.rows)

    async def load(self, subjects: Iterable[UUID]) -> None:
        ids = list(subjects)
        await self.log.share()
        await self.candidacies.load(self.connection, "dossier", ids, lock=True)
        await self.allocation.load(ids)

    async def load_others(self, keys: Collection[str]) -> None:
        if keys:
            await self.companies.load(self.connection, "company", keys)
            await self.organisations.load(self.connection, "organisation", keys)

    async def lets_in(self, company: str) -> Sequence[str] | None:
        """The municipalities where the company lets homes; None as long as dossier has not published it."""
        await self.load_others([company])
        known = self.companies.find(company)
        return known.municipalities if known else None

    async def called(self, organisations: Collection[str]) -> dict[str, str]:
        """Their names, by id; of one that dossier has not published its id."""
        await self.load_others(organisations)
        known = {one: self.organisations.find(one) for one in organisations}
        return {id_: one.name if one else id_ for id_, one in known.items()}

    def audit(self, caller: Caller, relation: str, *dossiers: UUID | None, detail: str | None = None) -> None:
        """As it has it; a candidate is known by his pseudonym, since his login may be his number."""
        super().audit(replace(caller, subject=self.subject(caller)), relation, *dossiers, detail=detail)

    def subject(self, caller: Caller) -> str:
        """Who he is, on record."""
        number = caller.relation("number")
        return pseudonym(number, self.person_key) if number else caller.subject

    def move(self, offer: Offer, now: str, by: Caller | str, reasons: Iterable[str] = (), **changed: Any) -> Offer:
        """An offer takes the next state. by: who, or the service by whose event. Raises `NotTheTime`."""
        offers.check(offer.state, now)
        return self.note(replace(offer, state=now, holds=now in offers.HOLDS, **changed), now, by, reasons, offer.state)

    def note(
        self, offer: Offer, what: str, by: Caller | str, reasons: Iterable[str] = (), was: str | None = None
    ) -> Offer:
        """Put on record what happened to an offer, and how it stands."""
        who = (by, by) if isinstance(by, str) else (self.subject(by), by.role)
        offer = replace(offer, steps=offer.steps + 1)
        self.allocation.offers.put(offer)
        step = OfferStep(offer.id, offer.steps, what, was, offer.state, *who, self.clock.now(), list(reasons))
        self.allocation.steps.put(step)
        return offer

    def place(self, candidacy: Candidacy) -> None:
        """Keep this candidacy, and its places in the stead of those of the one before."""
        known = self.candidacies.find(candidacy.dossier)
        if known is None or known.logged is None or _stands(known) != _stands(candidacy):
            self._to_log.add(candidacy.dossier)
        self.candidacies.put(candidacy := replace(candidacy, logged=candidacy.version))
        self._to_place[candidacy.dossier] = candidacy

    async def flush(self) -> None:
        for table in self.allocation.rows:
            self.log.add_rows(table.table.name, table.changed())
        await super().flush()
        if self._to_place:
            stands = sa.select(tables.candidacies.c.dossier, tables.candidacies.c.version)
            found = await self.connection.execute(
                stands.where(among(tables.candidacies.c.dossier)), {"ids": list(self._to_place)}
            )
            # A consumer that hung may come with less than its successor has placed.
            ours = [self._to_place[dossier] for dossier, version in found if version == self._to_place[dossier].version]
            await self.connection.execute(
                sa.delete(tables.places).where(among(tables.places.c.dossier)), {"ids": [one.dossier for one in ours]}
            )
            known = [(candidacy, candidacy.in_domain()) for candidacy in ours]
            if new := [place for candidacy, one in known for place in _places(candidacy, one)]:
                await self.connection.execute(_PLACING, rows({name: [one[name] for one in new] for name in new[0]}))
            for candidacy, one in known:
                if candidacy.dossier in self._to_log and candidacy.number:
                    self.log.add("dossier", _logged(candidacy, one))
            self._to_place.clear()
            self._to_log.clear()
        await self.log.flush()

    async def catch_up(self) -> None:
        """Place, and put in the log, what the release before this one recorded, which knew neither: each read begins with it."""
        table = tables.candidacies
        behind = sa.or_(*(of.is_distinct_from(table.c.version) for of in (table.c.placed, table.c.logged)))
        if not await self.connection.scalar(sa.select(sa.exists().where(behind))):
            return
        await self.log.share()
        locked = sa.select(table.c.dossier).where(behind).order_by(table.c.dossier).with_for_update()
        place = (
            sa.update(table).where(table.c.dossier.in_(locked)).values(placed=table.c.version, logged=table.c.version)
        )
        for row in await self.connection.execute(place.returning(*table.c)):
            self._to_place[row.dossier] = Candidacy(**row._mapping)
            self._to_log.add(row.dossier)
        await self.flush()

    async def begin_proposal(self) -> dict[str, Any]:
        """Hold the log alone, with all that an order rests on in it. Returns what it has since the last proposal."""
        await self.log.alone()
        await self.catch_up()
        return await self.log.since_last(self.allocation.rows)

    def log_proposal(self, since: dict[str, Any], offer: Offer, agreed: AdoptedAgreement, next_: Next) -> None:
        """How a proposal follows: the groups that fit, the turn, and the first of the order with their criteria."""
        turn = {name: getattr(next_.turn, name) for name in ("turn", "of", "to", "how")}
        about = {"offer": offer.id, "company": offer.company, "vacancy": offer.vacancy, "number": offer.number}
        order = {"agreement": agreed.id, "fitting": next_.fitting, "first": next_.ranking[:FIRST]}
        self.log.add("proposal", {**about, **turn, **order, **since})

    async def find(self, dossier: DossierRef, *, lock: bool = False) -> Candidacy | None:
        """The newest candidacy of a dossier, by its id or its number."""
        table = tables.candidacies
        query = sa.select(*(table.c[field.name] for field in fields(Candidacy)))
        if lock:
            await self.log.share()
        this = table.c.dossier == dossier if isinstance(dossier, UUID) else table.c.number == dossier
        query = query.where(this).with_for_update() if lock else query.where(this)
        row = (await self.connection.execute(query)).first()
        return Candidacy(**row._mapping) if row else None

    async def candidacies_of(self, person: str) -> list[Candidacy]:
        """Those with him as applicant or partner, the newest first. person: his pseudonym."""
        table = tables.candidacies
        query = sa.select(*(table.c[field.name] for field in fields(Candidacy)))
        his = query.where(table.c.candidates.contains([person])).order_by(table.c.number_day.desc(), table.c.number_nth)
        return [Candidacy(**row._mapping) for row in await self.connection.execute(his)]

    async def regulation(self, on: date, company: str, municipality: str) -> Regulation:
        """The choices of the council for the whole municipality, whatever the area."""
        agreed = await self.allocation.applies_to(on, company, municipality, None)
        return agreed.agreement.regulation(on) if agreed else Regulation()

    async def waiting_list(self, municipality: str, on: date, regulation: Regulation, company: str) -> Ranking:
        """The numbers of who is on the list that day, whatever the size, the first one first, and the criteria each meets, after
        `frozen` where nothing is offered that day."""
        anything, thawed = Dwelling(municipality, None, 0, ANY_SIZE), replace(regulation, frozen_until=None)
        frozen = ("frozen",) if regulation.frozen_until else ()
        return [(number, (*frozen, *why[1:])) for number, why in await self.ranked(on, anything, thawed, company)]

    async def ranked(self, on: date, dwelling: Dwelling, regulation: Regulation, company: str) -> Ranking:
        """The ranking for a dwelling of a company, exactly as `ranking.rank` has it for those who want one of its homes there."""
        query, because = _in_order(on, dwelling, regulation, company, tables.places.c.number)
        listed = query.subquery()
        # Two arrays instead of a row each: with 50,000 rows twice as fast. A sorted subquery is aggregated as it is sorted.
        both = sa.select(sa.func.array_agg(listed.c.number), sa.func.array_agg(listed.c.rung))
        numbers, rungs = (await self.connection.execute(both)).one()
        return [(number, because[n]) for number, n in zip(numbers or (), rungs or (), strict=True)]

    async def first(self, most: int, on: date, vacancy: Vacancy, regulation: Regulation) -> tuple[Ranking, int]:
        """The first of the ranking for a vacancy, without those whom it was offered to already, and how many there are."""
        place, one, home = tables.places.c, tables.places.alias().c, vacancy.in_domain()
        # Read of the first ones alone: the index has all else that is asked.
        number = sa.select(one.number).where(one.dossier == place.dossier, one.municipality == place.municipality)
        query, because = _in_order(on, home, regulation, vacancy.company, number.scalar_subquery())
        query = query.add_columns(sa.func.count().over()).where(~said_no(place.dossier, vacancy)).limit(most)
        found = (await self.connection.execute(query)).all()
        return [(number, because[rung]) for number, rung, _ in found], found[0][2] if found else 0

    async def next_for(self, vacancy: Vacancy, agreed: AdoptedAgreement, ledger: Ledger, most: int = FIRST) -> Next:
        """The turn and the first of the ranking for this vacancy today, as far as the register knows at this moment."""
        today = self.clock.today()
        fitting = await self.allocation.fitting(agreed, vacancy, today)
        groups = sorted({group for group, _, _ in fitting})
        entry = ledger.next(groups, vacancy.id)
        if entry.to != STANDARD:
            referred: Ranking = [(n, because) for group, n, because in fitting if group == entry.to]
            return Next(entry, referred[:most], len(referred), groups)
        return Next(entry, *await self.first(most, today, vacancy, agreed.agreement.regulation(today)), groups)

    async def standing(
        self, known: Candidacy, municipality: str, on: date, regulation: Regulation, area: str | None = None
    ) -> tuple[tuple[str, ...], Counter[str]] | None:
        """Where a dossier stands in a municipality among households of its size that want the same company's homes: the criteria
        that it meets, and how many are before it, by the first criterion that puts them there (`dossier_number`: registered the
        same day, lower number). None where it is not on the list."""
        one, company = known.in_domain(), {wanted["municipality"]: wanted["company"] for wanted in known.wants}
        home, thawed = Dwelling(municipality, area, one.persons, one.persons), replace(regulation, frozen_until=None)
        if regulation.vlabinvest is not None:
            first = prioritised(sa.literal(known.dossier), regulation.vlabinvest, VLABINVEST)
            one = replace(one, priorities=(VLABINVEST,) if await self.connection.scalar(sa.select(first)) else ())
        listed = [one] if known.number and known.registered_on else []
        ranked, _ = ranking.rank(on, home, thawed, listed, CRITERIA, LASTING_TIE)
        if not ranked:
            return None
        because = tuple(ranked[0][1])
        names, counting = _before(on, thawed, area, because, company[municipality] is not None)
        here = {"dossier": known.dossier, "municipality": municipality, "company": company[municipality]}
        order = {"registered_on": known.registered_on, "number_day": known.number_day, "number_nth": known.number_nth}
        before = Counter[str]()
        for sign, is_chosen, *many in await self.connection.execute(
            counting, {**here, "persons": one.persons, **order}
        ):
            if is_chosen:
                return None
            before.update({name: sign * n for name, n in zip(names, many, strict=True)})
        return because, +before


def _stands(one: Candidacy) -> tuple[object, ...]:
    """What its line in the log rests on."""
    when = (one.registered_on, one.paused_until)
    return (one.status, one.number, *when, one.persons, one.wants, one.residence, one.informal_care_in)


def _logged(candidacy: Candidacy, one: ranking.Candidate) -> dict[str, Any]:
    """Its line in the log: its status, and if it is on the list all that its places rest on. until: null, it lasts."""
    line: dict[str, Any] = {"number": one.dossier, "status": one.status}
    if one.status != ranking.ON_THE_LIST or one.registered_on is None:
        return line
    wants = {wanted["municipality"]: wanted["company"] for wanted in candidacy.wants}
    lived = {there: _lived(stay for stay in one.residence if stay.municipality == there) for there in wants}
    named = {stay.area for stay in one.residence} - {None}
    areas = {area: _lived(stay for stay in one.residence if stay.area == area) for area in named}
    care = [there for there in wants if there in one.informal_care_in]
    since = {"registered_on": one.registered_on, "persons": one.persons, "paused_until": one.paused_until}
    return line | since | {"wants": wants, "lived": lived, "areas": areas, "care": care}


def _lived(stays: Iterable[ranking.Stay]) -> list[tuple[date, date | None]]:
    """Of each candidate by himself, from the first day through the one before the last."""
    return [(start, None if end == date.max else end) for start, end in ranking.joined(stays) if start < end]


def _places(candidacy: Candidacy, one: ranking.Candidate) -> Iterator[dict[str, Any]]:
    """Its row on each list (see tables.places)."""
    if one.status != ranking.ON_THE_LIST or one.registered_on is None or not one.dossier:
        return
    by_area = defaultdict(list)
    for stay in one.residence:
        by_area[stay.area].append(stay)
    for municipality, company in {wanted["municipality"]: wanted["company"] for wanted in candidacy.wants}.items():
        here = [stay for stay in one.residence if stay.municipality == municipality]
        lived = [(start, end) for start, end in ranking.joined(here) if start < end]
        of_two = len({stay.member for stay in here}) > 1
        yield {
            "dossier": candidacy.dossier,
            "municipality": municipality,
            "company": company,
            "persons": one.persons,
            "paused_until": one.paused_until,
            "lived": _days(lived, ")"),
            "lived_apart": "{" + ",".join(f'"[{start},{end})"' for start, end in lived) + "}" if of_two else None,
            "lasting_tie": _days(ranking.lasting_ties(here, LASTING_TIE)[-LIVES:], "]"),
            "area_ties": {
                area: _days(ranking.lasting_ties(stays, LASTING_TIE), "]")
                for area, stays in by_area.items()
                if area is not None
            },
            "informal_care": municipality in one.informal_care_in,
            "registered_on": one.registered_on,
            "number_day": candidacy.number_day,
            "number_nth": candidacy.number_nth,
            "number": one.dossier,
        }  # fmt: skip


def _days(intervals: Iterable[tuple[date, date]], closing: str) -> str:
    """Intervals, as a datemultirange writes itself; closing: whether the last day is in (`]`) or not (`)`)."""
    return "{" + ",".join(f"[{start},{end}{closing}" for start, end in intervals) + "}"


def _written() -> sa.Insert:
    """Multiranges and arrays travel as text: as lists in a list they would be flattened."""
    columns = [c for c in tables.places.c if c.computed is None]
    of_text = [sa.Column(c.name, sa.Text if isinstance(c.type, DATEMULTIRANGE | ARRAY) else c.type) for c in columns]
    these = given(of_text)
    values = sa.select(*(sa.cast(these.c[c.name], c.type) for c in columns))
    return sa.insert(tables.places).from_select([c.name for c in columns], values)


_PLACING = _written()


def _criteria(
    place: Any, on: date, regulation: Regulation, area: str | None = None, kept: tuple[str, str | None] = ("", None)
) -> Criteria:
    """The criteria before the date of registration for a dwelling, in sequence, each as a test of a row of places.

    kept: the company, and the target group that it keeps the dwelling for."""
    one_tie = (place.tied_since <= on) & (place.tied_until > on)
    tied = sa.case((place.tied_since.is_(None), place.lasting_tie.contains(on)), else_=one_tie)
    criteria: dict[str, sa.ColumnElement[bool]] = {"lasting_tie": tied, "informal_care": place.informal_care}
    if regulation.vlabinvest is not None:
        criteria[VLABINVEST] = prioritised(place.dossier, regulation.vlabinvest, VLABINVEST)
    if kept[1] is not None:
        criteria["target_group"] = prioritised(place.dossier, kept[0], kept[1])
    if regulation.stricter_tie_years is not None:
        years = Range(ranking.earlier(on, regulation.stricter_tie_years), on, bounds="[]")
        of_one = sa.literal(years, DATERANGE).bool_op("<@")(sa.any_(place.lived_apart))
        criteria["stricter_tie"] = sa.func.coalesce(of_one, place.lived.contains(MultiRange([years])))
    if regulation.area_tie and area is not None:
        in_area = sa.cast(place.area_ties[area].astext, DATEMULTIRANGE).contains(on)
        criteria["area_tie"] = sa.func.coalesce(in_area, sa.false())
    return [(name, criteria[name]) for name in ranking.value_on(CRITERIA, on) if name in criteria]


@lru_cache(maxsize=256)  # to build it anew takes as long as to count 10,000
def _before(
    on: date, regulation: Regulation, area: str | None, because: Sequence[str], of_company: bool
) -> tuple[Sequence[str], sa.CompoundSelect[Any]]:
    """How many are before a dossier that meets these criteria, by the first criterion that puts them there: the criteria, and the
    counts. Rows: the sign of its counts, whether a dwelling is offered to the dossier already, a count for each.

    Its parameters are the dossier's own columns of places."""
    mine = {name: sa.bindparam(name, type_=place.type) for name, place in tables.places.c.items()}
    place, count, counts = tables.places.c, sa.func.count(), dict[str, sa.ColumnElement[int]]()
    equal: sa.ColumnElement[bool] = sa.true()  # by the criteria so far, the last one first: it is the quickest to test
    for name, theirs in _criteria(place, on, regulation, area):
        if name not in because:
            counts[name] = count.filter(theirs & equal)
        equal = (theirs if name in because else ~theirs) & equal
    since, number = mine["registered_on"], sa.tuple_(mine["number_day"], mine["number_nth"])
    counts["registration_date"] = count.filter(equal & (place.registered_on < since))
    lower = sa.tuple_(place.number_day, place.number_nth) < number
    counts["dossier_number"] = count.filter((place.registered_on == since) & lower & equal)
    there = (place.municipality == mine["municipality"], place.persons == mine["persons"], _not_paused(place, on))
    # As `lets`, a scan of the index each.
    same = [place.company == mine["company"], place.company.is_(None)] if of_company else [sa.true()]
    chosen = was_chosen(mine["dossier"])
    listed = [sa.select(sa.literal(1), chosen, *counts.values()).where(*there, of) for of in same]
    # Few were chosen already: counted apart, as to look for each of the others among them takes as long again.
    less = sa.select(sa.literal(-1), chosen, *counts.values()).where(*there, sa.or_(*same), was_chosen(place.dossier))
    return list(counts), sa.union_all(*listed, less)


def _in_order(
    on: date, dwelling: Dwelling, regulation: Regulation, company: str, number: sa.ColumnElement[Any]
) -> tuple[sa.Select[Any], Sequence[tuple[str, ...]]]:
    """Who can be offered a dwelling, the first one first: number and rung; and the reasons that each rung stands for."""
    place = tables.places.c
    criteria = _criteria(place, on, regulation, dwelling.area, (company, dwelling.target_group))
    # One number to sort by and to read the reasons from, in which an earlier criterion outweighs all later ones together.
    bits = [2**n for n in reversed(range(len(criteria)))]
    rung = sum((sa.cast(held, sa.Integer) * bit for bit, (_, held) in zip(bits, criteria, strict=True)), sa.literal(0))
    frozen = regulation.frozen_until is not None and on < regulation.frozen_until
    query = (
        sa.select(number.label("number"), rung.label("rung"))
        .where(
            place.municipality == dwelling.municipality,
            lets(place, company),
            place.persons.between(dwelling.min_persons, dwelling.max_persons),
            _waits(place, on),
            sa.false() if frozen else sa.true(),
        )
        .order_by(sa.desc("rung"), place.registered_on, place.number_day, place.number_nth)
    )
    names = [name for name, _ in criteria]
    return query, [_because(names, [bool(n & bit) for bit in bits]) for n in range(2 ** len(bits))]


def _waits(place: Any, on: date) -> sa.ColumnElement[bool]:
    """Not paused, and no dwelling is offered to it already."""
    return sa.and_(_not_paused(place, on), ~was_chosen(place.dossier))


def _not_paused(place: Any, on: date) -> sa.ColumnElement[bool]:
    return sa.or_(place.paused_until.is_(None), place.paused_until <= on)


def _because(names: Sequence[str], held: Sequence[bool]) -> tuple[str, ...]:
    return ("fitting_size", *(name for name, met in zip(names, held, strict=True) if met), *ranking.BECAUSE)
