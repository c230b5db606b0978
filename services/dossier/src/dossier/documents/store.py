"""Every query of documents."""

from collections.abc import Collection
from dataclasses import asdict, fields
from uuid import UUID

import sqlalchemy as sa

from dossier.register.store import RegisterWork
from dossier.tables import Document
from dossier.tables import documents as _table

_COLUMNS = [_table.c[field.name] for field in fields(Document)]


async def add(work: RegisterWork, document: Document) -> None:
    """Put it on record."""
    await work.connection.execute(sa.insert(_table).values(asdict(document)))


async def decide(work: RegisterWork, document: UUID, state: str, act: UUID | None = None) -> None:
    """What became of it. act: the one that judged it."""
    values = {"state": state, "decided": act}
    await work.connection.execute(sa.update(_table).where(_table.c.id == document).values(values))


async def of_dossier(work: RegisterWork, dossier: UUID) -> list[Document]:
    """All of a dossier, the oldest first."""
    query = sa.select(*_COLUMNS).where(_table.c.dossier == dossier).order_by(_table.c.at, _table.c.id)
    return [Document(**row) for row in (await work.connection.execute(query)).mappings()]


async def on_record(work: RegisterWork, documents: Collection[UUID]) -> set[UUID]:
    """Those of them that have a row."""
    return set(await work.connection.scalars(sa.select(_table.c.id).where(_table.c.id.in_(documents))))
