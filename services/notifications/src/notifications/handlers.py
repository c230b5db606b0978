"""What makes a message: who is told of what happened is decided once, when it is heard. Read from the table at the foot."""

from collections.abc import Sequence

from cir_chassis.consumer import Handlers
from cir_schemas import ContactsRecorded, ProofAsked, StatusChanged
from notifications.domain.telling import NO_NEWS, addressees
from notifications.store import EMAIL, NO_ADDRESS, WAITING, Contacts, Message, News, NotificationsWork


def record_contacts(events: Sequence[ContactsRecorded], work: NotificationsWork) -> None:
    """Keep the newest contacts of each dossier, and tell what waited for them. A helper's address is kept by consent alone."""
    for event in events:
        before = work.contacts.find(event.dossier)
        if not work.is_newer(event, before.version if before else None):
            continue
        agreed = event.help.email if event.help and event.help.inform else None
        work.contacts.put(
            Contacts(event.dossier, event.version, event.company, event.language, event.email, helper_email=agreed)
        )
        for news in work.waiting.all():
            if news.dossier == event.dossier:
                _tell(news, work)


def tell_status(events: Sequence[StatusChanged], work: NotificationsWork) -> None:
    """Tell where the dossier stands now, and what is needed to go on."""
    for event in events:
        if event.now not in NO_NEWS:
            _tell(_news(event, event.now), work)


def tell_asks(events: Sequence[ProofAsked], work: NotificationsWork) -> None:
    """Tell that something else is asked."""
    for event in events:
        _tell(_news(event, "proof_asked"), work)


def _news(event: StatusChanged | ProofAsked, kind: str) -> News:
    asks = [ask.model_dump(mode="json") for ask in event.asks]
    return News(event.id, event.dossier, kind, event.number, asks, event.at, event.trace)


def _tell(news: News, work: NotificationsWork) -> None:
    """A message per audience; what was told already is not planned anew, or a replay would tell a helper of old news."""
    contacts = work.contacts.find(news.dossier)
    if news.event in work.told:
        return
    if contacts is None:
        work.waiting.put(news)
        return
    for audience, address in addressees(contacts.email, contacts.helper_email).items():
        work.plan(
            Message(
                event=news.event,
                audience=audience,
                channel=EMAIL,
                dossier=news.dossier,
                kind=news.kind,
                number=news.number,
                asks=news.asks,
                message_id=f"<{news.event}.{audience}.{EMAIL}@{work.domain}>" if address else None,
                state=WAITING if address else NO_ADDRESS,
                at=work.clock.now(),
                happened_at=news.at,
                trace=news.trace,
            )
        )


EVENTS: Handlers = {ContactsRecorded: record_contacts, StatusChanged: tell_status, ProofAsked: tell_asks}
"""What is heard, and what it does; contacts first."""
