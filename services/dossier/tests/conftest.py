"""The register as a process has it, on real PostgreSQL and with real tokens; only Kafka is left out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from cir_chassis.service import Service
from cir_schemas import EVENTS, HouseholdAssessed, HouseholdRecorded
from cir_schemas.dossier import CompanyEntry
from cir_schemas.envelope import Event
from deploy.token import AUDIENCE, token
from dossier import tables
from dossier.app import DossierSettings, make
from dossier.directory.files import Directory
from dossier.handlers import take_assessments
from dossier.register.store import RegisterWork

from .authentic import Authentic, working

ANNA, BRAM, CHILD, STRANGER = "85622300173", "86670100113", "15650100189", "70610100123"
LEUVEN = Directory({"dijledal": CompanyEntry(name="Dijledal", municipalities=("24062",))}, {})
BORN = {ANNA: "1985-02-23", BRAM: "1986-07-01", CHILD: "2015-05-01", STRANGER: "1970-01-01"}
PDF = b"%PDF-1.7\nanything"
KEY = SecretStr("a key that two services of a test share")


def numbered(first_nine: str, *, born_from_2000: bool = False) -> str:
    """A national number with right check digits."""
    return f"{first_nine}{97 - int(('2' if born_from_2000 else '') + first_nine) % 97:02d}"


class Register:
    """What a test does with the register: call it as somebody, let eligibility answer, read what was said."""

    def __init__(self, service: Service[RegisterWork], login: str) -> None:
        self.service, self._login = service, login
        self._tokens: dict[tuple[str, ...], str] = {}
        self._version = 0
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://register")

    async def as_(self, role: str, **relation: str) -> dict[str, str]:
        key = (role, *relation.values())
        if key not in self._tokens:
            self._tokens[key] = await asyncio.to_thread(token, self._login, role, **relation)
        return {"Authorization": f"Bearer {self._tokens[key]}"}

    async def candidate(self, number: str = ANNA) -> dict[str, str]:
        return await self.as_("candidate", person=number)

    async def case_worker(self, company: str = "dijledal") -> dict[str, str]:
        return await self.as_("case_worker", company=company)

    async def start(self, who: dict[str, str] | None = None, key: str = "k1", **changed: Any) -> httpx.Response:
        headers = (who if who is not None else await self.candidate()) | {"Idempotency-Key": key}
        return await self.http.post("/v1/dossiers", json=dossier(**changed), headers=headers)

    async def started(self, **changed: Any) -> str:
        answer = await self.start(**changed)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def change(
        self, id_: str, *members: dict[str, Any], version: int = 1, who: dict[str, str] | None = None
    ) -> httpx.Response:
        headers = (who or await self.candidate()) | {"If-Match": f'"{version}"'}
        return await self.http.put(f"/v1/dossiers/{id_}/household", headers=headers, json={"members": list(members)})

    async def submit(self, id_: str, who: dict[str, str] | None = None) -> httpx.Response:
        return await self.http.post(f"/v1/dossiers/{id_}/submission", headers=who or await self.candidate())

    async def confirm(self, id_: str, member: str, who: dict[str, str], **body: Any) -> httpx.Response:
        url = f"/v1/dossiers/{id_}/members/{member}/confirmation"
        return await self.http.post(url, headers=who, json=body or None)

    async def decline(self, id_: str, member: str, who: dict[str, str]) -> httpx.Response:
        return await self.http.delete(f"/v1/dossiers/{id_}/members/{member}/confirmation", headers=who)

    async def act(self, id_: str, who: dict[str, str], action: str, **body: Any) -> httpx.Response:
        return await self.http.post(f"/v1/dossiers/{id_}/actions", headers=who, json={"action": action, **body})

    async def put(self, id_: str, what: str, who: dict[str, str], version: int, body: dict[str, Any]) -> httpx.Response:
        url = f"/v1/dossiers/{id_}/{what}"
        return await self.http.put(url, headers=who | {"If-Match": f'"{version}"'}, json=body)

    async def upload(
        self, id_: str, who: dict[str, str], member: str = "p1", fact: str = "incomes", **sent: Any
    ) -> httpx.Response:
        """sent: name, content (a PDF), key (Idempotency-Key)."""
        file = (sent.get("name", "proof.pdf"), sent.get("content", PDF))
        headers = who | ({"Idempotency-Key": sent["key"]} if "key" in sent else {})
        form = {"member": member, "fact": fact}
        return await self.http.post(f"/v1/dossiers/{id_}/documents", headers=headers, data=form, files={"file": file})

    async def uploaded(
        self, id_: str, who: dict[str, str], member: str = "p1", fact: str = "incomes", **sent: Any
    ) -> str:
        answer = await self.upload(id_, who, member, fact, **sent)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def get(self, path: str, who: dict[str, str]) -> Any:
        answer = await self.http.get(f"/v1/dossiers{path}", headers=who)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def registered(self, *members: dict[str, Any], **changed: Any) -> str:
        """A dossier of these members, each adult with a number confirmed by himself, and registered."""
        everybody = members or (applicant(),)
        himself = await self.candidate(everybody[0]["number"])
        id_ = await self.started(who=himself, members=list(everybody), **changed)
        await self.submit(id_, himself)
        for member in everybody:
            if member["number"]:
                who = await self.candidate(member["number"])
                assert (await self.confirm(id_, member["id"], who)).status_code == 204
        await self.assess(id_, "met")
        assert (await self.read(id_, himself))["status"] == "registered"
        return id_

    async def read(self, id_: str, who: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/dossiers/{id_}", headers=who or await self.candidate())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def said(self) -> list[Event]:
        """Every event in the outbox, in order, as its receivers read it."""
        kinds = {event.type: event for event in EVENTS}
        async with self.service.database.engine.connect() as connection:
            rows = (await connection.execute(tables.outbox.select().order_by(tables.outbox.c.id))).all()
        return [kinds[row.headers["ce_type"]].read(row.headers, row.key.encode(), bytes(row.value)) for row in rows]

    async def recorded(self, id_: str) -> HouseholdRecorded:
        """The newest household that was published of the dossier."""
        return [e for e in await self.said() if isinstance(e, HouseholdRecorded) and e.key == id_][-1]

    async def assess(self, id_: str, outcome: str, *, version: int = 0, facts_version: int = 0, **changed: Any) -> None:
        """Let eligibility's answer to the newest household take effect."""
        recorded = await self.recorded(id_)
        self._version += 1
        answer = {"reference_date": "2024-03-20", "outcome": outcome, "rules": "sha256:0", "conditions": {}} | changed
        content = {
            "dossier": id_,
            "version": version or self._version,
            "facts_version": facts_version or recorded.facts_version,
            "test": recorded.test and recorded.test.id,
            "assessment": answer,
        }
        event = HouseholdAssessed.model_validate(content)
        async with self.service.database.work() as work:
            await work.load([event.dossier])
            take_assessments([event], work)


def applicant(**changed: Any) -> dict[str, Any]:
    return person("p1", "applicant", changed.pop("number", ANNA), **changed)


def partner(**changed: Any) -> dict[str, Any]:
    return person("p2", "partner", changed.pop("number", BRAM), **changed)


def person(id_: str, role: str, number: str | None, **changed: Any) -> dict[str, Any]:
    """A member who was born on the day that his number tells, if it is one of those above."""
    return {"id": id_, "role": role, "number": number, "born_on": BORN.get(str(number), BORN[ANNA])} | changed


def dossier(*, members: list[dict[str, Any]] | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "household": {"members": members or [applicant()]},
        "municipality": "24062",
        "language": "nl",
        "email": "anna@example.org",
    } | changed


@asynccontextmanager
async def serving(database_url: str, login: str, **settings: Any) -> AsyncIterator[Register]:
    """The register with these settings."""
    service = make(
        DossierSettings(
            database_url=database_url,
            kafka="127.0.0.1:1",
            port=1,
            issuer=login,
            audience=AUDIENCE,
            environment="demo",
            person_key=KEY,
            **{"today": date(2024, 3, 20), **settings},
        )
    )
    register = Register(service, login)
    yield register
    await register.http.aclose()
    await service.dispose()


@pytest.fixture
async def register(database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path) -> AsyncIterator[Register]:
    async with serving(await database_of("dossier"), login, documents=(tmp_path / "documents").as_uri()) as register:
        yield register


@pytest.fixture
async def authentic(tmp_path: Path) -> AsyncIterator[Authentic]:
    found = Authentic(tmp_path)
    await found.start()
    yield found
    await found.http.aclose()
    await found.stop()


@pytest.fixture
async def asking(
    database_of: Callable[[str], Awaitable[str]], login: str, authentic: Authentic
) -> AsyncIterator[Register]:
    """A register that asks them, while its job works off the questions."""
    async with serving(await database_of("dossier"), login, sources=authentic.address) as register, working(register):
        yield register
