"""Events become messages. Who is notified is decided once, when an event is consumed. Read from the table at the foot."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from cir_chassis.consumer import Handlers
from cir_schemas import dossier, priority
from cir_schemas.envelope import Happening
from notifications.domain.recipients import (
    INVITED,
    NO_NEWS,
    PROOF_ASKED,
    REMOVED,
    REPLACED,
    TERMED,
    UNREACHABLE,
    recipients,
)
from notifications.store import Address, Contacts, Entry, News, NotificationsWork

log = structlog.get_logger()


def record_contacts(events: Sequence[dossier.ContactsRecorded], work: NotificationsWork) -> None:
    """Keep the newest contacts of each dossier, and notify of what waited for them. A helper's address takes consent."""
    for event in events:
        before = work.contacts.find(event.dossier)
        if not work.is_newer(event, before.version if before else None):
            continue
        if before:
            work.former |= {(event.dossier, member): email for member, email in before.members.items()}
        agreed = event.help.email if event.help and event.help.inform else None
        members = {one.member: one.email for one in event.members}
        readers = [one.model_dump() for one in event.readers]
        given = vars(event) | {"helper_email": agreed, "members": members, "readers": readers}
        work.contacts.put(Contacts(**{name: given[name] for name in Contacts.__annotations__}))
        for address in event.confirmed:  # what a reader said of it since then holds: it stays as it is
            work.addresses.put(Address(event.dossier, work.pseudonym(address), "confirmed"))
        for news in work.waiting.all():
            if news.dossier == event.dossier:
                _notify(news, work)


def record_directory(
    events: Sequence[dossier.CompanyRecorded | dossier.OrganisationRecorded], work: NotificationsWork
) -> None:
    """Keep how each company and organisation is named and reached; what waited for its mailbox is sent."""
    for event in events:
        audience = "company" if isinstance(event, dossier.CompanyRecorded) else "referrer"
        known = work.directory.find(audience, event.key)
        if work.is_newer(event, known.version if known else None):
            work.directory.put(Entry(audience, event.key, event.version, event.name, event.phone, event.mailbox))


def notify(events: Sequence[Happening], work: NotificationsWork) -> None:
    """Notify of what happened."""
    for event in events:
        kind = KINDS[type(event)].format_map(vars(event))
        if isinstance(event, dossier.StatusChanged) and event.decision:  # its letter tells more than the status does
            kind = event.decision
        if isinstance(event, priority.OfferJudged):
            kind = f"offer_{'founded' if event.well_founded else 'unfounded_again' if event.unfounded > 1 else 'unfounded'}"
        if isinstance(event, priority.ReferralHeldUp) and event.why == "agreement":
            kind = "referral_stranded"
        if isinstance(event, priority.OfferEnded):
            if event.was == "checking":
                continue  # the candidate knew nothing of it
            kind = "offer_undone" if event.was in ("refused", "no_answer") else kind
        asks = [ask.model_dump(mode="json") for ask in getattr(event, "asks", ())]
        given: dict[str, Any] = {name: getattr(event, name, None) for name in News.__annotations__}
        told = (
            event.model_dump(mode="json", include=OF_AN_OFFER) if isinstance(event, priority.OfferHappening) else None
        )
        if kind not in NO_NEWS:
            _notify(News(**given | {"event": event.id, "kind": kind, "asks": asks, "offer": told}), work)


def _notify(news: News, work: NotificationsWork) -> None:
    """Plan a message per audience. An event is planned once: else a replay would send a new helper old news."""
    contacts = work.contacts.find(news.dossier)
    if news.event in work.planned:
        return
    if contacts is None:
        work.waiting.put(news)
        return
    found = dict(recipients(news.kind, contacts.addresses(news.member)))
    for audience, address in found.items():
        work.plan(news, audience, address, found)
    if news.organisation:
        work.plan(news, "referrer")
    if news.member and news.kind.endswith(f"_{REMOVED}"):
        address = contacts.members.get(news.member) or work.former.get((news.dossier, news.member))
        work.plan(replace(news, kind=REMOVED), "member", address)
    if news.kind in REPLACED | TERMED and not contacts.email:
        work.plan(replace(news, kind=UNREACHABLE), "company")


OF_AN_OFFER = {"company", "municipality", "bedrooms", "rent", "answer_by", "on"}
"""Fields that its letters tell."""
KINDS: Mapping[type[Happening], str] = {
    dossier.StatusChanged: "{now}",
    dossier.DecisionTaken: "{decision}",
    dossier.DocumentInterpreted: "document_{decision}",
    dossier.ProofAsked: PROOF_ASKED,
    priority.SituationReviewed: "situation_{decision}",
    priority.ReferralAnswered: "referral_{answer}",
    priority.ReferralRetracted: "referral_retracted",
    priority.ReferralHeldUp: "referral_held_up",
    priority.OfferOpened: "offer_opened",
    priority.OfferReminded: "offer_reminded",
    priority.OfferAnswered: "offer_{answer}",
    priority.OfferJudged: "offer_judged",
    priority.OfferEnded: "offer_{now}",
    priority.LeaseSigned: "offer_signed",
    priority.LeaseUndone: "offer_lease_undone",
    dossier.MemberInvited: INVITED,
    dossier.MemberLeft: "{role}_{why}",
    dossier.ApplicantReplaced: "replaced_{why}",
}
"""Happening → kind of message, with fields of the happening. `recipients` has whom it goes to."""

EVENTS: Handlers = {
    **dict.fromkeys((dossier.CompanyRecorded, dossier.OrganisationRecorded), record_directory),
    dossier.ContactsRecorded: record_contacts,
    **dict.fromkeys(KINDS, notify),
}
"""What is consumed, and its handler; contacts first."""
