"""A small service of its own, on real PostgreSQL and real Kafka: it counts, and knows no word of housing either."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cir_chassis.clock import Clock
from cir_chassis.database import Database, Rows, Work
from cir_chassis.idempotency import idempotency_table
from cir_chassis.outbox import outbox_table

metadata = sa.MetaData()
outbox_table(metadata)
idempotency_table(metadata)
counts = sa.Table(
    "counts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("notes", sa.JSON(none_as_null=True)),
    sa.CheckConstraint("version < 1000", name="not_too_many"),
)


@dataclass(frozen=True)
class Count:
    id: UUID
    version: int
    notes: Any = None


class CountWork(Work):
    versioned = (counts.c.version,)

    def __init__(self, connection: AsyncConnection, clock: Clock, mode: dict[str, Any]) -> None:
        super().__init__(connection, clock)
        self.counts = Rows(counts, Count, **mode)

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.counts,)

    async def load(self, subjects: Iterable[UUID]) -> None:
        await self.counts.load(self.connection, "id", subjects, lock=True)


@dataclass(frozen=True)
class Counted:
    """An event, as chassis sees one."""

    topic: ClassVar[str] = "counted.v1"
    type: ClassVar[str] = "counted.v1.Counted"
    keyed_by: ClassVar[str] = "dossier"

    dossier: UUID
    text: str = "1"
    id: UUID = field(default_factory=uuid4)
    trace: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def key(self) -> str:
        return str(self.dossier)

    def value(self) -> bytes:
        return self.text.encode()

    def headers(self) -> dict[str, str]:
        return {
            "ce_type": self.type,
            "ce_source": "/test",
            "ce_id": str(self.id),
            "ce_time": self.at.isoformat(),
        }

    @classmethod
    def read(cls, headers: dict[str, str], key: bytes | None, value: bytes | None) -> Self:
        if not value or not value.isdigit():
            raise ValueError("the value is no number")
        said = {"at": datetime.fromisoformat(headers["ce_time"])} if "ce_time" in headers else {}
        trace = headers.get("traceparent")
        return cls(UUID((key or b"").decode()), value.decode(), UUID(headers["ce_id"]), trace=trace, **said)


Open = Callable[..., Database[CountWork]]


@pytest.fixture
async def open_database(postgres: int) -> AsyncIterator[Open]:
    """Open a fresh database with the small service's tables; `of`: its kind of work, `mode`: of its `Rows`."""
    name = f"chassis_{uuid4().hex[:8]}"
    server = f"postgresql://postgres@127.0.0.1:{postgres}"
    connection = await asyncpg.connect(f"{server}/postgres")
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    engine = create_async_engine(f"{server}/{name}".replace("postgresql", "postgresql+asyncpg"))
    async with engine.begin() as made:
        await made.run_sync(metadata.create_all)
    await engine.dispose()
    opened: list[Database[CountWork]] = []

    def open_(of: type[CountWork] = CountWork, **mode: Any) -> Database[CountWork]:
        opened.append(Database(f"{server}/{name}", lambda connection: of(connection, Clock(), mode)))
        return opened[-1]

    yield open_
    for database in opened:
        await database.engine.dispose()


@asynccontextmanager
async def stored(database: Database[CountWork]) -> AsyncIterator[dict[UUID, int]]:
    """What stands in the table now: id → version."""
    async with database.engine.connect() as connection:
        yield {row.id: row.version for row in await connection.execute(counts.select())}
