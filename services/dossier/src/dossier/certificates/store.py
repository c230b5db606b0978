"""Every query of certificates."""

from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from dossier.register.store import RegisterWork
from dossier.tables import certificates as _table
from dossier.tables import dossiers


async def code_of(work: RegisterWork, dossier: UUID, registered_on: date, new: str) -> str:
    """The code of the dossier's registration on that day: the one that it has, or this new one."""
    values = {"code": new, "dossier": dossier, "registered_on": registered_on}
    await work.connection.execute(insert(_table).values(values).on_conflict_do_nothing())
    one = (_table.c.dossier == dossier) & (_table.c.registered_on == registered_on)
    return str(await work.connection.scalar(sa.select(_table.c.code).where(one)))


async def find(work: RegisterWork, code: str) -> tuple[UUID, date] | None:
    """The dossier that this code was given for, where that is registered now, and since when it was then."""
    of_it = _table.join(dossiers, dossiers.c.id == _table.c.dossier)
    query = sa.select(_table.c.dossier, _table.c.registered_on).select_from(of_it)
    found = (
        await work.connection.execute(query.where(_table.c.code == code, dossiers.c.status == "registered"))
    ).first()
    return (found.dossier, found.registered_on) if found else None
