"""The few statements that every event and every request run are compiled once, and run on the driver itself.

SQLAlchemy's way to it costs the processor more than the rest of such a statement. Statements, tables and
types stay written in SQLAlchemy; it also runs the less frequent statements, on the same connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from asyncpg import InternalClientError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cir_chassis.clock import hourly

Process = Callable[[Any], Any] | None


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction, whoever runs a statement in it: begun at once, as the driver's own. SQLAlchemy would begin with its first
    statement, and so after ours: the engine is one that begins none (AUTOCOMMIT)."""
    async with engine.connect() as connection:
        driver = _driver(connection)
        mine = driver.transaction()
        try:
            await mine.start()
            try:
                yield connection
            except Exception:
                if not driver.is_closed():
                    await mine.rollback()
                raise
            await mine.commit()
        except Exception as error:
            if _is_lost(driver, error):
                await connection.invalidate()
                raise ConnectionResetError("the database ended the connection") from error
            raise
        except BaseException:  # cancelled: the network may be cut off, and keep a rollback waiting
            await connection.invalidate()
            raise


async def forget(engine: AsyncEngine, old: sa.Delete, stopping: asyncio.Event) -> None:
    """Delete the rows that are past their retention, every hour until `stopping`."""

    async def delete() -> None:
        async with transaction(engine) as connection:
            await connection.execute(old)

    await hourly(str(old), delete, stopping)


def _is_lost(driver: Any, error: Exception) -> bool:
    """A connection that the database ended shows in many ways; to one that has not closed yet the driver says that another
    operation is in progress (tried)."""
    cause = getattr(error, "orig", error)
    return driver.is_closed() or isinstance(getattr(cause, "__cause__", None) or cause, InternalClientError)


async def run(connection: AsyncConnection, statement: sa.Executable, given: Mapping[str, Any]) -> list[Any]:
    """Run a statement that is built once, in a `transaction`. Returns its rows. Raises asyncpg's errors.

    given: the parameters by name, as for SQLAlchemy; an `IN` of many is none, see `bulk.among`.
    """
    driver = _driver(connection)
    assert driver.is_in_transaction()
    text, binds, reads = _compiled(statement, connection.dialect)
    values = (write(given.get(name, else_)) if write else given.get(name, else_) for name, else_, write in binds)
    found: list[Any] = await driver.fetch(text, *values)
    if not reads:
        return found
    return [tuple(read(v) if read else v for read, v in zip(reads, row, strict=True)) for row in found]


def _driver(connection: AsyncConnection) -> Any:
    assert connection.sync_connection
    return connection.sync_connection.connection.driver_connection


@cache
def _compiled(statement: Any, dialect: sa.Dialect) -> tuple[str, list[tuple[str, Any, Process]], list[Process]]:
    """Its text; of each parameter the name, the default and how it is written; of each column in its result how it is read,
    or nothing where all are read as they are."""
    compiled = statement.compile(dialect=dialect)
    writes = [
        (name, compiled.params[name], compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
        for name in compiled.positiontup
    ]
    reads = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in statement.exported_columns]
    return str(compiled), writes, reads if any(reads) else []
