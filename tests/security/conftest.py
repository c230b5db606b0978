"""The four services as processes have them, on real PostgreSQL and with real tokens; what Kafka brings is passed on at once."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from cir_chassis.pseudonym import KeyedSettings
from cir_chassis.service import Service
from cir_schemas import EVENTS
from cir_schemas.envelope import Event
from deploy.token import AUDIENCE, token
from dossier.app import HERE, DossierSettings
from dossier.directory.files import load_directory
from dossier.directory.publishing import publish
from eligibility.app import EligibilitySettings
from notifications.settings import NotificationsSettings

TODAY = date(2024, 3, 20)
SETTINGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "dossier": (DossierSettings, {"person_key": SecretStr("a key of tests alone, of 32 characters")}),
    "eligibility": (EligibilitySettings, {}),
    "priority": (KeyedSettings, {"person_key": SecretStr("a key of tests alone, of 32 characters")}),
    "notifications": (
        NotificationsSettings,
        {"smtp": "127.0.0.1:1", "mail_from": "register@cir.example", "mail_key": "k" * 32, "public_url": "http://x"}
        | {"person_key": SecretStr("a key of tests alone, of 32 characters")},
    ),
}
KINDS: dict[str, type[Event]] = {kind.type: kind for kind in EVENTS}


class Services:
    """What a test does with all four: call one as somebody, and pass events on as the bus does."""

    def __init__(self, login: str) -> None:
        self._login, self._tokens = login, dict[tuple[str, ...], str]()
        self.by_name, self._http = dict[str, Service[Any]](), dict[str, httpx.AsyncClient]()

    def add(self, name: str, service: Service[Any]) -> None:
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        self.by_name[name], self._http[name] = (
            service,
            httpx.AsyncClient(transport=transport, base_url=f"http://{name}"),
        )

    async def as_(self, role: str, **relation: str) -> dict[str, str]:
        """The headers of somebody who logged in."""
        key = (role, *relation.values())
        if key not in self._tokens:
            self._tokens[key] = await asyncio.to_thread(token, self._login, role, **relation)
        return {"Authorization": f"Bearer {self._tokens[key]}"}

    async def call(self, service: str, method: str, path: str, who: dict[str, str], **sent: Any) -> httpx.Response:
        headers = who | sent.pop("headers", {})
        return await self._http[service].request(method, path, headers=headers, **sent)

    async def outbox(self, name: str) -> list[tuple[Event, int]]:
        """Every event that a service published, as receivers read it, and its size in bytes."""
        table = importlib.import_module(f"{name}.tables").outbox
        async with self.by_name[name].database.engine.connect() as connection:
            rows = (await connection.execute(table.select().order_by(table.c.id))).all()
        return [
            (KINDS[row.headers["ce_type"]].read(row.headers, row.key.encode(), bytes(row.value)), len(row.value))
            for row in rows
        ]

    async def pass_on(self, source: str, *events: Event) -> None:
        """Let these events, or else all that a service published, take effect in the others, in one batch each."""
        events = events or tuple(event for event, _ in await self.outbox(source))
        for name in self.by_name.keys() - {source}:
            async with self.by_name[name].database.work() as work:
                await work.load({UUID(event.key) for event in events if event.keyed_by == "dossier"})
                await work.load_others({event.key for event in events if event.keyed_by != "dossier"})
                for kind, handler in importlib.import_module(f"{name}.handlers").EVENTS.items():
                    if of_kind := [event for event in events if type(event) is kind]:
                        handler(of_kind, work)

    async def close(self) -> None:
        for name, service in self.by_name.items():
            await self._http[name].aclose()
            await service.dispose()


@pytest.fixture
async def services(database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path) -> AsyncIterator[Services]:
    services = Services(login)
    for name, (settings, own) in SETTINGS.items():
        everybodys = {
            "database_url": await database_of(name),
            "kafka": "127.0.0.1:1",
            "port": 1,
            "issuer": login,
            "audience": AUDIENCE,
            "environment": "demo",
            "today": TODAY,
        }
        if name == "dossier":
            everybodys["documents"] = (tmp_path / "documents").as_uri()
        make = importlib.import_module(f"{name}.app").make
        services.add(name, await asyncio.to_thread(make, settings(**everybodys, **own)))
    async with services.by_name["dossier"].database.work() as work:
        await publish(load_directory(HERE / "companies.yaml", HERE / "organisations.yaml"), work)
    await services.pass_on("dossier")
    yield services
    await services.close()
