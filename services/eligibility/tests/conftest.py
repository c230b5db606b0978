"""Eligibility as a process has it, on real PostgreSQL; only Kafka is left out. The service's own rules, compiled once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from cir_chassis.service import Service
from cir_schemas.envelope import Event
from deploy.token import AUDIENCE
from eligibility import tables
from eligibility.app import EligibilitySettings, make
from eligibility.domain.decide import Engine
from eligibility.handlers import EVENTS
from eligibility.rulefiles import RULES, load
from eligibility.store import EligibilityWork


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(load(RULES))


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the rule files, to spoil."""
    copy = tmp_path / "rules"
    for path in RULES.rglob("*.yaml"):
        to = copy / path.relative_to(RULES)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
    return copy


class Eligibility:
    """What a test does with the service: let it hear, look at its tables, ask it."""

    def __init__(self, service: Service[EligibilityWork]) -> None:
        self.service = service
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://eligibility")

    async def hear(self, *events: Event, **otherwise: Any) -> None:
        """Let one batch take effect, as the consumer does. otherwise: what the unit of work is given in place of its own."""
        async with self.service.database.work() as work:
            vars(work).update(otherwise)
            await work.load({UUID(event.key) for event in events})
            for kind, handler in EVENTS.items():
                handler([event for event in events if type(event) is kind], work)

    async def rows(self, table: sa.Table = tables.assessments) -> list[Any]:
        order = table.c.version if "version" in table.c else next(iter(table.primary_key))
        async with self.service.database.engine.connect() as connection:
            return list(await connection.execute(table.select().order_by(order)))

    async def close(self) -> None:
        await self.http.aclose()
        await self.service.dispose()


@pytest.fixture
def dossier() -> UUID:
    return uuid4()


@pytest.fixture
async def eligibility(database_of: Callable[[str], Awaitable[str]], login: str) -> AsyncIterator[Eligibility]:
    settings = EligibilitySettings(
        database_url=await database_of("eligibility"),
        kafka="127.0.0.1:1",
        port=1,
        issuer=login,
        audience=AUDIENCE,
        environment="demo",
        today="2024-03-20",
        session_key="a key of tests alone, of 32 characters",
        public={"eligibility": "http://127.0.0.1:8102", "dossier": "http://127.0.0.1:8101"},
    )
    eligibility = Eligibility(await asyncio.to_thread(make, settings))
    yield eligibility
    await eligibility.close()
