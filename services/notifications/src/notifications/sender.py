"""A mail is sent while its row is locked and marked in the same transaction: a crash repeats it, and nothing loses it.

A repeat carries the same Message-ID. Replicas share the work: each skips what another one holds. A server that is away
holds everything up; a mail that goes wrong holds up itself alone.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from time import monotonic

import structlog
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
)
from opentelemetry.trace import SpanKind
from prometheus_client import Gauge

from cir_chassis.clock import day_of
from cir_chassis.database import Database
from cir_chassis.trace import step
from notifications.domain.recipients import NOT_MINE
from notifications.letters import Letters
from notifications.links import Links
from notifications.settings import NotificationsSettings
from notifications.store import FAILED, NO_ADDRESS, SENT, STOPPED, SUPERSEDED, WITHDRAWN, Due, NotificationsWork

log = structlog.get_logger()
OLDEST = Gauge("cir_oldest_unsent_message_seconds", "How long the oldest unsent message waits")
NOT_ABOUT_THE_RECIPIENT = {500, 502, 503, 504, 521, 530, 534, 535, 538}
"""Replies that refuse us (commands, encryption, login), though they are given to a recipient."""


class Sender:
    """Sends what is due for as long as the service runs."""

    BATCH = 20  # mails in one transaction: so many at most are repeated after a crash
    POLL, LONGEST_PAUSE, WARN_AGAIN = 1.0, 10.0, 60.0  # seconds
    PATIENCE = 20.0  # seconds, for one reply of the server

    def __init__(
        self, database: Database[NotificationsWork], letters: Letters, links: Links, settings: NotificationsSettings
    ) -> None:
        self._database, self._letters, self._links, self._from = database, letters, links, settings.mail_from
        host, _, port = settings.smtp.rpartition(":")
        self._smtp = SMTP(hostname=host, port=int(port), timeout=self.PATIENCE, local_hostname=settings.domain)
        self._woken, self._stopping = asyncio.Event(), asyncio.Event()
        self._oldest: datetime | None = None
        self._warned_at = -self.WARN_AGAIN
        OLDEST.set_function(lambda: (datetime.now(UTC) - self._oldest).total_seconds() if self._oldest else 0)

    def wake(self) -> None:
        """Something was committed in this process: look now."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping`; the mail in hand is finished."""
        self._stopping = stopping
        failures = 0
        while not stopping.is_set():
            try:
                more = await self.send_due()
            except Exception as error:  # the server or the database is away: the rows are still there
                failures += 1
                self._smtp.close()
                self._warn("mails wait", error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), min(0.25 * 2 ** min(failures, 10), self.LONGEST_PAUSE))
                continue
            if more and failures:
                failures = 0
                log.info("mails go out again")
            if not more:
                await self.hang_up()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self.POLL)
                self._woken.clear()
        await self.hang_up()

    async def send_due(self) -> bool:
        """Send a batch. Returns whether more may be due. Raises where the server or the database is away."""
        holds_up: Exception | None = None
        async with self._database.work() as work:
            self._oldest = await work.oldest_waiting()
            batch = await work.take_due(self.BATCH)
            if batch and not self._smtp.is_connected:
                await self._smtp.connect()
            for due in batch:
                holds_up = await self._send(due, work)
                if holds_up or self._stopping.is_set() or not self._smtp.is_connected:
                    break
        if holds_up:  # after the commit: what was sent before it stays sent
            raise holds_up
        return bool(batch)

    async def hang_up(self) -> None:
        """Leave the server, until there is something to send again."""
        if self._smtp.is_connected:
            with suppress(SMTPException, OSError):
                await self._smtp.quit()
            self._smtp.close()

    async def _send(self, due: Due, work: NotificationsWork) -> Exception | None:
        """Send one mail and mark what became of it. Returns what would befall every other mail too."""
        if state := _ends_unsent(due, work):
            await work.settle(due, state)
            return None
        assert due.address
        if await work.holds_back(due, due.address):
            return None
        try:
            links = self._links.of(due, work.pseudonym(due.address))
            mail = write_mail(due, due.address, self._letters, self._from, links)
        except Exception as error:  # no address that can stand in a mail, or no letter: later it is the same
            await work.settle(due, FAILED, type(error).__name__)
            log.exception("a mail cannot be written", message=due.message_id, kind=due.kind)
            return None
        try:
            with step(f"mail {due.kind}", due.trace, SpanKind.CLIENT):
                await self._smtp.sendmail(self._from, [due.address], mail)
        except SMTPSenderRefused as error:
            return error
        except (SMTPRecipientsRefused, SMTPDataError) as error:
            code = error.code if isinstance(error, SMTPDataError) else error.recipients[0].code
            if code >= 500 and code not in NOT_ABOUT_THE_RECIPIENT:
                await work.settle(due, FAILED, str(code))
                log.warning("refused", message=due.message_id, kind=due.kind, reason=code)
            else:
                await self._put_off(due, error, work)
        except Exception as error:  # cut off in the middle
            await self._put_off(due, error, work)
        else:
            await work.settle(due, SENT)
            log.info("sent", message=due.message_id, kind=due.kind)
        return None

    async def _put_off(self, due: Due, error: Exception, work: NotificationsWork) -> None:
        await work.put_off(due)
        self._warn("a mail waits", error, message=due.message_id)

    def _warn(self, what: str, error: Exception, **ids: object) -> None:
        """Log what is wrong, once a minute at most."""
        if monotonic() - self._warned_at >= self.WARN_AGAIN:
            self._warned_at = monotonic()
            log.warning(
                what, reason=type(error).__name__, exc_info=not isinstance(error, SMTPException | OSError), **ids
            )


def _ends_unsent(due: Due, work: NotificationsWork) -> str | None:
    """The state in which this message ends without being sent; None where it is sent."""
    now = work.pseudonym(due.address) if due.address else None
    if due.superseded:
        return SUPERSEDED
    same = due.addressee in {now, None}  # None: planned before addressees were kept
    still = {
        "candidate": due.member in {due.applicant, None},
        "partner": same,
        "helper": same,
        "member": now is not None,
    }
    if not still.get(due.audience, True):  # of the time of another one, or of consent; or he is invited no longer
        return WITHDRAWN
    if now is None:
        return NO_ADDRESS
    return STOPPED if due.standing == NOT_MINE else None


def write_mail(due: Due, address: str, letters: Letters, mail_from: str, links: Mapping[str, str]) -> bytes:
    """The mail as it is sent, to that address alone. Raises ValueError or an error of `email` where the address is no
    addr-spec, and an error of `jinja2` where the letter has a gap."""
    letter = letters.write(
        due.kind,
        due.language,
        audience=due.audience,
        number=due.number,
        company=due.company,
        phone=due.phone,
        organisation=due.organisation,
        by=due.by,
        role=due.role,
        fact=due.fact,
        offer=due.offer,
        on=day_of(due.happened_at),
        asks=due.asks,
        links=links,
    )
    mail = EmailMessage(WIRE.clone(cte_type="7bit"))  # whatever the server can take
    # As an object: a string is parsed, and its encoded words are expanded into further headers and recipients.
    mail["To"] = to = Address(addr_spec=address)
    if to.addr_spec != address or not address.isascii():  # it has a comment, or is for servers that few have
        raise ValueError("not a plain address")
    mail["From"], mail["Subject"] = mail_from, letter.subject
    mail["Date"], mail["Message-ID"] = due.at, due.message_id
    mail["Auto-Submitted"] = "auto-generated"
    if due.trace:
        mail["Traceparent"] = due.trace  # by which an operator finds how it came about
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    mail["Content-Language"] = due.language  # only now: what is there before moves into the first part
    return mail.as_bytes()
