"""What every test may use, each the real one, started once: PostgreSQL and fresh databases in it, Kafka, the login."""

import asyncio
import importlib
import json
import logging
import socket
import sys
from base64 import b64encode, urlsafe_b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from time import time
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from cir_chassis import logs
from cir_chassis.database import migrate
from cir_chassis.session import LIFE, Seal
from deploy.embedded import CACHE
from deploy.embedded import kafka as embedded_kafka
from deploy.embedded.ports import answers
from deploy.embedded.postgres import create_databases, part
from deploy.embedded.supervisor import Child, Part

logs.configure("tests", "warning")

FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
"""What is tested on it outlives no power cut."""
REVISION = "SELECT version_num FROM alembic_version"
TABLES = """SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"""


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


def session(token: str, key: SecretStr, life: float = LIFE) -> str:
    """The sealed session of who logged in with a token. life: of the login, in seconds from now."""
    subject = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))["sub"]
    held = json.dumps({"token": token, "subject": subject, "until": time() + life})
    return Seal(key, "session", LIFE).sign(b64encode(held.encode())).decode()


def counted(name: str, **labels: str) -> float:
    """A figure of this process, as its metrics tell it; nil where there is none yet."""
    return REGISTRY.get_sample_value(name, labels) or 0


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    """A command that a test runs in this process logs as the command does: no later test may lose its log by it."""
    level = logging.root.level
    yield
    if logging.root.level != level:
        logs.configure("tests", "warning")


Cookie = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def cookie() -> Cookie:
    """(token, session key, life) → the cookie of a browser in which somebody with that token logged in."""

    return lambda *of: {"cir": session(*of)}


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """The port of a PostgreSQL of our own."""
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    child = Child(part(folder / "cluster", port, *FORGETFUL), folder, lambda line: None, lambda: None)
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


class Databases:
    """Each service's databases: made by its migrations once, copied, and given out again once emptied."""

    def __init__(self, port: int) -> None:
        self._port, self._server = port, f"postgresql://postgres@127.0.0.1:{port}"
        self._migrated: dict[str, str] = {}
        self._empty: dict[str, list[str]] = {}

    async def take(self, service: str) -> str:
        """The address of an empty one."""
        if service not in self._migrated:
            await create_databases(self._port, (service,))
            migrations = importlib.import_module(f"{service}.app").MIGRATIONS
            await asyncio.to_thread(migrate, f"{self._server}/{service}", migrations)
            async with self._connected(f"{self._server}/{service}") as template:
                self._migrated[service] = await template.fetchval(REVISION)
        if empty := self._empty.get(service):
            return empty.pop()
        name = f"{service}_{uuid4().hex[:8]}"
        async with self._connected(f"{self._server}/postgres") as connection:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{service}"')
        return f"{self._server}/{name}"

    async def give_back(self, service: str, url: str) -> None:
        """Empty it for another test; one that a test migrated, or still holds, is left alone."""
        async with self._connected(url) as connection:
            if await connection.fetchval(REVISION) != self._migrated[service]:
                return
            tables = ", ".join(row["name"] for row in await connection.fetch(TABLES))
            try:
                await connection.execute(f"SET lock_timeout = '1s'; TRUNCATE {tables} RESTART IDENTITY CASCADE")
            except asyncpg.LockNotAvailableError:
                return
        self._empty.setdefault(service, []).append(url)

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(url)
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def databases(postgres: int) -> Databases:
    return Databases(postgres)


@pytest.fixture
async def database_of(databases: Databases) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """service → address of an empty database, as its migrations make it; the test's own until its end."""
    taken: list[tuple[str, str]] = []

    async def empty(service: str) -> str:
        taken.append((service, await databases.take(service)))
        return taken[-1][1]

    yield empty
    for service, url in taken:
        await databases.give_back(service, url)
