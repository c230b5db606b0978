"""Poison in one batch with ordinary events: these take effect, the poison is dead-lettered or skipped, and all goes on."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy.ext.asyncio import create_async_engine

from cir_chassis.bus import Bus
from cir_chassis.database import Work
from cir_schemas import ContactsRecorded
from cir_schemas.envelope import Event
from deploy.embedded.demo import until
from notifications.app import make
from notifications.settings import NotificationsSettings
from notifications.tables import contacts

Record = tuple[bytes, bytes | None, dict[str, bytes | None]]


def recorded(version: int = 1) -> ContactsRecorded:
    return ContactsRecorded.model_validate(
        {"dossier": uuid4(), "version": version, "company": "dijledal", "language": "nl"}
    )


def record(event: Event, **changed: Any) -> Record:
    """An event as it goes over the wire; changed: its key, its value, its headers (`_` for `-`)."""
    key, value = changed.pop("key", event.key.encode()), changed.pop("value", event.value())
    headers = {name: text.encode() for name, text in event.headers().items()}
    return key, value, headers | {name.replace("content_type", "content-type"): held for name, held in changed.items()}


async def test_ten_poison_records_harm_no_ordinary_event(
    database_of: Callable[[str], Awaitable[str]], kafka: str
) -> None:
    tomorrow = int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1_000_000)
    first, null_header, odd_header, last = (recorded() for _ in range(4))
    takes_effect = {event.dossier for event in (first, null_header, odd_header, last)}
    poison: dict[UUID, tuple[Record, str]] = {}

    def add(reason: str, event: ContactsRecorded | None = None, **changed: Any) -> Record:
        event = event or recorded()
        poison[event.dossier] = record(event, **changed), reason
        return poison[event.dossier][0]

    no_object, future = "the value is not a JSON object", "the version lies in the future (microseconds since 1970)"
    forged: dict[str, Any] = {f"dlq_{name}": b"forged" for name in ("reason", "service", "at", "key", "empty", "else")}
    records = [
        record(first),
        record(null_header, odd=None),
        record(odd_header, odd=b"\xff\xfe"),
        add(no_object, content_type=b"application/json", value=b"no JSON"),
        add(no_object, value=b"[" * 100_000),
        add(future, recorded(2**63)),
        add(future, recorded(tomorrow)),
        add("ce_source is not the owner of the topic", ce_source=b"/priority"),
        add(no_object, value=None),
        add("the key is not the subject (ce_subject)", key=b"another"),
        add("header missing: ce_type", ce_type=None),
        add(
            "a type of event (header ce_type) that belongs on another topic",
            ce_type=b"cir.priority.v1.SituationReviewed",
        ),
        add(no_object, value=b"forged", **forged),
        record(recorded(), ce_type=b"cir.dossier.v9.Unknown"),
        record(last),
    ]
    settings = {"database_url": await database_of("notifications"), "kafka": kafka, "port": 1, "smtp": "127.0.0.1:1"}
    settings |= {"issuer": "http://x", "audience": "x", "mail_from": "a@b.example", "mail_key": "k" * 32}
    settings |= {"person_key": "k" * 32}
    service = make(NotificationsSettings.model_validate(settings | {"public_url": "http://x"}))
    owners = Bus(kafka, "owners", owns=["cir.dossier.v1", "cir.priority.v1"], consumes=[])
    await owners.start(asyncio.Event())
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for key, value, headers in records:
        await producer.send("cir.dossier.v1", value, key=key, headers=list(headers.items()), partition=0)
    await producer.stop()

    watches = [asyncio.create_task(probe.watch()) for probe in service.probes]
    await service.bus.start(asyncio.Event())

    async def on_record() -> bool:
        async with service.database.engine.connect() as connection:
            found = set(await connection.scalars(sa.select(contacts.c.dossier)))
        assert found.isdisjoint(poison)
        return found >= takes_effect

    async def committed() -> bool:
        return not any((await service.bus.behind())[0].values())

    await until(on_record, "not every ordinary event took effect", 60)
    await until(committed, "the offset did not move past the poison", 60)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://test") as http:
        ready = await http.get("/health/ready")
    assert (ready.status_code, ready.json()["unavailable"]) == (200, {})
    letters = {letter.headers["ce_subject"]: letter for letter in await service.dead_letters.open()}
    for dossier, ((key, value, _), reason) in poison.items():
        letter = letters.pop(str(dossier))
        assert (letter.reason, letter.key, letter.value) == (reason, key, value)
        assert letter.headers["dlq_service"] == "notifications"
        assert "dlq_else" not in letter.headers
    assert not letters
    for watch in watches:
        watch.cancel()
    await asyncio.gather(*watches, return_exceptions=True)
    await asyncio.gather(service.bus.stop_consuming(), owners.stop_consuming())
    await asyncio.gather(service.bus.stop(), owners.stop())
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_topics(["cir.dossier.v1", "cir.dossier.v1.dlq"])  # no other test is to meet the poison
    await admin.close()
    await service.dispose()


@pytest.mark.parametrize("service", ["dossier", "eligibility", "priority", "notifications"])
async def test_every_service_can_reset_the_versions_that_it_keeps(
    database_of: Callable[[str], Awaitable[str]], service: str
) -> None:
    [work] = [
        held
        for held in vars(importlib.import_module(f"{service}.app")).values()
        if isinstance(held, type) and issubclass(held, Work) and held is not Work
    ]
    assert work.versioned
    engine = create_async_engine((await database_of(service)).replace("postgresql", "postgresql+asyncpg"))
    async with engine.begin() as connection:
        on_it: Any = SimpleNamespace(connection=connection, versioned=work.versioned)
        assert await Work.reset_versions(on_it, uuid4()) == 0
    await engine.dispose()
