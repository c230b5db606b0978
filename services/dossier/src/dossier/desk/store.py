"""Every query of the desk: of the dossiers of one company alone."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from dossier import tables
from dossier.register.store import RegisterWork

PAGE = 50  # dossiers
CLAIM = timedelta(days=1)  # after which what was claimed is anybody's again
_dossiers, _members, _claims, _notes = tables.dossiers, tables.members, tables.claims, tables.notes
_FIRST = sa.literal(0)
OLD_CLAIMS = sa.delete(_claims).where(_claims.c.at < sa.func.now() - CLAIM)
Place = tuple[Any, UUID]
"""Where a page ends: what it is ordered by, and the dossier."""
Members = sa.Select[Any] | sa.CompoundSelect[Any]
"""(dossier, member, rank) of members in dossiers of one company."""


@dataclass(frozen=True)
class Waiting:
    """What waits in a dossier. name: see `waiting.waits`; claimed_by: the subject of who has it."""

    dossier: UUID
    name: str
    since: datetime
    claimed_by: str | None = None


async def queue(work: RegisterWork, company: str, after: Place | None) -> tuple[list[Waiting], Place | None]:
    """A page of what waits for a company, the dossier first in which something waits longest; and where it ends, if it does."""
    row, now = _dossiers.c, work.now
    place = sa.tuple_(row.waits_from, row.id)
    waiting = (row.company == company) & (row.waits_from <= now)
    page = sa.select(row.id, row.waits_from, row.waits).where(waiting).order_by(row.waits_from, row.id).limit(PAGE + 1)
    found = list(await work.connection.execute(page if after is None else page.where(place > after)))
    claims = await claimed(work, [one.id for one in found[:PAGE]])
    items = [
        Waiting(one.id, name, at, claims.get((one.id, name)))
        for one in found[:PAGE]
        for name, since in one.waits.items()
        if (at := datetime.fromisoformat(since)) <= now
    ]
    last = found[PAGE - 1] if len(found) > PAGE else None
    return items, last and (last.waits_from, last.id)


async def claimed(work: RegisterWork, dossiers: Sequence[UUID]) -> dict[tuple[UUID, str], str]:
    """(dossier, name) → who has it, of what is claimed in them."""
    query = sa.select(_claims).where(_claims.c.dossier.in_(dossiers), _claims.c.at > work.now - CLAIM)
    return {(one.dossier, one.name): one.subject for one in await work.connection.execute(query)}


async def waiting(work: RegisterWork, company: str, dossier: str, name: str) -> Waiting | None:
    """What waits in a dossier of the company by this name, if it does."""
    with suppress(ValueError):
        row = _dossiers.c
        query = sa.select(row.id, row.waits).where(row.id == UUID(dossier), row.company == company)
        found = (await work.connection.execute(query)).one_or_none()
        if found and name in found.waits and (since := datetime.fromisoformat(found.waits[name])) <= work.now:
            return Waiting(found.id, name, since)
    return None


async def claim(work: RegisterWork, one: Waiting, subject: str) -> bool:
    """Let him have it. Returns whether he has: not where somebody else has it."""
    taken = insert(_claims).values(dossier=one.dossier, name=one.name, subject=subject, at=work.now)
    free = (_claims.c.subject == subject) | (_claims.c.at <= work.now - CLAIM)
    values = {"subject": subject, "at": work.now}
    mine = taken.on_conflict_do_update(index_elements=[_claims.c.dossier, _claims.c.name], set_=values, where=free)
    return bool((await work.connection.execute(mine)).rowcount)


def of_number(company: str, number: str) -> Members:
    """The applicant of the dossier with this number."""
    query = _in(company).join(_dossiers, _dossiers.c.id == _members.c.dossier)
    return query.where(_dossiers.c.number == number, _members.c.role == "applicant")


def of_person(company: str, number: str) -> Members:
    """The members with this national number."""
    return _in(company).where(_members.c.number == number)


def born_on(company: str, day: date) -> Members:
    """The members whose number tells this birth date, of this century or another, or of whom it is established."""
    on = day.isoformat()
    months = (f"{day:%y}{day.month + added:02d}{day:%d}" for added in (0, 20, 40, 60))
    told = sa.or_(*(_members.c.number.between(f"{first}00000", f"{first}99999") for first in months))
    him = sa.func.jsonb_build_array(sa.func.jsonb_build_object("id", _members.c.member, "born_on", on))
    established = tables.BIRTH_DATES.contains([on]) & _dossiers.c.household.contains(him)
    return _in(company).where(told).union(_in(company).join(_dossiers).where(established))


async def named(work: RegisterWork, company: str, name: str, *, alike: bool) -> Members:
    """The members with this name or a part of it, the shortest first; or with one alike, the likest first.

    A name has three trigrams less in common with one that has a letter more, less or other: of three parts of its trigrams one
    is then whole, so that an index on them finds it.
    """
    of = _members.c.trigrams
    asked: list[str] = await work.connection.scalar(sa.select(sa.func.name_trigrams(name))) or []
    third = max(2, -(-len(asked) // 3)) if alike else len(asked) or 1
    parts = [asked[n : n + third] for n in range(0, len(asked), third)]
    has_part = sa.or_(
        sa.false(), *(tables.NAMED_IN_COMPANY.contains([f"{company}{one}" for one in part]) for part in parts)
    )
    if not alike:
        return _in(company, sa.func.cardinality(of)).where(has_part)
    one = sa.func.unnest(of).table_valued(sa.column("trigram", sa.Text)).render_derived()
    shared = sa.select(sa.func.count()).where(one.c.trigram == sa.any_(sa.literal(asked, of.type))).scalar_subquery()
    return _in(company, -shared).where(has_part, shared * 2 > len(asked))


async def found(
    work: RegisterWork, members: Members, after: Place | None
) -> tuple[list[tuple[UUID, str]], Place | None]:
    """A page of the dossiers of these members: (dossier, member) each, of a dossier the first; and where it ends, if it does."""
    of = members.subquery()
    best = sa.select(of).ext(distinct_on(of.c.dossier)).order_by(of.c.dossier, of.c.rank).subquery()
    page = sa.select(best).order_by(best.c.rank, best.c.dossier).limit(PAGE + 1)
    if after is not None:
        page = page.where(sa.tuple_(best.c.rank, best.c.dossier) > after)
    rows = list(await work.connection.execute(page))
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return [(one.dossier, one.member) for one in rows[:PAGE]], last and (last.rank, last.dossier)


def _in(company: str, rank: sa.ColumnElement[int] = _FIRST) -> sa.Select[Any]:
    of = _members.c
    return sa.select(of.dossier, of.member, rank.label("rank")).where(of.company == company)


async def add_note(work: RegisterWork, dossier: UUID, subject: str, text: str) -> sa.Row[Any]:
    """Write it down."""
    row = {"id": uuid4(), "dossier": dossier, "at": work.now, "subject": subject, "text": text}
    written: sa.Row[Any] = (await work.connection.execute(sa.insert(_notes).values(row).returning(_notes))).one()
    return written


async def notes_of(work: RegisterWork, dossier: UUID) -> Sequence[sa.Row[Any]]:
    """Every note on a dossier, the oldest first."""
    query = sa.select(_notes).where(_notes.c.dossier == dossier).order_by(_notes.c.at, _notes.c.id)
    return (await work.connection.execute(query)).all()
