"""A unit of work reads its rows under lock, changes them in memory and writes each table once, and its events with them.

Whoever opens it (the HTTP edge or the consumer) commits it; state and outbox rows stand or fall together.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from aiokafka.errors import KafkaError
from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from asyncpg import InterfaceError
from prometheus_client import Counter
from pydantic_core import from_json, to_json
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cir_chassis import audit, driver, outbox, trace
from cir_chassis.bulk import among, given, rows
from cir_chassis.clock import Clock
from cir_chassis.login import Caller
from cir_chassis.outbox import Event

R = TypeVar("R")
W = TypeVar("W", bound="Work")


FOR_REQUESTS = {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s"}
OVERTAKEN = Counter("cir_overtaken_total", "Snapshots consumed that were not newer than the one on record", ["type"])


class Snapshot(Event, Protocol):
    """An event that carries one aspect of a dossier whole: the newer one counts."""

    @property
    def version(self) -> int: ...


class DatabaseBehind(Exception):
    """The database is not at a migration that this build serves on."""


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's state in an error of SQLAlchemy or of the driver; empty where there is none."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def is_outage(error: BaseException) -> bool:
    """Is the database, Kafka or the network to them unavailable, too busy or in a deadlock, rather than the statement wrong?"""
    cause, state = getattr(error, "orig", error), sqlstate(error)
    closed = isinstance(cause, InterfaceError) and "connection is closed" in str(cause)
    ended = state[:2] in {"08", "40", "53", "57"} or state == "25P03" or getattr(error, "connection_invalidated", False)
    # SQLAlchemy's TimeoutError: no connection was free.
    return closed or ended or isinstance(error, KafkaError | OSError | TimeoutError | sa.exc.TimeoutError)


class Rows(Generic[R]):
    """The rows of one table within one unit of work, as dataclasses whose fields are the columns.

    insert_only: a row that is there already stays as it is (`ON CONFLICT DO NOTHING`).
    newer: a row is only replaced by one in which this column is higher.
    """

    def __init__(self, table: sa.Table, of: type[R], *, insert_only: bool = False, newer: str | None = None) -> None:
        self.table, self._of, self._insert_only, self._newer = table, of, insert_only, newer
        self._names = tuple(field.name for field in fields(of))  # type: ignore[arg-type]
        self._key = [column.name for column in table.primary_key]
        self._rows: dict[tuple[object, ...], R] = {}
        self._changed: dict[tuple[object, ...], R] = {}

    def put(self, row: R) -> None:
        """Add a row, or put it in the place of the one with the same key."""
        key = tuple(getattr(row, name) for name in self._key)
        self._rows[key] = self._changed[key] = row

    def find(self, *key: object) -> R | None:
        """The row with this primary key among those loaded and put."""
        return self._rows.get(key)

    def get(self, *key: object) -> R:
        """The same; raises KeyError where there is none."""
        return self._rows[key]

    def all(self) -> Iterable[R]:
        """Every row loaded or put."""
        return self._rows.values()

    def changed(self) -> Iterable[R]:
        """Those put since the last flush."""
        return self._changed.values()

    async def load(self, connection: AsyncConnection, by: str, ids: Iterable[object], *, lock: bool = False) -> None:
        """Read the rows in which the column `by` is one of these. With `lock` they stay ours until the commit."""
        for found in await driver.run(connection, _reading(self.table, self._names, by, lock), {"ids": list(ids)}):
            row = self._of(*found)
            self._rows[tuple(getattr(row, name) for name in self._key)] = row

    async def flush(self, connection: AsyncConnection) -> bool:
        """Write what was put: one statement, one row a key. Returns whether there was anything."""
        if not self._changed:
            return False
        put = {name: [getattr(row, name) for row in self._changed.values()] for name in self._names}
        await driver.run(connection, _writing(self.table, self._names, self._insert_only, self._newer), rows(put))
        self._changed.clear()
        return True


@cache
def _reading(table: sa.Table, names: Sequence[str], by: str, lock: bool) -> sa.Select[Any]:
    """Always in key order: else two batches that lock the same rows deadlock."""
    query = sa.select(*(table.c[name] for name in names)).where(among(table.c[by])).order_by(*table.primary_key)
    return query.with_for_update() if lock else query


@cache
def _writing(table: sa.Table, names: Sequence[str], insert_only: bool, newer: str | None) -> sa.Insert:
    key, these = list(table.primary_key.columns.keys()), given([table.c[name] for name in names])
    statement = insert(table).from_select(names, sa.select(*(these.c[name] for name in names)))
    if insert_only:
        return statement.on_conflict_do_nothing(index_elements=key)
    others = {name: statement.excluded[name] for name in names if name not in key}
    newer_only = table.c[newer] < statement.excluded[newer] if newer else None
    return statement.on_conflict_do_update(index_elements=key, set_=others, where=newer_only)


class Work:
    """One transaction. A service's own work subclasses it: its tables as `Rows`, and how they are loaded."""

    versioned: ClassVar[Sequence[sa.Column[Any]]] = ()
    """The columns that keep the version of another service's snapshot, in tables whose key is the dossier."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self.connection, self.clock = connection, clock
        self.overtaken: list[Event] = []
        self.wrote = self.published = False
        self._published: list[tuple[Event, str | None]] = []
        self._audited: dict[audit.Audited, None] = {}

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        """Every table that is flushed, in order."""
        return ()

    async def load(self, dossiers: Iterable[UUID]) -> None:
        """Lock what these dossiers have here, in one order, and read it."""

    async def load_others(self, keys: Collection[str]) -> None:
        """Read what is kept under these keys, which are no dossier's."""

    def publish(self, event: Event, because_of: Event | None = None) -> None:
        """Put an event in the outbox: sent if and only if this work commits. `because_of`: its trace goes on in this one."""
        self._published.append((event, because_of.trace if because_of else trace.traceparent()))

    def audit(self, caller: Caller, relation: str, *dossiers: UUID | None, detail: str | None = None) -> None:
        """Put on record that the caller reads or changes personal data of these dossiers, in this relation to them. None: of a
        list that names no dossier, or too many; detail: the action, or what the list is of."""
        who = (caller.subject, caller.role, caller.works_for, relation, caller.call, detail)
        self._audited |= dict.fromkeys(audit.Audited(dossier, *who) for dossier in dossiers)

    def forget_audited(self, dossier: UUID) -> None:
        """Put nothing on record of a dossier that this work erases, or shows nothing of."""
        self._audited = {one: None for one in self._audited if one.dossier != dossier}

    def is_newer(self, event: Snapshot, known: int | None) -> bool:
        """Whether this snapshot is newer than the one on record. If not it is counted and to be skipped: it was overtaken,
        replayed or repeated, and is harmless."""
        if known is None or event.version > known:
            return True
        OVERTAKEN.labels(event.type).inc()
        self.overtaken.append(event)
        return False

    async def reset_versions(self, dossier: UUID) -> int:
        """Accept the next snapshots of a dossier, whatever is on record. Returns how many versions were reset."""
        reset = 0
        for column in self.versioned:
            [key] = column.table.primary_key
            to_none = sa.update(column.table).where(key == dossier).values({column: 0})
            reset += (await self.connection.execute(to_none)).rowcount
        return reset

    def next_version(self, last: int) -> int:
        """A snapshot's version: above the last one, and above anything a lost database may have given out."""
        return max(last + 1, int(self.clock.now().timestamp() * 1_000_000))

    async def flush(self) -> None:
        """Write every table, then the events and the audit."""
        for table in self.rows:
            self.wrote |= await table.flush(self.connection)
        self.published |= bool(self._published)
        self.wrote |= self.published
        await outbox.add(self.connection, self._published)
        self._published.clear()
        await audit.add(self.connection, self._audited)
        self._audited.clear()


class Database(Generic[W]):
    """One service's database, and the works done in it."""

    def __init__(self, url: str, work: Callable[[AsyncConnection], W], *, requests: bool = False) -> None:
        """work: makes a unit of work on a connection. requests: its works are those of requests, which fail soon."""
        self.engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            isolation_level="AUTOCOMMIT",  # `driver.transaction` begins, not SQLAlchemy
            json_serializer=lambda held: to_json(held).decode(),  # several times as fast as the standard library's
            json_deserializer=from_json,
            pool_size=10,
            max_overflow=0,
            pool_timeout=1 if requests else 30,
            hide_parameters=True,  # a statement that fails must not print its values
            connect_args={"timeout": 5, "server_settings": FOR_REQUESTS if requests else {}},
        )
        sa.event.listen(self.engine.sync_engine, "checkout", _renew_if_ended)
        self._aside = create_async_engine(self.engine.url, poolclass=sa.NullPool, connect_args={"timeout": 5})
        self._work = work
        self.on_commit: list[Callable[[], None]] = []
        """Called after each commit of rows or events by this process, to wake jobs."""
        self.on_publish: list[Callable[[], None]] = []
        """Called after each commit of events, to wake the relay."""

    @asynccontextmanager
    async def work(self) -> AsyncIterator[W]:
        """A unit of work; flushed and committed at the end, rolled back on any error."""
        async with driver.transaction(self.engine) as connection:
            work = self._work(connection)
            yield work
            await work.flush()
        for wake in (*(self.on_publish if work.published else ()), *(self.on_commit if work.wrote else ())):
            wake()

    async def probe(self) -> None:
        """Raises if the database does not answer. Asks by a connection of its own: a full pool is no outage."""
        async with self._aside.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))


def _renew_if_ended(connection: Any, *_: object) -> None:
    """A connection that the database ended is seen without asking it, which would take three more round trips a work."""
    if connection.driver_connection.is_closed():
        raise sa.exc.InvalidatePoolError("the database ended its connections")


def alembic_config(url: str, migrations: Path) -> Config:
    """Alembic's configuration: where the migrations are, and the database."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option(
        "sqlalchemy.url", url.replace("postgresql://", "postgresql+asyncpg://", 1).replace("%", "%%")
    )
    return config


def migrate(url: str, migrations: Path) -> None:
    """Bring the database to the newest migration. One that is ahead of this build, which serves on it, stays ahead.

    Raises `DatabaseBehind` where it is ahead and this build does not serve on it.
    """
    command.upgrade(alembic_config(url, migrations), "head")


async def check_migrated(database: Database[Any], url: str, migrations: Path) -> None:
    """Raises `DatabaseBehind` where this build does not serve on the database as it was migrated."""
    script = ScriptDirectory.from_config(alembic_config(url, migrations))
    async with database.engine.connect() as connection:
        now, serving = await connection.run_sync(_served_by)
    if script.get_current_head() not in serving:
        _refuse_newer(script, now)
        raise DatabaseBehind(f"{_position(script, now)}: run `migrate` first")


def _position(script: ScriptDirectory, now: str | None) -> str:
    return f"the database stands at migration {now}, this build at {script.get_current_head()}"


def _refuse_newer(script: ScriptDirectory, now: str | None) -> None:
    if now not in {None, *(one.revision for one in script.walk_revisions())}:
        raise DatabaseBehind(f"{_position(script, now)}: a later migration is not for this build, take a newer one")


def _served_by(connection: sa.Connection) -> tuple[str | None, Sequence[str | None]]:
    """Where the database stands, and the newest migrations of the builds that serve on it."""
    now = MigrationContext.configure(connection).get_current_revision()
    noted = connection.scalar(sa.text("SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"))
    serving = (noted or "").removeprefix(_SERVED_BY).split()
    return now, serving if now in serving[:1] else [now]


_SERVED_BY = "served by builds at "


def _note_serving_builds(ctx: MigrationContext, step: object, heads: Collection[str], run_args: object) -> None:
    """Beside the migration stands, as a comment on its table, which builds serve on it: a migration only adds, so those
    before it still do, unless it says `contracts = True`. An older build cannot know; the database tells it."""
    serving = []
    for one in context.script.iterate_revisions(tuple(heads), "base"):
        serving.append(one.revision)
        if getattr(one.module, "contracts", False):
            break
    noted = sa.Table("alembic_version", sa.MetaData(), comment=_SERVED_BY + " ".join(serving))
    ctx.connection.execute(sa.schema.SetTableComment(noted))  # type: ignore[union-attr]


def run_migrations(metadata: sa.MetaData) -> None:
    """What every service's `migrations/env.py` does: run the migrations that alembic asks for, on the database it names."""

    def run(connection: sa.Connection) -> None:
        with connection.begin():  # one of its own: each migration is another
            now, serving = _served_by(connection)
        if context.script.get_current_head() in serving[1:]:
            return  # ahead
        _refuse_newer(context.script, now)
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            on_version_apply=_note_serving_builds,
        )
        with context.begin_transaction():
            context.run_migrations()

    async def connect() -> None:
        url = context.config.get_main_option("sqlalchemy.url") or ""
        engine = create_async_engine(url, poolclass=sa.NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()

    asyncio.run(connect())
