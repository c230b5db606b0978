"""The migrations of each service add up to its tables, and can be taken back."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from cir_chassis.database import alembic_config


@pytest.mark.parametrize("service", ["dossier", "eligibility", "priority", "notifications"])
async def test_migrations_add_up_to_the_tables(service: str, database_of: Callable[[str], Awaitable[str]]) -> None:
    url = await database_of(service)
    metadata = importlib.import_module(f"{service}.tables").metadata
    engine = create_async_engine(url.replace("postgresql", "postgresql+asyncpg", 1))
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    await engine.dispose()
    assert found == []
    config = alembic_config(url, importlib.import_module(f"{service}.app").MIGRATIONS)
    await asyncio.to_thread(command.downgrade, config, "base")
    await asyncio.to_thread(command.upgrade, config, "head")
