"""What people say of an address: its reader that it is not his, or that it is; a case worker that it is right after all."""

from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter

from cir_chassis.problems import Conflict, NotFound
from cir_chassis.trace import traceparent
from notifications.domain.recipients import NOT_MINE
from notifications.links import Reader
from notifications.store import News, NotificationsWork

log = structlog.get_logger()
OBJECTIONS = Counter("cir_addresses_not_mine_total", "Addresses whose reader said that they are not his")


async def end_mails(reader: Reader, work: NotificationsWork) -> None:
    """End the mails to an address whose reader says that it is not his; the company is notified. Once more changes nothing."""
    if not await work.judge(reader.dossier, reader.addressee, NOT_MINE):
        return
    OBJECTIONS.inc()
    log.warning("an address is not its reader's", dossier=str(reader.dossier), audience=reader.audience)
    contacts, messages = await work.contacts_of(reader.dossier), await work.messages_of(reader.dossier)
    if contacts and messages:
        kind = f"{NOT_MINE}_{reader.audience}"
        news = News(uuid4(), reader.dossier, kind, messages[0].number, [], work.clock.now(), traceparent(), *[None] * 3)
        work.plan(news, "company")


async def confirm_address(reader: Reader, work: NotificationsWork) -> None:
    """Mails to this address of this dossier are no longer held back: its reader logged in."""
    await work.judge(reader.dossier, reader.addressee, "confirmed")


async def restore_mails(
    dossier: UUID, audience: str, member: str | None, company: str | None, work: NotificationsWork
) -> None:
    """A case worker vouches for the address that this audience (or this invited member) of the dossier has now: it is mailed
    again. What ended meanwhile is not. company: the case worker's. Raises `NotFound` where it does not treat the dossier,
    `Conflict`."""
    contacts = await work.contacts_of(dossier)
    if contacts is None or contacts.company != company:
        raise NotFound("There is no such dossier, or it is not yours to see.")
    if (address := contacts.addresses(member)[audience]) is None:
        raise Conflict(f"The {audience} of this dossier has no address. Enter one in the dossier first.")
    await work.judge(dossier, work.pseudonym(address), "confirmed")
    log.info("an address is mailed again", dossier=str(dossier), audience=audience)
