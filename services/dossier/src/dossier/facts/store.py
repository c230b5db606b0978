"""The questions to the sources, as rows: what is due, and what was answered about a person."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from dossier import tables
from dossier.facts.compose import Layers, state
from dossier.facts.origins import sources_about
from dossier.register.store import RegisterWork
from dossier.tables import Dossier, Question

_table = tables.questions
_COLUMNS = [_table.c[field.name] for field in fields(Question)]


async def take_due(work: RegisterWork, limit: int, lease: timedelta) -> list[Question]:
    """Questions that are due; they are due again after the lease, should nobody answer them until then."""
    taken = _take(work, _table.c.due_at, limit, lease, _table.c.answered_at.is_(None))
    found = await work.connection.execute(taken.values(tries=_table.c.tries + 1).returning(*_COLUMNS))
    return [Question(*row) for row in found]


async def take_late(work: RegisterWork, limit: int, lease: timedelta) -> list[UUID]:
    """Dossiers for which no answer is awaited any more, though one is missing; those that do not go on until then are late again
    after the lease."""
    row = tables.dossiers.c
    return list(await work.connection.scalars(_take(work, row.sources_until, limit, lease).returning(row.id)))


def _take(
    work: RegisterWork, due: sa.Column[Any], limit: int, lease: timedelta, *open_: sa.ColumnElement[bool]
) -> sa.Update:
    """What is due is taken by one process alone, until the lease ends."""
    table = due.table
    rows = sa.select(table.c.id).where(due <= work.now, *open_).order_by(due).limit(limit)
    these = rows.with_for_update(skip_locked=True).scalar_subquery()
    return sa.update(table).where(table.c.id.in_(these)).values({due: work.now + lease})


async def change(work: RegisterWork, question: Question, **values: Any) -> None:
    """Keep what a source answered, or when it is asked again. An answer that was overtaken by another of the same question
    changes nothing."""
    this = (_table.c.id == question.id) & _table.c.answered_at.is_(None)
    await work.connection.execute(sa.update(_table).where(this).values(values))


async def asked_of(work: RegisterWork, dossier: UUID, person: str) -> list[Question]:
    """Every question about a person, the oldest first."""
    query = sa.select(*_COLUMNS).where(_table.c.dossier == dossier, _table.c.person == person)
    return [Question(*row) for row in await work.connection.execute(query.order_by(_table.c.asked_at))]


async def ask_again(work: RegisterWork, rows: Iterable[Dossier]) -> int:
    """Ask once more about everybody whom these dossiers asked about; not where a question is open. Returns how many."""
    new = [
        asdict(Question(uuid4(), row.id, person, source, "asked again", work.now, work.now))
        for row in rows
        for person, about in row.asked_about.items()
        for source in sorted(sources_about(about["part"]))
    ]
    if not new:
        return 0
    added = await work.connection.execute(insert(_table).on_conflict_do_nothing().returning(_table.c.id), new)
    return len(added.all())


async def layers_at(work: RegisterWork, dossier: UUID, version: int) -> Layers:
    """The layers as they were at a version of the facts."""
    table = tables.statements
    columns = (table.c.person, table.c.key, table.c.layer, table.c.value, table.c.by, table.c.at, table.c.facts_version)
    query = (
        sa.select(*columns).where(table.c.dossier == dossier, table.c.facts_version <= version).order_by(table.c.place)
    )
    layers = Layers()
    for person, key, layer, value, by, at, since in await work.connection.execute(query):
        stamp = {"by": by, "at": at.isoformat(), "since": since}
        layers = state(layers, person, layer, {key: value}, stamp)
    return layers
