"""Every query of priority."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis.clock import Clock
from cir_chassis.database import Rows, Work
from priority import tables
from priority.domain.order import ON_THE_LIST


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


class PriorityWork(Work):
    """One transaction on the waiting list."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        super().__init__(connection, clock, "/priority")
        self.candidacies = Rows(tables.candidacies, Candidacy, newer="version")

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.candidacies,)

    async def load(self, subjects: Iterable[UUID]) -> None:
        await self.candidacies.load(self.connection, "dossier", subjects, lock=True)

    async def companies_of(self, municipality: str) -> set[str]:
        """The companies that let homes in a municipality, as the newest candidacies for it say."""
        wanted = sa.func.jsonb_array_elements(tables.candidacies.c.wants).table_valued(sa.column("value", sa.JSON))
        query = (
            sa.select(wanted.c.value["company"].as_string())
            .select_from(tables.candidacies)
            .join(wanted, sa.true())  # each row with its own wants
            .where(_wants(municipality), wanted.c.value["municipality"].as_string() == municipality)
        )
        return set(await self.connection.scalars(query.distinct()))

    async def waiting_list(self, municipality: str) -> list[str]:
        """The dossier numbers of who is registered and wants to live there, the first one first."""
        table = tables.candidacies.c
        query = (
            sa.select(table.number)
            .where(table.status == ON_THE_LIST, _wants(municipality))
            .order_by(table.registered_on, table.number_day, table.number_nth)
        )
        return list(await self.connection.scalars(query))


def _wants(municipality: str) -> sa.ColumnElement[bool]:
    return tables.candidacies.c.wants.contains([{"municipality": municipality}])
