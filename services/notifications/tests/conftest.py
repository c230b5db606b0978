"""Notifications as a process has it, on real PostgreSQL, with a real mail server and real tokens; only Kafka is left out."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from cir_schemas import (
    ApplicantReplaced,
    CompanyRecorded,
    ContactsRecorded,
    DocumentInterpreted,
    MemberInvited,
    MemberLeft,
    OfferOpened,
    OfferReminded,
    OrganisationRecorded,
    ProofAsked,
    ReferralAnswered,
    SituationReviewed,
    StatusChanged,
)
from cir_schemas.envelope import Event, Happening
from deploy.token import AUDIENCE, token
from notifications import tables
from notifications.app import TEMPLATES, make
from notifications.handlers import EVENTS
from notifications.letters import Letters
from notifications.links import Links
from notifications.sender import Sender
from notifications.settings import NotificationsSettings

KEY = SecretStr("k" * 32)
Cookie = Callable[[str, SecretStr], dict[str, str]]
NUMBER = "2024.03.20.0001"
ANNA, HELPER, REFERRER = "anna@candidates.example", "help@ocmw.example", "aanmeldingen@diletti.example"
BERT, CEES = "bert@candidates.example", "cees@candidates.example"
COUNTER, PHONE = "inschrijvingen@dijledal.example", "016 00 00 01"
OFFICE = "aanmeldingen@ocmw-leuven.example"


def company(id_: str = "dijledal", version: int = 1, **changed: Any) -> CompanyRecorded:
    given = {"company": id_, "version": version, "name": "Dijledal", "phone": PHONE, "mailbox": COUNTER}
    return CompanyRecorded.model_validate(given | changed)


def organisation(id_: str, mailbox: str | None, version: int = 1, **changed: Any) -> OrganisationRecorded:
    given = {"organisation": id_, "version": version, "name": id_.title(), "mailbox": mailbox}
    return OrganisationRecorded.model_validate(given | changed)


def contacts(dossier: UUID, version: int = 1, **changed: Any) -> ContactsRecorded:
    given = {
        "dossier": dossier,
        "version": version,
        "company": "dijledal",
        "language": "nl",
        "email": ANNA,
        "applicant": "p1",
    }
    given |= changed
    return ContactsRecorded.model_validate(given)


def helped(*, inform: bool = True, email: str | None = HELPER) -> dict[str, Any]:
    return {"kind": "ocmw", "organisation": "OCMW", "email": email, "inform": inform}


def moved(dossier: UUID, now: str = "submitted", **changed: Any) -> StatusChanged:
    return StatusChanged.model_validate(
        {"dossier": dossier, "number": NUMBER, "was": "draft", "now": now, "at": datetime.now(UTC)} | changed
    )


def asked(dossier: UUID, *proofs: str) -> ProofAsked:
    return ProofAsked.model_validate(
        {"dossier": dossier, "number": NUMBER, "asks": [{"role": "applicant", "proofs": proofs}]}
    )


def reviewed(dossier: UUID, decision: str = "forwarded") -> SituationReviewed:
    return SituationReviewed.model_validate(
        {"dossier": dossier, "number": NUMBER, "situation": uuid4(), "decision": decision}
    )


def interpreted(dossier: UUID, decision: str = "accepted") -> DocumentInterpreted:
    about = {"number": NUMBER, "role": "partner", "fact": "recent_income", "decision": decision}
    return DocumentInterpreted.model_validate({"dossier": dossier, **about})


def members(**emails: str) -> list[dict[str, str]]:
    return [{"member": member, "email": email} for member, email in emails.items()]


def invited(dossier: UUID, member: str = "p2") -> MemberInvited:
    return MemberInvited.model_validate({"dossier": dossier, "number": NUMBER, "member": member})


def left(dossier: UUID, why: str, member: str = "p2", role: str = "partner") -> MemberLeft:
    about = {"number": NUMBER, "member": member, "role": role, "why": why}
    return MemberLeft.model_validate({"dossier": dossier, **about})


def replaced(dossier: UUID, why: str = "died") -> ApplicantReplaced:
    return ApplicantReplaced.model_validate({"dossier": dossier, "number": NUMBER, "why": why})


def answered(dossier: UUID, answer: str = "accepted", organisation: str = "diletti") -> ReferralAnswered:
    told = {"number": NUMBER, "referral": uuid4(), "organisation": organisation, "answer": answer}
    return ReferralAnswered.model_validate({"dossier": dossier, **told})


def offered(dossier: UUID, kind: type[Happening] = OfferOpened, **about: Any) -> Any:
    """Something about an offer of a home that another company lets."""
    given = {"dossier": dossier, "number": NUMBER, "offer": uuid4(), "company": "kanvaz"}
    if kind in (OfferOpened, OfferReminded):
        given |= {"municipality": "12025", "bedrooms": 2, "rent": "650.50", "answer_by": "2024-04-04"}
    given = {name: value for name, value in given.items() if name in kind.model_fields}
    return kind.model_validate(given | about)


async def until(holds: Callable[[], Awaitable[bool]], patience: float = 20) -> None:
    """Ask until it holds; fails when patience, in seconds, ends."""
    deadline = monotonic() + patience
    while not await holds():
        assert monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)


class MailServer:
    """A mail server that takes everything, but for what a test tells it.

    refuses: address → reply to that recipient; senders: replies to the next MAIL commands; taken: awaited when a mail is
    in, before the server says so.
    """

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.refuses: dict[str, str] = {}
        self.senders: list[str] = []
        self.taken: Callable[[], Awaitable[None]] | None = None
        self._server: asyncio.Server | None = None

    @property
    def told(self) -> list[str]:
        return [to for to, _ in self.mails]

    @property
    def ids(self) -> list[str]:
        return [mail["Message-ID"] for _, mail in self.mails]

    async def start(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="sink"), "127.0.0.1", port)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.senders.pop(0) if self.senders else "250 OK"

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        self.mails += [(to, mail) for to in envelope.rcpt_tos]
        if self.taken:
            await self.taken()
        return "250 kept"


class Notifications:
    """What a test does with the service: let it hear, look at its tables, ask it as somebody."""

    def __init__(self, settings: NotificationsSettings, cookie: Cookie) -> None:
        self._cookie = cookie
        self.settings, self.service, self.links = settings, make(settings), Links(settings)
        service = self.service
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://notifications")
        self._senders: list[Sender] = []
        self.sender = self.replica()

    def replica(self) -> Sender:
        """One more process that sends."""
        sender = Sender(self.service.database, Letters(TEMPLATES), self.links, self.settings)
        self._senders.append(sender)
        return sender

    async def hear(self, *events: Event) -> None:
        """Let one batch take effect, as the consumer does."""
        async with self.service.database.work() as work:
            await work.load({UUID(event.key) for event in events if event.keyed_by == "dossier"})
            await work.load_others({event.key for event in events if event.keyed_by != "dossier"})
            for kind, handler in EVENTS.items():
                if of_kind := [event for event in events if type(event) is kind]:
                    handler(of_kind, work)

    async def rows(self, table: sa.Table = tables.messages) -> list[Any]:
        async with self.service.database.engine.connect() as connection:
            return list(await connection.execute(table.select()))

    async def states(self) -> dict[str, str]:
        """Audience → state, of the only event there is."""
        return {row.audience: row.state for row in await self.rows()}

    async def told(self) -> set[tuple[str, str, str]]:
        """(audience, kind, state) of every message; none stands there twice."""
        found = [(row.audience, row.kind, row.state) for row in await self.rows()]
        assert len(set(found)) == len(found)
        return set(found)

    async def all_sent(self) -> bool:
        return {row.state for row in await self.rows()} == {"sent"}

    async def now_due(self) -> None:
        """Let the time pass that a message was put off for."""
        async with self.service.database.engine.begin() as connection:
            await connection.execute(tables.messages.update().values(due_at=sa.func.now()))

    async def ask(self, dossier: object, role: str = "case_worker", **relation: str) -> httpx.Response:
        return await self.call("GET", f"/v1/messages?dossier={dossier}", role, **relation)

    async def call(self, method: str, url: str, role: str, json: Any = None, **relation: str) -> httpx.Response:
        bearer = await asyncio.to_thread(token, self.settings.issuer, role, **relation)
        return await self.http.request(method, url, json=json, headers={"Authorization": f"Bearer {bearer}"})

    async def page(self, method: str, path: str, role: str | None, /, **sent: Any) -> httpx.Response:
        """What a browser shows to somebody of that role, logged in; None: to anyone. held: what his token says."""
        held, headers = sent.pop("held", {}), {"Accept": "text/html", "Accept-Language": "en"} | sent.pop("headers", {})
        if role:
            bearer = await asyncio.to_thread(token, self.settings.issuer, role, **held)
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookie(bearer, KEY).items())
        return await self.http.request(method, path, headers=headers, **sent)

    async def close(self) -> None:
        for sender in self._senders:
            await sender.hang_up()
        await self.http.aclose()
        await self.service.dispose()


@pytest.fixture
def dossier() -> UUID:
    return uuid4()


@pytest.fixture
def smtp_port() -> int:
    """A port where no mail server listens yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def server(smtp_port: int) -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start(smtp_port)
    yield server
    await server.stop()


@pytest.fixture
async def notifications(
    database_of: Callable[[str], Awaitable[str]], login: str, smtp_port: int, cookie: Cookie
) -> AsyncIterator[Notifications]:
    smtp = f"127.0.0.1:{smtp_port}"
    settings = NotificationsSettings(
        database_url=await database_of("notifications"),
        kafka="127.0.0.1:1",
        port=1,
        issuer=login,
        audience=AUDIENCE,
        smtp=smtp,
        mail_from="register@cir.example",
        mail_key=KEY,
        person_key=KEY,
        session_key=KEY,
        public={"notifications": "http://127.0.0.1:8104", "dossier": "http://127.0.0.1:8101"},
        public_url="http://notifications",
    )
    notifications = Notifications(settings, cookie)
    known = organisation("diletti", REFERRER), organisation("ocmw-leuven", OFFICE.title())
    await notifications.hear(company(), *known)
    yield notifications
    await notifications.close()
