"""Priority as a process has it, on real PostgreSQL and with real tokens, on 1 June 2024."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from cir_chassis.pseudonym import KeyedSettings, pseudonym
from cir_chassis.service import Service
from cir_chassis.session import LIFE
from cir_schemas import CandidacyRecorded, CompanyRecorded, OfferConfirmed, OrganisationRecorded
from cir_schemas.envelope import Event
from deploy.token import AUDIENCE, token
from priority.app import make
from priority.handlers import EVENTS
from priority.store import PriorityWork

KEY = SecretStr("a key of tests alone, of 32 characters")
CANDIDATE = "85622300138"
AGREED: dict[str, Any] = {
    "company": "dijledal",
    "municipalities": ["24062"],
    "from": "2024-01-01",
    "through": "2024-12-31",
    "planned": 10,
    "accelerated_share": "0.50",
    "groups": {
        "homeless": {"title": {"nl": "daklozen", "en": "homeless"}, "share": "0.6", "referrers": ["caw"]},
        "young": {
            "title": {"nl": "jongeren", "en": "young people"},
            "share": "0.4",
            "referrers": ["mind-the-gap", "dijledal"],
        },
    },
    "target_groups": {"elderly": {"title": {"nl": "ouderen", "en": "elderly"}}},
    "target_ceiling": "0.2",
}

PUBLIC = {"priority": "http://127.0.0.1:8103", "dossier": "http://127.0.0.1:8101"}
LETS = {"dijledal": ["24062", "24011"], "kanvaz": ["12025"], "woontrots": ["23088"]}
FOR = {"votes": [{"member": "Stad Leuven", "municipality": "24062", "vote": "for"}]}


HOME = {
    "municipality": "24062",
    "company": "dijledal",
    "bedrooms": 1,
    "min_persons": 1,
    "max_persons": 2,
    "rent": "410.50",
}
DONE: dict[str, dict[str, Any]] = {
    "answer": {"answer": "accept"},
    "withdrawal": {"reasons": "A burst pipe."},
    "undo": {"reasons": "Entered for another dossier."},
    "judgement": {"well_founded": False, "reasons": "No reason was given."},
    "lease": {"signed_on": "2024-06-01", "statements_seen": True},
}

WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)

Cookie = Callable[..., dict[str, str]]


@cache
def bearer(login: str, role: str, held: frozenset[tuple[str, str]]) -> str:
    return token(login, role, **dict(held))


class Priority:
    """What a test does with the service: let it hear, and ask for a list."""

    def __init__(self, service: Service[PriorityWork], login: str, cookie: Cookie) -> None:
        self.service, self._login, self._cookie = service, login, cookie
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://priority")

    def pass_days(self, days: int) -> None:
        self.service.clock.fixed = self.service.clock.today() + timedelta(days=days)

    async def hear(self, *events: Event) -> None:
        """Let one batch take effect, as the consumer does."""
        async with self.service.database.work() as work:
            await work.load({UUID(event.key) for event in events if event.keyed_by == "dossier"})
            await work.load_others({event.key for event in events if event.keyed_by != "dossier"})
            for kind, handler in EVENTS.items():
                handler([event for event in events if type(event) is kind], work)

    async def get(self, path: str, company: str = "dijledal", role: str = "case_worker", **held: str) -> httpx.Response:
        if role in ("case_worker", "council"):
            held["company"] = company
        return await self.http.get(path, headers=await self.as_(role, held))

    async def post(
        self, path: str, body: object, role: str = "case_worker", key: str | None = None, **held: str
    ) -> httpx.Response:
        """key: its Idempotency-Key. held: what the token says; by default a case worker's or council's company is dijledal."""
        if role in ("case_worker", "council"):
            held.setdefault("company", "dijledal")
        return await self.call("POST", path, body, role, key, **held)

    async def call(
        self, method: str, path: str, body: object, role: str, key: str | None = None, **held: str
    ) -> httpx.Response:
        headers = await self.as_(role, held) | ({"Idempotency-Key": key} if key else {})
        return await self.http.request(method, path, json=body, headers=headers)

    async def as_(self, role: str, held: dict[str, str]) -> dict[str, str]:
        known = await asyncio.to_thread(bearer, self._login, role, frozenset(held.items()))
        return {"Authorization": f"Bearer {known}"}

    async def page(self, method: str, path: str, role: str | None, /, **sent: Any) -> httpx.Response:
        """What a browser shows to somebody of that role, logged in; None: to anyone. held: what his token says."""
        life = sent.pop("life", LIFE)  # of his login, in seconds
        held, headers = sent.pop("held", {}), {"Accept": "text/html", "Accept-Language": "en"} | sent.pop("headers", {})
        if role:
            known = await asyncio.to_thread(bearer, self._login, role, frozenset(held.items()))
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookie(known, KEY, life).items())
        return await self.http.request(method, path, headers=headers, **sent)

    async def agreed(self, **changed: Any) -> str:
        """An agreement of the council, adopted."""
        made = await self.post("/v1/agreements", AGREED | changed, "council")
        assert made.status_code == 201, made.text
        adopted = await self.post(f"/v1/agreements/{made.json()['id']}/adoption", FOR, "council")
        assert adopted.status_code == 200, adopted.text
        return str(made.json()["id"])

    async def shared(self, number: str, dossier: UUID | None = None) -> CandidacyRecorded:
        """A dossier that waits with two companies; the other one has a vacancy, k1."""
        wants = [{"municipality": "24062", "company": "dijledal"}, {"municipality": "12025", "company": "kanvaz"}]
        known = candidacy(number, dossier=dossier, wants=wants)
        await self.hear(known)
        other = {"company": "kanvaz", "municipalities": ["12025"]}
        made = await self.post("/v1/agreements", AGREED | other, "council", company="kanvaz")
        await self.post(f"/v1/agreements/{made.json()['id']}/adoption", FOR, "council", company="kanvaz")
        home = HOME | {"id": "k1", "dwelling": "k1", "company": "kanvaz", "municipality": "12025"}
        assert (await self.post("/v1/vacancies", home, company="kanvaz")).status_code == 201
        return known

    async def refer(
        self, number: str, group: str = "homeless", organisation: str = "caw", **changed: Any
    ) -> httpx.Response:
        given = {"dossier": number, "company": "dijledal", "municipality": "24062", "group": group, "reasons": "evicted",
                 "guidance_plan": "weekly"}  # fmt: skip
        return await self.post("/v1/referrals", given | changed, "helper", organisation=organisation)

    async def free(self, id_: str, **changed: Any) -> httpx.Response:
        return await self.post("/v1/vacancies", HOME | {"id": id_, "dwelling": id_} | changed)

    async def next(self, id_: str, company: str = "dijledal") -> Any:
        answer = await self.get(f"/v1/vacancies/{id_}/next", company)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def propose(self, id_: str, next_: Any = None, company: str = "dijledal") -> httpx.Response:
        """Propose the vacancy to who `next` has first."""
        next_ = next_ or await self.next(id_, company)
        body = {"turn": next_["turn"]["turn"], "dossier": next_["order"][0]["dossier"]}
        return await self.post(f"/v1/vacancies/{id_}/offers", body, company=company)

    async def act(self, offer: str, what: str, company: str = "dijledal", **body: Any) -> tuple[int, str]:
        """What a case worker does with an offer; the status, and its new state or what is wrong. A refusal came today."""
        if body.get("answer") == "refuse":
            body = {"reason": "Too far from school.", "on": str(self.service.clock.today())} | body
        answer = await self.post(f"/v1/offers/{offer}/{what}", DONE[what] | body, company=company)
        return answer.status_code, answer.json().get("state") or answer.text

    async def confirm(self, offer: str) -> None:
        """Dossier finds that the conditions are met."""
        async with self.service.database.work() as work:
            found = await work.allocation.offer(UUID(offer))
        assert found
        await self.hear(
            OfferConfirmed.model_validate({"dossier": found.dossier, "number": found.number, "offer": offer})
        )

    async def opened(self, id_: str, company: str = "dijledal") -> str:
        """An open offer of the vacancy to who is first for it."""
        made = await self.propose(id_, company=company)
        assert made.status_code == 201, made.text
        await self.confirm(made.json()["id"])
        return str(made.json()["id"])

    async def let(self, id_: str) -> str:
        """The vacancy is let to who is first for it."""
        offer = await self.opened(id_)
        assert await self.act(offer, "answer") == (200, "accepted")
        assert await self.act(offer, "lease") == (200, "signed")
        return offer

    async def said(self) -> list[dict[str, Any]]:
        """What is in the outbox, in order: type and payload."""
        async with self.service.database.engine.connect() as connection:
            found = await connection.execute(sa.text("SELECT headers, value FROM outbox ORDER BY id"))
            return [{"type": row.headers["ce_type"].rpartition(".")[2], **json.loads(row.value)} for row in found]

    async def until_waiting(self, many: int = 1) -> None:
        """Until so many transactions wait for a lock; fails after ten seconds."""
        async with asyncio.timeout(10), self.service.database.engine.connect() as connection:
            while await connection.scalar(WAITING) < many:
                await asyncio.sleep(0.01)

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
        "candidates": [pseudonym(CANDIDATE, KEY)],
    }
    return CandidacyRecorded.model_validate(given | changed)


def company(name: str, version: int = 1, **changed: Any) -> CompanyRecorded:
    given = {"company": name, "version": version, "name": name.title(), "municipalities": LETS.get(name, [])}
    return CompanyRecorded.model_validate(given | changed)


@pytest.fixture
async def priority(database_of: Callable[[str], Awaitable[str]], login: str, cookie: Cookie) -> AsyncIterator[Priority]:
    settings = KeyedSettings(
        database_url=await database_of("priority"), kafka="127.0.0.1:1", port=1, issuer=login, audience=AUDIENCE,
        environment="demo", today=date(2024, 6, 1), person_key=KEY, session_key=KEY, public=PUBLIC,
    )  # fmt: skip
    priority = Priority(make(settings), login, cookie)
    await priority.hear(*(company(name) for name in LETS))
    caw = {"organisation": "caw", "version": 1, "name": "CAW Oost-Brabant"}
    await priority.hear(OrganisationRecorded.model_validate(caw))
    yield priority
    await priority.http.aclose()
    await priority.service.dispose()
