"""Every query of the register. A unit of work locks its dossiers, so acts on one dossier come one after the other."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver
from cir_chassis.clock import Clock
from cir_chassis.database import Rows, Work
from cir_schemas.types import DossierRef
from dossier import tables


@dataclass(frozen=True)
class Dossier:
    """One dossier, as its row (see tables.dossiers)."""

    id: UUID
    municipality: str
    company: str
    language: str
    email: str | None
    help: dict[str, Any] | None
    wants: list[str]
    residence: list[dict[str, Any]]
    informal_care_in: list[str]
    household: list[dict[str, Any]]
    started_at: datetime
    facts_version: int = 1
    version: int = 0
    number: str | None = None
    submitted_on: date | None = None
    must_confirm: list[str] = field(default_factory=list)
    test: dict[str, Any] | None = None
    heard_version: int = 0
    assessment: dict[str, Any] | None = None
    assessed_version: int | None = None
    assessed_test: str | None = None
    counted: str | None = None
    closing: str | None = None
    status: str = "draft"
    asked: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Member:
    """Who a member is, and whether he confirmed; his facts stand in the household."""

    dossier: UUID
    member: str
    role: str
    number: str | None = None
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None


_ONE_MORE = (
    insert(tables.day_numbers)
    .values(day=sa.bindparam("day"), last=1)
    .on_conflict_do_update(index_elements=["day"], set_={"last": tables.day_numbers.c.last + 1})
    .returning(tables.day_numbers.c.last)
)


class RegisterWork(Work):
    """One transaction on the register."""

    versioned = (tables.dossiers.c.heard_version,)

    def __init__(
        self, connection: AsyncConnection, clock: Clock, companies: Mapping[str, str], person_key: SecretStr
    ) -> None:
        """companies: municipality → the company that treats it. person_key: of the pseudonyms."""
        super().__init__(connection, clock)
        self.companies, self.person_key = companies, person_key
        self.dossiers = Rows(tables.dossiers, Dossier)
        self.members = Rows(tables.members, Member)

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.dossiers, self.members)

    async def load(self, subjects: Iterable[UUID]) -> None:
        ids = list(subjects)
        await self.dossiers.load(self.connection, "id", ids, lock=True)
        await self.members.load(self.connection, "dossier", ids)

    async def find(self, dossier: DossierRef) -> Dossier | None:
        """A dossier and its members, locked, by its id or its number."""
        by_number = sa.select(tables.dossiers.c.id).where(tables.dossiers.c.number == dossier)
        id_ = dossier if isinstance(dossier, UUID) else await self.connection.scalar(by_number)
        await self.load([id_] if id_ else [])
        return self.dossiers.find(id_)

    def members_of(self, dossier: UUID) -> list[Member]:
        """Everybody on record in the dossier."""
        return [member for member in self.members.all() if member.dossier == dossier]

    async def next_after(self, dossier: UUID, limit: int = 500) -> list[UUID]:
        """The dossiers that follow, by id."""
        id_ = tables.dossiers.c.id
        return list(await self.connection.scalars(sa.select(id_).where(id_ > dossier).order_by(id_).limit(limit)))

    async def draw_number(self, day: date) -> int:
        """How many applications the day has now. The day's row stays locked until the commit: numbers have no gaps."""
        ((nth,),) = await driver.run(self.connection, _ONE_MORE, {"day": day})
        return int(nth)

    async def claim_candidates(self, dossier: UUID, numbers: Collection[str]) -> set[str]:
        """Make these numbers, and no others, the candidates of the dossier. Returns those that another dossier has."""
        await self.flush()
        table = tables.candidates
        mine = table.c.dossier == dossier
        await self._lock({*numbers, *await self.connection.scalars(sa.select(table.c.number).where(mine))})
        await self.connection.execute(sa.delete(table).where(mine, table.c.number.not_in(numbers)))
        if numbers:
            rows = [{"number": number, "dossier": dossier} for number in sorted(numbers)]
            await self.connection.execute(insert(table).values(rows).on_conflict_do_nothing())
        claimed = sa.select(table.c.number).where(table.c.number.in_(numbers), mine)
        return set(numbers) - set(await self.connection.scalars(claimed))

    async def _lock(self, numbers: Iterable[str]) -> None:
        """Keep these numbers from every other dossier until the commit. One order for all, so that two never deadlock."""
        in_order = sa.func.unnest(sa.cast(sorted(map(int, numbers)), ARRAY(sa.BigInteger))).column_valued("number")
        await self.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(in_order)))
