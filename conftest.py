"""What every test may use, each the real one, started once: PostgreSQL and fresh databases in it, Kafka, the login."""

import asyncio
import importlib
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest

from cir_chassis import logs
from cir_chassis.database import migrate
from deploy.embedded import CACHE
from deploy.embedded import kafka as embedded_kafka
from deploy.embedded.ports import answers
from deploy.embedded.postgres import create_databases, part
from deploy.embedded.supervisor import Child, Part

logs.configure("tests", "warning")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="in full what is otherwise only sampled")
    parser.addoption("--update", action="store_true", help="write tests/security/who_may.txt anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """The port of a PostgreSQL of our own."""
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    child = Child(part(folder / "cluster", port), folder, lambda line: None, lambda: None)
    await child.start()
    yield port
    await child.stop()


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a Kafka of our own."""
    folder, port = tmp_path_factory.mktemp("kafka"), free_port()
    jars = await asyncio.to_thread(embedded_kafka.fetch, CACHE / "kafka")
    child = Child(embedded_kafka.part(folder, jars, port, free_port()), folder, lambda line: None, lambda: None)
    await child.start()
    yield f"127.0.0.1:{port}"
    await child.stop()


@pytest.fixture(scope="session")
async def login(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The base address of an OpenID Connect provider of our own (tokens: `deploy.token.token`)."""
    folder, port = tmp_path_factory.mktemp("login"), free_port()
    command = [sys.executable, "-m", "deploy.embedded.login", str(folder / "keys"), str(port)]
    child = Child(Part("login", command, lambda: answers(port)), folder, lambda line: None, lambda: None)
    await child.start()
    yield f"http://127.0.0.1:{port}"
    await child.stop()


@pytest.fixture(scope="session")
def database_of(postgres: int) -> Callable[[str], Awaitable[str]]:
    """service → address of a fresh database, as its migrations make it (once: then it is the template)."""
    server, migrated = f"postgresql://postgres@127.0.0.1:{postgres}", set[str]()

    async def fresh(service: str) -> str:
        if service not in migrated:
            await create_databases(postgres, (service,))
            migrations = importlib.import_module(f"{service}.app").MIGRATIONS
            await asyncio.to_thread(migrate, f"{server}/{service}", migrations)
            migrated.add(service)
        name = f"{service}_{uuid4().hex[:8]}"
        connection = await asyncpg.connect(f"{server}/postgres")
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{service}"')
        await connection.close()
        return f"{server}/{name}"

    return fresh
