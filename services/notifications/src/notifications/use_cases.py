"""What people say of an address: its reader that it is not his, or that it is; a case worker that it is right after all."""

from dataclasses import replace
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound
from cir_chassis.trace import traceparent
from notifications.domain.recipients import NOT_MINE
from notifications.links import Reader
from notifications.store import SUPERSEDED, WITHDRAWN, Contacts, Message, News, NotificationsWork

UNSENT = (SUPERSEDED, WITHDRAWN)
log = structlog.get_logger()
OBJECTIONS = Counter("cir_addresses_not_mine_total", "Addresses whose reader said that they are not his")


async def end_mails(reader: Reader, work: NotificationsWork) -> None:
    """End the mails to an address whose reader says that it is not his; the company is notified. Once more changes nothing."""
    if not await work.judge(reader.dossier, reader.addressee, NOT_MINE):
        return
    OBJECTIONS.inc()
    someone = Caller(
        reader.addressee, "reader", {}, "POST /not-mine"
    )  # nobody logs in: known by the pseudonym of the address
    work.audit(someone, reader.audience, reader.dossier)
    log.warning("an address is not its reader's", dossier=str(reader.dossier), audience=reader.audience)
    contacts, messages = await work.contacts_of(reader.dossier), await work.messages_of(reader.dossier)
    if contacts and messages:
        kind = f"{NOT_MINE}_{reader.audience}"
        news = News(uuid4(), reader.dossier, kind, messages[0].number, [], work.clock.now(), traceparent(), *[None] * 6)
        work.plan(news, "company")


async def confirm_address(reader: Reader, caller: Caller, work: NotificationsWork) -> None:
    """Mails to this address of this dossier are no longer held back: its reader logged in."""
    by_address = replace(caller, subject=reader.addressee)  # his login may be his national number
    work.audit(by_address, reader.audience, reader.dossier)
    await work.judge(reader.dossier, reader.addressee, "confirmed")


async def messages_of(dossier: UUID, caller: Caller, work: NotificationsWork) -> list[Message]:
    """Every message of a dossier, oldest first. Raises `NotFound` where the caller's company does not treat it."""
    await _treated(dossier, caller, work)
    return await work.messages_of(dossier)


async def mine(caller: Caller, work: NotificationsWork) -> list[tuple[Contacts, list[Message]]]:
    """Of each dossier whose messages a candidate may read, those that were for him, oldest first: not what was never to be sent
    to him after all. Raises `NotAllowed`."""
    if caller.role != "candidate":
        raise NotAllowed("this is for: candidate")
    if (number := caller.relation("number")) is None:
        return []
    person = work.person(number)
    found = await work.read_by(person)
    work.audit(replace(caller, subject=person), "own dossier", *(one.dossier for one in found))
    return [
        (one, [m for m in await work.messages_of(one.dossier) if person in m.readers and m.state not in UNSENT])
        for one in found
    ]


async def restore_mails(
    dossier: UUID, audience: str, member: str | None, caller: Caller, work: NotificationsWork
) -> None:
    """A case worker vouches for the address that this audience (or this invited member) of the dossier has now: it is mailed
    again. What ended meanwhile is not. Raises `NotFound` where his company does not treat the dossier, `Conflict`."""
    contacts = await _treated(dossier, caller, work)
    if (address := contacts.addresses(member)[audience]) is None:
        raise Conflict(f"The {audience} of this dossier has no address. Enter one in the dossier first.")
    await work.judge(dossier, work.pseudonym(address), "confirmed")
    log.info("an address is mailed again", dossier=str(dossier), audience=audience)


async def _treated(dossier: UUID, caller: Caller, work: NotificationsWork) -> Contacts:
    contacts = await work.contacts_of(dossier)
    if contacts is None or contacts.company != caller.relation("company"):
        raise NotFound("There is no such dossier, or it is not yours to see.")
    work.audit(caller, "treating", dossier)
    return contacts
