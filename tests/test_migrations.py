"""The migrations of each service add up to its tables, and can be taken back."""

import asyncio
import importlib
import os
import re
import sys
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from cir_chassis.database import alembic_config
from deploy.embedded.postgres import create_databases


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


async def test_a_service_does_not_serve_on_a_database_that_is_behind(postgres: int) -> None:
    name = f"behind_{uuid4().hex[:8]}"
    await create_databases(postgres, (name,))
    settings = {
        "CIR_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{postgres}/{name}",
        "CIR_KAFKA": "127.0.0.1:1", "CIR_PORT": "14999", "CIR_ISSUER": "http://127.0.0.1:1", "CIR_AUDIENCE": "cir",
        "CIR_PERSON_KEY": "k" * 32,
    }  # fmt: skip
    serve = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "priority", "serve", env=os.environ | settings, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(serve.communicate(), 60)
    assert serve.returncode == 1
    assert re.search(rb"the database stands at migration None, this build at \d{4}: run `migrate` first", said)
    assert b"Exception" not in said  # an operator reads that line, and no traceback
