"""Every query of the desk: of the dossiers of one company alone. They are built once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from cir_chassis import driver
from cir_chassis.bulk import among
from dossier import tables
from dossier.register.store import RegisterWork

PAGE = 50  # dossiers
CLAIM = timedelta(days=1)  # after which what was claimed is anybody's again
_dossiers, _members, _claims, _notes = tables.dossiers, tables.members, tables.claims, tables.notes
OLD_CLAIMS = sa.delete(_claims).where(_claims.c.at < sa.func.now() - CLAIM)
NOT_WORKED_OUT = sa.select(_dossiers.c.id).where(_dossiers.c.waits_from == sa.text("'infinity'")).limit(500)
"""Dossiers from before there was a queue: the migration marked them."""
Place = tuple[Any, UUID]
"""Where a page ends: what it is ordered by, and the dossier."""
_COMPANY = sa.bindparam("company", type_=sa.Text)
Waiting = tuple[UUID, str, datetime]
"""What waits in a dossier: that, its name (see `waiting.waits`), and since when."""


def _page(of: sa.FromClause, order: sa.ColumnElement[Any], dossier: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """A page of these rows, from the place on where the one before ended, and one row more."""
    ended = sa.tuple_(sa.bindparam("ended", type_=order.type), sa.bindparam("ended_at", type_=sa.Uuid))
    return sa.select(of).where(sa.tuple_(order, dossier) > ended).order_by(order, dossier).limit(PAGE + 1)


def _dossiers_of(*members: sa.Select[Any]) -> sa.Select[Any]:
    """A page of the dossiers of these members: (dossier, member, rank), in each the first of them."""
    of = sa.union_all(*members).subquery()
    best = sa.select(of).ext(distinct_on(of.c.dossier)).order_by(of.c.dossier, of.c.rank).subquery()
    return _page(best, best.c.rank, best.c.dossier)


def _in_company(*where: sa.ColumnElement[bool], rank: Any = 0, of: sa.FromClause = _members) -> sa.Select[Any]:
    row, place = _members.c, sa.cast(rank, sa.Integer).label("rank")
    return sa.select(row.dossier, row.member, place).select_from(of).where(row.company == _COMPANY, *where)


_himself = sa.exists().where(
    _members.c.dossier == _dossiers.c.id,
    _members.c.number == sa.bindparam("himself", type_=sa.Text),
    _members.c.role != sa.literal_column("'co_resident'"),
)
_waits = sa.select(_dossiers.c.id, _dossiers.c.waits_from, _dossiers.c.waits).where(
    _dossiers.c.company == _COMPANY,
    _dossiers.c.waits_from <= sa.bindparam("now", type_=sa.DateTime(timezone=True)),
    ~_himself,
)
_those = _waits.subquery()
_QUEUE = _page(_those, _those.c.waits_from, _those.c.id)
_CLAIMED = sa.select(_claims.c.dossier, _claims.c.name, _claims.c.subject).where(
    among(_claims.c.dossier), _claims.c.at > sa.bindparam("since", type_=sa.DateTime(timezone=True))
)
_APPLICANTS = (
    sa.select(_dossiers.c.id, _dossiers.c.number, _members.c.sheet)
    .join(_members, _members.c.dossier == _dossiers.c.id)
    .where(among(_dossiers.c.id), _members.c.role == "applicant")
)
_number, _on = sa.bindparam("number", type_=sa.Text), sa.bindparam("on", type_=sa.Text)
_with_dossier = _members.join(_dossiers, _dossiers.c.id == _members.c.dossier)
OF_NUMBER = _dossiers_of(
    _in_company(_dossiers.c.number == _number, _members.c.role == "applicant", of=_with_dossier),
)
"""The applicant of the dossier with this number."""
IN_STATUS = _dossiers_of(
    _in_company(
        _dossiers.c.company == _COMPANY,
        _dossiers.c.status == sa.bindparam("status", type_=sa.Text),
        _members.c.role == "applicant",
        of=_with_dossier,
    ),
)
"""The applicants of the dossiers in a status."""
OF_PERSON = _dossiers_of(_in_company(_members.c.number == _number))
"""The members with this national number."""
_told = [sa.bindparam(f"day_{n}", type_=sa.Text) for n in range(4)]
_him = sa.func.jsonb_build_array(sa.func.jsonb_build_object("id", _members.c.member, "born_on", _on))
BORN_ON = _dossiers_of(
    _in_company(sa.or_(*(_members.c.number.between(day + "00000", day + "99999") for day in _told))),
    _in_company(
        tables.BIRTH_DATES.contains(sa.func.jsonb_build_array(_on)),
        _dossiers.c.household.contains(_him),
        of=_with_dossier,
    ),
)
"""The members whose number tells this birth date (see `born_on`), of this century or another, or of whom it is established."""
_trigrams = sa.func.name_trigrams(sa.bindparam("name", type_=sa.Text), type_=ARRAY(sa.Text))
NAMED = _dossiers_of(
    _in_company(
        tables.NAMED_IN_COMPANY.contains(sa.func.company_trigrams(_COMPANY, _trigrams)),
        rank=sa.func.cardinality(_members.c.trigrams),
    )
)
"""The members with this name or a part of it, the shortest first."""
_TRIGRAMS = sa.select(_trigrams)
_asked = sa.bindparam("asked", type_=ARRAY(sa.Text))
_one = sa.func.unnest(_members.c.trigrams).table_valued(sa.column("trigram", sa.Text)).render_derived()
_shared = sa.select(sa.func.count()).where(_one.c.trigram == sa.any_(_asked)).scalar_subquery()
_parts = [sa.bindparam(f"part_{n}", type_=ARRAY(sa.Text)) for n in range(3)]
ALIKE = _dossiers_of(
    _in_company(
        sa.or_(*(tables.NAMED_IN_COMPANY.contains(part) for part in _parts)),
        _shared * 2 > sa.func.cardinality(_asked),
        rank=-_shared,
    )
)
"""The members with a name alike (see `alike`), the likest first."""


async def queue(
    work: RegisterWork, company: str, himself: str | None, after: Place | None
) -> tuple[list[Waiting], Place | None]:
    """A page of what waits for a company, the dossier first in which something waits longest; and where it ends, if it does.
    himself: the case worker's own number, whose dossier is a colleague's to treat."""
    ended, ended_at = after or (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
    given = {"company": company, "himself": himself, "now": work.now, "ended": ended, "ended_at": ended_at}
    found = await driver.run(work.connection, _QUEUE, given)
    waits = [(dossier, of, datetime.fromisoformat(at)) for dossier, _, all_ in found[:PAGE] for of, at in all_.items()]
    end = (found[PAGE - 1][1], found[PAGE - 1][0]) if len(found) > PAGE else None
    return [one for one in waits if one[2] <= work.now], end


async def claimed(work: RegisterWork, dossiers: Sequence[UUID]) -> dict[tuple[UUID, str], str]:
    """(dossier, name) → who has it, of what is claimed in them."""
    found = await driver.run(work.connection, _CLAIMED, {"ids": dossiers, "since": work.now - CLAIM})
    return {(dossier, name): subject for dossier, name, subject in found}


async def claim(work: RegisterWork, dossier: UUID, name: str, subject: str) -> None:
    """Let him have it, unless somebody else has."""
    at = {"subject": subject, "at": work.now}
    taken = insert(_claims).values(dossier=dossier, name=name, **at)
    free = (_claims.c.subject == subject) | (_claims.c.at <= work.now - CLAIM)
    await work.connection.execute(taken.on_conflict_do_update(index_elements=["dossier", "name"], set_=at, where=free))


async def give_back(work: RegisterWork, dossier: UUID, name: str, subject: str) -> None:
    """Let anybody have it, if he has."""
    of = _claims.c
    mine = (of.dossier == dossier) & (of.name == name) & (of.subject == subject)
    await work.connection.execute(sa.delete(_claims).where(mine))


async def applicants(work: RegisterWork, dossiers: Sequence[UUID]) -> dict[UUID, tuple[str, dict[str, Any]]]:
    """Dossier → its number, and the applicant's sheet."""
    return {
        id_: (number, sheet) for id_, number, sheet in await driver.run(work.connection, _APPLICANTS, {"ids": dossiers})
    }


def born_on(day: date) -> dict[str, Any]:
    """What is asked of `BORN_ON`: the beginnings of a number that tell this date."""
    months = enumerate((0, 20, 40, 60))
    return {"on": day.isoformat()} | {f"day_{n}": f"{day:%y}{day.month + added:02d}{day:%d}" for n, added in months}


async def alike(work: RegisterWork, company: str, name: str) -> dict[str, Any]:
    """What is asked of `ALIKE`: a name has three trigrams less in common with one that has a letter more, less or other. Of three
    parts of its trigrams one is then whole, so that an index on them finds it."""
    asked = (await driver.run(work.connection, _TRIGRAMS, {"name": name}))[0][0] or []
    third = max(2, -(-len(asked) // 3))
    parts = [[f"{company}{one}" for one in asked[n * third : (n + 1) * third]] for n in range(3)]
    return {"asked": asked} | {f"part_{n}": part or None for n, part in enumerate(parts)}


async def page(
    work: RegisterWork, query: sa.Select[Any], company: str, after: Place | None, asked: dict[str, Any]
) -> tuple[list[tuple[UUID, str]], Place | None]:
    """A page of the company's dossiers that a query finds: (dossier, member) each; and where it ends, if it does."""
    ended, ended_at = after or (-(2**31), UUID(int=0))
    given = {"company": company, "ended": ended, "ended_at": ended_at, **asked}
    rows = await driver.run(work.connection, query, given)
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return [(dossier, member) for dossier, member, _ in rows[:PAGE]], last and (last[2], last[0])


async def add_note(work: RegisterWork, dossier: UUID, subject: str, text: str) -> sa.Row[Any]:
    """Write it down."""
    row = {"id": uuid4(), "dossier": dossier, "at": work.now, "subject": subject, "text": text}
    written: sa.Row[Any] = (await work.connection.execute(sa.insert(_notes).values(row).returning(_notes))).one()
    return written


async def notes_of(work: RegisterWork, dossier: UUID) -> Sequence[sa.Row[Any]]:
    """Every note on a dossier, the oldest first."""
    query = sa.select(_notes).where(_notes.c.dossier == dossier).order_by(_notes.c.at, _notes.c.id)
    return (await work.connection.execute(query)).all()
