"""Events become messages. Who is notified is decided once, when an event is consumed. Read from the table at the foot."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from cir_chassis.consumer import Handlers
from cir_schemas import ContactsRecorded, ProofAsked, ReferralAnswered, SituationReviewed, StatusChanged
from cir_schemas.dossier import ToBring
from notifications.domain.recipients import NO_NEWS, REFERRER, recipients
from notifications.store import Address, Contacts, News, NotificationsWork

log = structlog.get_logger()


def record_contacts(events: Sequence[ContactsRecorded], work: NotificationsWork) -> None:
    """Keep the newest contacts of each dossier, and notify of what waited for them. A helper's address takes consent."""
    for event in events:
        before = work.contacts.find(event.dossier)
        if not work.is_newer(event, before.version if before else None):
            continue
        agreed = event.help.email if event.help and event.help.inform else None
        work.contacts.put(
            Contacts(event.dossier, event.version, event.company, event.language, event.email, helper_email=agreed)
        )
        for address in event.confirmed:  # what a reader said of it since then holds: it stays as it is
            work.addresses.put(Address(event.dossier, work.pseudonym(address), "confirmed"))
        for news in work.waiting.all():
            if news.dossier == event.dossier:
                _notify(news, work)


def notify_status(events: Sequence[StatusChanged], work: NotificationsWork) -> None:
    """Notify of the new status, and of what is needed to go on."""
    for event in events:
        if event.now not in NO_NEWS:
            _notify(_news(event, event.now, event.asks), work)


def notify_asks(events: Sequence[ProofAsked], work: NotificationsWork) -> None:
    """Notify that something else is asked."""
    for event in events:
        _notify(_news(event, "proof_asked", event.asks), work)


def notify_reviews(events: Sequence[SituationReviewed], work: NotificationsWork) -> None:
    """Notify that a request about the housing situation was decided."""
    for event in events:
        _notify(_news(event, f"situation_{event.decision}"), work)


def notify_answers(events: Sequence[ReferralAnswered], work: NotificationsWork) -> None:
    """Notify of the answer to a referral, also the organisation that referred. No letter but its own names it: some refer
    for an illness alone."""
    for event in events:
        news = _news(event, f"referral_{event.answer}")
        _notify(replace(news, organisation=event.organisation), work)


def _news(
    event: StatusChanged | ProofAsked | SituationReviewed | ReferralAnswered, kind: str, asks: Sequence[ToBring] = ()
) -> News:
    asked = [ask.model_dump(mode="json") for ask in asks]
    return News(event.id, event.dossier, kind, event.number, asked, event.at, event.trace)


def _notify(news: News, work: NotificationsWork) -> None:
    """Plan a message per audience. An event is planned once: else a replay would send a new helper old news."""
    contacts = work.contacts.find(news.dossier)
    if news.event in work.planned:
        return
    if contacts is None:
        work.waiting.put(news)
        return
    found = dict(recipients(contacts.email, contacts.helper_email))
    if news.organisation:
        if (mailbox := work.mailboxes.organisations.get(news.organisation)) is None:
            log.warning("an organisation without a mailbox is not notified", organisation=news.organisation)
        found[REFERRER] = mailbox.email if mailbox else None
    for audience, address in found.items():
        work.plan(news, audience, address)


EVENTS: Handlers = {
    ContactsRecorded: record_contacts,
    StatusChanged: notify_status,
    ProofAsked: notify_asks,
    SituationReviewed: notify_reviews,
    ReferralAnswered: notify_answers,
}
"""What is consumed, and its handler; contacts first."""
