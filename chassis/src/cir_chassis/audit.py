"""Each reading and change of personal data is a row, in the same transaction; a trigger refuses to change or delete one.

A call that is refused shows and changes nothing, and its row goes with its transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver
from cir_chassis.bulk import given, rows

AUDIT = sa.Table(
    "audit",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("dossier", sa.Uuid, comment="null: a list that names none, or too many"),
    sa.Column("subject", sa.Text, nullable=False, comment="who, as his login names him"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("works_for", sa.Text, comment="the company or organisation"),
    sa.Column("relation", sa.Text, nullable=False, comment="to the dossier: the ground"),
    sa.Column("call", sa.Text, nullable=False, comment="method and path, without what the path names"),
    sa.Column("detail", sa.Text, comment="the action, or what the list was of"),
)
sa.Index("audit_of_dossier", AUDIT.c.dossier, AUDIT.c.id)
audit_table = AUDIT.to_metadata
"""metadata → the audit among a service's tables, so that the service's migrations make it."""


@dataclass(frozen=True)
class Audited:
    """One reading or change, as its row (see AUDIT)."""

    dossier: UUID | None
    subject: str
    role: str
    works_for: str | None
    relation: str
    call: str
    detail: str | None


_NAMES = tuple(field.name for field in fields(Audited))
_these = given([AUDIT.c[name] for name in _NAMES])
_ADD = AUDIT.insert().from_select(_NAMES, sa.select(*(_these.c[name] for name in _NAMES)).order_by(_these.c.place))


async def add(connection: AsyncConnection, audited: Collection[Audited]) -> None:
    """Write these, in one statement."""
    if audited:
        columns = {name: [getattr(one, name) for one in audited] for name in _NAMES}
        await driver.run(connection, _ADD, rows(columns))


async def entries_of(
    connection: AsyncConnection, dossier: UUID, before: int | None, most: int
) -> Sequence[sa.Row[Any]]:
    """The rows of a dossier, the newest first; before: the id of the last one that was read."""
    query = sa.select(AUDIT).where(AUDIT.c.dossier == dossier).order_by(AUDIT.c.id.desc()).limit(most)
    query = query.where(AUDIT.c.id < before) if before is not None else query
    return (await connection.execute(query)).all()
