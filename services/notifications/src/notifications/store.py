"""Every query of notifications. A message is a row before it is sent, and its row is locked while it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from prometheus_client import Counter
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver
from cir_chassis.bulk import among
from cir_chassis.clock import Clock
from cir_chassis.database import Rows, Work
from notifications import tables
from notifications.organisations import Mailbox
from notifications.tables import contacts, messages, waiting

WAITING, SENT, FAILED, NO_ADDRESS = "waiting", "sent", "failed", "no_address"
EMAIL = "email"
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=30)  # between two tries of one message
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


@dataclass(frozen=True)
class News:
    """What happened to a dossier, as far as a letter tells it."""

    event: UUID
    dossier: UUID
    kind: str
    number: str
    asks: list[dict[str, Any]]
    at: datetime
    trace: str | None = None
    organisation: str | None = None


@dataclass(frozen=True)
class Message:
    """One event told to one audience over one channel (see tables.messages)."""

    event: UUID
    audience: str
    channel: str
    dossier: UUID
    kind: str
    number: str
    asks: list[dict[str, Any]]
    message_id: str | None
    state: str
    at: datetime
    happened_at: datetime
    trace: str | None = None
    organisation: str | None = None


@dataclass(frozen=True)
class Due:
    """A message that is to be sent now; address: the newest one on record, None where it is gone or no longer agreed to."""

    event: UUID
    audience: str
    channel: str
    kind: str
    number: str
    asks: list[dict[str, Any]]
    message_id: str
    at: datetime
    tries: int
    trace: str | None
    organisation: str | None
    company: str
    language: str
    address: str | None


_keys = sa.func.unnest(sa.bindparam("keys", type_=ARRAY(sa.BigInteger))).column_valued("key")
_LOCK = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(_keys)))
_TOLD = sa.select(messages.c.event).where(among(messages.c.dossier)).distinct()


class NotificationsWork(Work):
    """One transaction on the messages."""

    def __init__(
        self, connection: AsyncConnection, clock: Clock, domain: str, organisations: Mapping[str, Mailbox]
    ) -> None:
        """domain: what stands right of the @ in a Message-ID; organisations: where those who refer are told."""
        super().__init__(connection, clock, "/notifications")
        self.domain, self.organisations = domain, organisations
        self.contacts = Rows(contacts, Contacts, newer="version")
        self.waiting = Rows(waiting, News, insert_only=True)
        self.messages = Rows(messages, Message, insert_only=True)
        self.told: set[UUID] = set()
        """Events of the loaded dossiers that are messages already."""
        self._planned: list[Message] = []

    @property
    def rows(self) -> Sequence[Rows[Any]]:
        return (self.contacts, self.waiting, self.messages)

    async def load(self, dossiers: Iterable[UUID]) -> None:
        ids = list(dossiers)
        # An advisory lock: a dossier of which nothing is known yet has no row to lock, and what waits for its contacts
        # must not pass them by. In one order, else two batches deadlock.
        await driver.run(self.connection, _LOCK, {"keys": sorted(id_.int % 2**63 for id_ in ids)})
        await self.contacts.load(self.connection, "dossier", ids)
        await self.waiting.load(self.connection, "dossier", ids)
        self.told = {event for (event,) in await driver.run(self.connection, _TOLD, {"ids": ids})}

    def plan(self, message: Message) -> None:
        """Put a message on record, to be sent once this work has committed."""
        self.messages.put(message)
        self.told.add(message.event)
        self._planned.append(message)

    async def flush(self) -> None:
        await super().flush()
        if done := [news.event for news in self.waiting.all() if news.event in self.told]:
            await self.connection.execute(sa.delete(waiting).where(waiting.c.event.in_(done)))
        for message in self._planned:
            MESSAGES.labels(message.kind, message.state).inc()
        self._planned.clear()

    async def take_due(self, most: int) -> list[Due]:
        """Lock up to so many messages that are due, oldest first, that no other replica holds."""
        # One that is paused with a batch in hand must not keep it for ever. Longer than a server may take over one mail.
        await self.connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = '3min'"))
        told = {"candidate": contacts.c.email, "helper": contacts.c.helper_email}
        address = sa.case(told, value=messages.c.audience)
        same = [messages.c[field.name] for field in fields(Due) if field.name in messages.c]
        query = (
            sa.select(*same, contacts.c.company, contacts.c.language, address.label("address"))
            .join(contacts, contacts.c.dossier == messages.c.dossier)
            .where(messages.c.state == WAITING, messages.c.due_at <= sa.func.now())
            .order_by(messages.c.due_at, messages.c.happened_at)
            .limit(most)
            .with_for_update(of=messages, skip_locked=True)
        )
        return [self._addressed(Due(**found._mapping)) for found in await self.connection.execute(query)]

    def _addressed(self, due: Due) -> Due:
        """A referrer's address, and its name in the letter, stand in the operators' file."""
        if due.organisation is None:
            return due
        found = self.organisations.get(due.organisation)
        return replace(due, organisation=found.name, address=found.email, language="nl") if found else due

    async def settle(self, due: Due, state: str, reason: str | None = None) -> None:
        """The message came into a state that it keeps."""
        now = sa.func.clock_timestamp()
        await self.connection.execute(_this(due).values(state=state, reason=reason, at=now))
        MESSAGES.labels(due.kind, state).inc()

    async def put_off(self, due: Due) -> None:
        """Try this message later: twice as long as the last time, half an hour at most."""
        later = sa.func.clock_timestamp() + sa.literal(min(FIRST_WAIT * 2 ** min(due.tries, 20), LONGEST_WAIT))
        await self.connection.execute(_this(due).values(tries=due.tries + 1, due_at=later))

    async def oldest_waiting(self) -> datetime | None:
        """Since when the oldest unsent message waits."""
        oldest: datetime | None = await self.connection.scalar(
            sa.select(sa.func.min(messages.c.at)).where(messages.c.state == WAITING)
        )
        return oldest

    async def company_of(self, dossier: UUID) -> str | None:
        """The company that treats the dossier; None where nothing was heard of it."""
        company: str | None = await self.connection.scalar(
            sa.select(contacts.c.company).where(contacts.c.dossier == dossier)
        )
        return company

    async def messages_of(self, dossier: UUID) -> list[Message]:
        """Every message of the dossier, in the order in which things happened."""
        columns = [messages.c[field.name] for field in fields(Message)]
        found = (
            sa.select(*columns)
            .where(messages.c.dossier == dossier)
            .order_by(messages.c.happened_at, messages.c.audience)
        )
        return [Message(**row._mapping) for row in await self.connection.execute(found)]


def _this(due: Due) -> sa.Update:
    table = tables.messages
    key = (table.c.event == due.event) & (table.c.audience == due.audience) & (table.c.channel == due.channel)
    return sa.update(table).where(key)
