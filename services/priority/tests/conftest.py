"""Priority as a process has it, on real PostgreSQL and with real tokens, on 1 June 2024."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from cir_chassis.pseudonym import KeyedSettings
from cir_chassis.service import Service
from cir_schemas import CandidacyRecorded
from deploy.token import AUDIENCE, token
from priority.app import make
from priority.handlers import EVENTS
from priority.store import PriorityWork

KEY = SecretStr("a key of tests alone, of 32 characters")


class Priority:
    """What a test does with the service: let it hear, and ask for a list."""

    def __init__(self, service: Service[PriorityWork], login: str) -> None:
        self.service, self._login = service, login
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://priority")

    async def hear(self, *events: CandidacyRecorded) -> None:
        """Let one batch take effect, as the consumer does."""
        async with self.service.database.work() as work:
            await work.load({event.dossier for event in events})
            for handler in EVENTS.values():
                handler(events, work)

    async def get(self, path: str, company: str = "dijledal") -> httpx.Response:
        held = await asyncio.to_thread(token, self._login, "case_worker", company=company)
        return await self.http.get(path, headers={"Authorization": f"Bearer {held}"})

    async def ask(self, municipality: str = "24062", company: str = "dijledal") -> httpx.Response:
        return await self.get(f"/v1/waiting-list?municipality={municipality}", company)

    async def list(self, municipality: str = "24062", company: str = "dijledal") -> list[str]:
        return [place["dossier"] for place in (await self.ask(municipality, company)).json()]


def candidacy(number: str | None, version: int = 1, dossier: UUID | None = None, **changed: Any) -> CandidacyRecorded:
    """Registered on the day of its number, and wants to live in Leuven."""
    given: dict[str, Any] = {
        "dossier": dossier or uuid4(),
        "version": version,
        "status": "registered",
        "number": number,
        "registered_on": "-".join(number.split(".")[:3]) if number else None,
        "company": "dijledal",
        "municipality": "24062",
        "persons": 1,
        "wants": [{"municipality": "24062", "company": "dijledal"}],
    }
    return CandidacyRecorded.model_validate(given | changed)


@pytest.fixture
async def priority(database_of: Callable[[str], Awaitable[str]], login: str) -> AsyncIterator[Priority]:
    settings = KeyedSettings(
        database_url=await database_of("priority"), kafka="127.0.0.1:1", port=1, issuer=login, audience=AUDIENCE,
        environment="demo", today=date(2024, 6, 1), person_key=KEY,
    )  # fmt: skip
    priority = Priority(make(settings), login)
    yield priority
    await priority.http.aclose()
    await priority.service.database.engine.dispose()
