"""Every query of notifications. A message is a row before it is sent, and its row is locked while it is."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import sqlalchemy as sa
from prometheus_client import Counter
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver
from cir_chassis.bulk import among
from cir_chassis.clock import Clock
from cir_chassis.database import Rows, Work
from cir_chassis.pseudonym import pseudonym
from cir_schemas.types import Status
from notifications.domain.recipients import (
    INVITED,
    OPERATORS_OWN,
    PROOF_ASKED,
    PROVOKED,
    REMOVED,
    TERMED,
    UNREACHABLE,
    Standing,
    readers,
    standing,
)
from notifications.settings import NotificationsSettings
from notifications.tables import addresses, contacts, directory, messages, waiting

WAITING, SENT, FAILED, NO_ADDRESS = "waiting", "sent", "failed", "no_address"
SUPERSEDED, WITHDRAWN, STOPPED = "superseded", "withdrawn", "stopped"
EMAIL = "email"
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=30)  # between two tries of one message
DAY = timedelta(hours=24)
MOST_QUIET = 6  # times the quiet time: what is asked waits no longer, however often it changes
MEMBERS = 5  # times the mails of one: a dossier's invitations together
CASE_WORKER = "case_worker"
WITH_ASKS = (PROOF_ASKED, *get_args(Status), "offer_signed")
MESSAGES = Counter("cir_messages_total", "Messages, by the state they came into", ["kind", "state"])


@dataclass(frozen=True)
class Contacts:
    """Where the mails of a dossier go (see tables.contacts)."""

    dossier: UUID
    version: int
    company: str
    language: str
    email: str | None
    helper_email: str | None
    applicant: str | None
    partner_email: str | None
    members: Mapping[str, str]
    readers: Sequence[Mapping[str, Any]] = ()

    @property
    def persons(self) -> dict[str, str]:
        """Role → pseudonym; of a partner once he confirmed."""
        return {one["role"]: one["person"] for one in self.readers if one["bound"] or one["role"] == "applicant"}

    def addresses(self, member: str | None) -> dict[str, str | None]:
        """By audience; of `member` that of this one."""
        return {
            "candidate": self.email,
            "partner": self.partner_email,
            "helper": self.helper_email,
            "member": self.members.get(member or ""),
        }


@dataclass(frozen=True)
class News:
    """What happened to a dossier, as far as a letter needs it (see tables.waiting)."""

    event: UUID
    dossier: UUID
    kind: str
    number: str
    asks: list[dict[str, Any]]
    at: datetime
    trace: str | None
    organisation: str | None
    member: str | None
    by: str | None
    role: str | None
    fact: str | None
    offer: Mapping[str, Any] | None


@dataclass(frozen=True)
class Message(News):
    """One event for one audience over one channel (see tables.messages)."""

    audience: str
    channel: str
    message_id: str | None
    state: str
    happened_at: datetime
    due_at: datetime
    tries: int
    addressee: str | None
    email: str | None
    readers: Sequence[str]


@dataclass(frozen=True)
class Address:
    """What somebody said of an address in a dossier (see tables.addresses)."""

    dossier: UUID
    addressee: str
    standing: Standing


@dataclass(frozen=True)
class Entry:
    """How a company or an organisation is named and reached (see tables.directory)."""

    audience: str
    id: str
    version: int
    name: str
    phone: str | None
    mailbox: str | None


@dataclass(frozen=True)
class Due(Message):
    """A message that is to be sent now.

    superseded: something newer carries what is asked; company: its name, as far as it is known; address: the newest one on
    record, None where it is gone or no longer agreed to; applicant: the member who is it now; standing: of that address in the
    dossier; organisation: the name of the one that it goes to.
    """

    superseded: bool
    company: str
    phone: str | None
    language: str
    address: str | None
    applicant: str | None
    standing: Standing | None = None


_keys = sa.func.unnest(sa.bindparam("keys", type_=ARRAY(sa.BigInteger))).column_valued("key")
_LOCK = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(_keys)))
_PLANNED = sa.select(messages.c.event).where(among(messages.c.dossier)).distinct()
_first, _mailed = messages.alias(), messages.alias()
_of_it = (_first.c.dossier == messages.c.dossier) & (_first.c.audience == messages.c.audience)
_mailed_since = sa.exists().where(
    _mailed.c.dossier == _first.c.dossier,
    _mailed.c.audience == _first.c.audience,
    _mailed.c.kind.in_(WITH_ASKS),
    _mailed.c.state.not_in([WAITING, SUPERSEDED]),
    _mailed.c.happened_at >= _first.c.happened_at,
)
_since = sa.select(sa.func.min(_first.c.happened_at)).where(_of_it, _first.c.kind == PROOF_ASKED, ~_mailed_since)
_latest = _since.scalar_subquery() + sa.bindparam("at_most", type_=sa.Interval)
_BOUNDED = (
    sa.update(messages)
    .where(messages.c.event == sa.any_(sa.bindparam("asked", type_=ARRAY(sa.Uuid))), messages.c.state == WAITING)
    .values(due_at=sa.func.least(messages.c.due_at, _latest))
)


class NotificationsWork(Work):
    """One transaction on the messages."""

    versioned = (contacts.c.version,)

    def __init__(self, connection: AsyncConnection, clock: Clock, settings: NotificationsSettings) -> None:
        super().__init__(connection, clock)
        self._settings = settings
        self.directory = Rows(directory, Entry, newer="version")
        self.contacts = Rows(contacts, Contacts, newer="version")
        self.waiting = Rows(waiting, News, insert_only=True)
        self.messages = Rows(messages, Message, insert_only=True)
        self.addresses = Rows(addresses, Address, insert_only=True)
        self.planned: set[UUID] = set()
        """Events of the loaded dossiers that are messages already."""
        self.former: dict[tuple[UUID, str], str] = {}
        """Addresses in the contacts that this work replaced, by dossier and member: who was removed is told there."""
        self._new: list[Message] = []

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.directory, self.contacts, self.waiting, self.messages, self.addresses)

    async def load(self, dossiers: Iterable[UUID]) -> None:
        ids = list(dossiers)
        # An advisory lock: a dossier of which nothing is known yet has no row to lock, and what waits for its contacts
        # must not pass them by. In one order, else two batches deadlock.
        await driver.run(self.connection, _LOCK, {"keys": sorted(id_.int % 2**63 for id_ in ids)})
        await self.contacts.load(self.connection, "dossier", ids)
        await self.waiting.load(self.connection, "dossier", ids)
        self.planned = {event for (event,) in await driver.run(self.connection, _PLANNED, {"ids": ids})}

    async def load_others(self, keys: Collection[str]) -> None:
        if keys:
            await self.directory.load(self.connection, "id", keys)

    def pseudonym(self, address: str) -> str:
        """By what an address is known outside `contacts`. Capitals and a tag (name+tag@…) make no other one."""
        return pseudonym(re.sub(r"\+[^@]*", "", address.casefold()), self._settings.mail_key)

    def person(self, number: str) -> str:
        """By what a person is known here, as dossier publishes it."""
        return pseudonym(number, self._settings.person_key)

    def plan(self, news: News, audience: str, address: str | None = None, told: Collection[str] = ()) -> None:
        """Put a message on record, to be sent once this work has committed, or later where it may be replaced. address: none
        for audiences of the directory, whose messages wait until it has their mailbox; told: see `recipients.readers`."""
        now, known = self.clock.now(), self.contacts.get(news.dossier)
        waits = address or audience in OPERATORS_OWN
        whom = {"candidate": known.applicant, "member": news.member}
        about = vars(news) | {"member": whom.get(audience), "at": now}
        about["organisation"] = news.organisation if audience == "referrer" else None
        message = Message(
            **about,
            audience=audience,
            channel=EMAIL,
            message_id=f"<{news.event}.{audience}.{EMAIL}@{self._settings.domain}>" if waits else None,
            state=WAITING if waits else WITHDRAWN if news.kind == INVITED else NO_ADDRESS,
            happened_at=news.at,
            due_at=now + self._settings.quiet if news.kind == PROOF_ASKED else min(news.at, now),
            tries=0,
            addressee=self.pseudonym(address) if address else None,
            email=address if news.kind == REMOVED else None,
            readers=readers(news.kind, audience, told, known.persons),
        )
        self.messages.put(message)
        self.planned.add(message.event)
        self._new.append(message)

    async def flush(self) -> None:
        await super().flush()
        if done := [news.event for news in self.waiting.all() if news.event in self.planned]:
            await self.connection.execute(sa.delete(waiting).where(waiting.c.event.in_(done)))
        for message in self._new:
            MESSAGES.labels(message.kind, message.state).inc()
        if asked := [message.event for message in self._new if message.kind == PROOF_ASKED]:
            await self.connection.execute(_BOUNDED, {"asked": asked, "at_most": MOST_QUIET * self._settings.quiet})
        self._new.clear()

    async def take_due(self, most: int) -> list[Due]:
        """Lock up to so many messages that are due, oldest first, that no other replica holds."""
        # One that is paused with a batch in hand must not keep it for ever. Longer than a server may take over one mail.
        await self.connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = '3min'"))
        # A partner who became the applicant meanwhile reads what was planned for him; another one does not: see sender.
        typed = {
            "candidate": contacts.c.email,
            "partner": sa.func.coalesce(contacts.c.partner_email, contacts.c.email),
            "helper": contacts.c.helper_email,
            "member": sa.func.coalesce(messages.c.email, contacts.c.members.op("->>")(messages.c.member)),
        }
        treating, told = directory.alias(), directory.alias()
        company = sa.func.coalesce(
            messages.c.offer["company"].astext, contacts.c.company
        )  # an offer: that lets the home
        own = messages.c.audience.in_(OPERATORS_OWN)
        address = sa.case(typed, value=messages.c.audience, else_=told.c.mailbox)
        newer = messages.alias()
        superseded = (messages.c.kind == PROOF_ASKED) & sa.exists().where(
            newer.c.dossier == messages.c.dossier,
            newer.c.happened_at > messages.c.happened_at,
            newer.c.kind.in_(WITH_ASKS),
        )
        same = [
            messages.c[field.name] for field in fields(Due) if field.name in messages.c and field.name != "organisation"
        ]
        derived = (
            superseded.label("superseded"),
            sa.case((messages.c.audience == "referrer", told.c.name)).label("organisation"),
            sa.func.coalesce(treating.c.name, sa.func.initcap(sa.func.replace(company, "-", " "))).label("company"),
            treating.c.phone,
            sa.case((own, "nl"), else_=contacts.c.language).label("language"),
            contacts.c.applicant,
            address.label("address"),
        )
        query = (
            sa.select(*same, *derived)
            .join(contacts, contacts.c.dossier == messages.c.dossier)
            .outerjoin(treating, (treating.c.audience == "company") & (treating.c.id == company))
            .outerjoin(
                told,
                (told.c.audience == messages.c.audience)
                & (told.c.id == sa.func.coalesce(messages.c.organisation, company)),
            )
            .where(messages.c.state == WAITING, messages.c.due_at <= sa.func.now(), ~own | told.c.id.is_not(None))
            .order_by(messages.c.due_at, messages.c.happened_at)
            .limit(most)
            .with_for_update(of=messages, skip_locked=True)
        )
        found = [Due(**row._mapping) for row in await self.connection.execute(query)]
        return [
            replace(due, standing=await self.standing(due.dossier, due.address))
            if due.address and due.audience not in OPERATORS_OWN
            else due
            for due in found
        ]

    async def standing(self, dossier: UUID, address: str) -> Standing | None:
        """How this address stands in this dossier. A mailbox of the directory is confirmed, unless its reader objected."""
        query = sa.select(addresses.c.dossier, addresses.c.standing).where(
            addresses.c.addressee == self.pseudonym(address)
        )
        known = {found.dossier: found.standing for found in await self.connection.execute(query)}
        if (said := standing(dossier, known)) is not None:
            return said
        in_directory = sa.exists().where(sa.func.lower(directory.c.mailbox) == address.lower())
        return "confirmed" if await self.connection.scalar(sa.select(in_directory)) else None

    async def holds_back(self, due: Due, address: str) -> bool:
        """Whether this message waits because nobody confirmed its address, which had its mails of this day already. Those
        to other addresses of the same reader count as well: there is no end of addresses in a stranger's domain."""
        if due.standing or due.kind not in PROVOKED or due.by == CASE_WORKER or due.audience in OPERATORS_OWN:
            return False
        addressee = self.pseudonym(address)
        # Two replicas would each count without the other's mail. Tried, not waited for: else two batches deadlock.
        lock = sa.func.pg_try_advisory_xact_lock(int(addressee[:15], 16))
        now, a_day = sa.func.clock_timestamp(), self._settings.unconfirmed_a_day
        same_audience = (messages.c.dossier == due.dossier) & (messages.c.audience == due.audience)
        in_household = a_day * (MEMBERS if due.audience == "member" else 1)
        free_at: Any = now + timedelta(seconds=1)
        if await self.connection.scalar(sa.select(lock)):
            counts = (messages.c.addressee == addressee, a_day), (same_audience, in_household)
            free = (
                sa.select(messages.c.at + DAY)
                .where(same, messages.c.kind.in_(PROVOKED), messages.c.by.is_distinct_from(CASE_WORKER))
                .where(messages.c.state == SENT, messages.c.at > now - DAY)
                .order_by(messages.c.at.desc())
                .offset(most - 1)
                .limit(1)
                .scalar_subquery()
                for same, most in counts
            )
            free_at = await self.connection.scalar(sa.select(sa.func.greatest(*free)))
        if free_at is not None:
            await self.connection.execute(_this(due).values(due_at=free_at))
        return free_at is not None

    async def settle(self, due: Due, state: str, reason: str | None = None) -> None:
        """The message came into a state that it keeps. A term that the candidate does not know is told to who lets the home."""
        given: dict[str, Any] = {"state": state, "reason": reason, "at": sa.func.clock_timestamp(), "email": None}
        if state == SENT and due.address:
            given["addressee"] = self.pseudonym(due.address)
        await self.connection.execute(_this(due).values(given))
        MESSAGES.labels(due.kind, state).inc()
        unread = state in (NO_ADDRESS, FAILED, STOPPED) and due.audience == "candidate"
        if unread and due.kind in TERMED and await self.contacts_of(due.dossier):
            news = News(**{name: getattr(due, name) for name in News.__annotations__})
            self.plan(replace(news, kind=UNREACHABLE, at=due.happened_at), "company")

    async def put_off(self, due: Due) -> None:
        """Try this message later: twice as long as the last time, half an hour at most."""
        later = sa.func.clock_timestamp() + sa.literal(min(FIRST_WAIT * 2 ** min(due.tries, 20), LONGEST_WAIT))
        await self.connection.execute(_this(due).values(tries=due.tries + 1, due_at=later))

    async def oldest_waiting(self) -> datetime | None:
        """Since when the oldest message waits that should have been sent: one that is held back on purpose does not count."""
        since = sa.case(
            (messages.c.tries == 0, sa.func.greatest(messages.c.at, messages.c.due_at)), else_=messages.c.at
        )
        due = (messages.c.tries > 0) | (messages.c.due_at <= sa.func.now())
        oldest: datetime | None = await self.connection.scalar(
            sa.select(sa.func.min(since)).where(messages.c.state == WAITING, due)
        )
        return oldest

    async def contacts_of(self, dossier: UUID) -> Contacts | None:
        """None where no contacts were consumed."""
        await self.contacts.load(self.connection, "dossier", [dossier])
        return self.contacts.find(dossier)

    async def read_by(self, person: str) -> list[Contacts]:
        """The contacts of the dossiers whose messages a person may read. person: his pseudonym."""
        query = sa.select(contacts).where(contacts.c.readers.contains([{"person": person, "bound": True}]))
        return [Contacts(**row._mapping) for row in await self.connection.execute(query)]

    async def dossier_of(self, number: str) -> UUID | None:
        """The dossier with this number, if anything was ever told of it."""
        query = sa.select(messages.c.dossier).where(messages.c.number == number).limit(1)
        found: UUID | None = await self.connection.scalar(query)
        return found

    async def companies_of(self, dossier: Contacts, told: Collection[Message]) -> dict[str, Entry]:
        """How the companies that its messages name are named and reached."""
        ids = {company_of(dossier, message) for message in told}
        await self.load_others(ids)
        return {id_: found for id_ in ids if (found := self.directory.find("company", id_))}

    async def judge(self, dossier: UUID, addressee: str, said: Standing) -> bool:
        """Somebody said this of an address in a dossier. Returns whether that is new."""
        statement = insert(addresses).values(dossier=dossier, addressee=addressee, standing=said)
        changed = statement.on_conflict_do_update(
            index_elements=addresses.primary_key,
            set_={"standing": said, "at": sa.func.now()},
            where=addresses.c.standing != said,
        )
        return await self.connection.scalar(changed.returning(addresses.c.dossier)) is not None

    async def messages_of(self, dossier: UUID) -> list[Message]:
        """Every message of the dossier, in the order in which things happened."""
        await self.messages.load(self.connection, "dossier", [dossier])
        found = (message for message in self.messages.all() if message.dossier == dossier)
        return sorted(found, key=lambda message: (message.happened_at, message.audience))


def company_of(dossier: Contacts, message: Message) -> str:
    """The company that a message names: of an offer the one that lets the home, else the one that treats the dossier."""
    return str(message.offer["company"]) if message.offer else dossier.company


def _this(due: Due) -> sa.Update:
    key = (messages.c.event == due.event, messages.c.audience == due.audience, messages.c.channel == due.channel)
    return sa.update(messages).where(*key)
