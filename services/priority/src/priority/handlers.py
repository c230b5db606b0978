"""Handlers of events. The table at the foot lists the events that priority consumes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import structlog

from cir_chassis.consumer import Handlers
from cir_schemas import (
    CandidacyRecorded,
    CompanyRecorded,
    OfferConfirmed,
    OfferDeclined,
    OfferEnded,
    OfferOpened,
    OrganisationRecorded,
    ReferralHeldUp,
)
from cir_schemas.types import euro
from priority import rules
from priority.allocation import Offer
from priority.domain.offers import CLOSED, check, is_over, lapses
from priority.domain.ranking import ON_THE_LIST, number_parts
from priority.offers import fall_silent
from priority.store import Candidacy, Company, Organisation, PriorityWork

log = structlog.get_logger()
E = TypeVar("E", OfferConfirmed, OfferDeclined)


def record_candidacies(events: Sequence[CandidacyRecorded], work: PriorityWork) -> None:
    """Keep the newest candidacy of each dossier, and its places; an older or repeated one changes nothing."""
    for event in events:
        known = work.candidacies.find(event.dossier)
        if work.is_newer(event, known.version if known else None):
            day, nth = number_parts(event.number) if event.number else (None, None)
            content = event.model_dump(mode="json", include={"wants", "residence", "informal_care_in", "candidates"})
            work.place(
                Candidacy(
                    dossier=event.dossier,
                    version=event.version,
                    status=event.status,
                    number=event.number,
                    number_day=day,
                    number_nth=nth,
                    registered_on=event.registered_on,
                    persons=event.persons,
                    paused_until=event.paused_until,
                    company=event.company,
                    placed=event.version,
                    **content,
                )
            )
            _end_offers(event, work)
            if known and known.status == ON_THE_LIST and event.status not in (ON_THE_LIST, "housed"):
                _tell_referrers(event, work)


def _end_offers(event: CandidacyRecorded, work: PriorityWork) -> None:
    """What somebody did to the dossier lapses its offer; once it is housed, its lease keeps it off no list any more. Who may get
    offers now is kept from no vacancy by a reason of before."""
    paused = event.paused_until is not None and work.clock.today() < event.paused_until
    for offer in [one for one in work.allocation.offers.all() if one.dossier == event.dossier]:
        if offer.state == "declined" and event.status == ON_THE_LIST and not paused:
            work.move(offer, "lapsed", "dossier", remind_on=None)
        if not offer.holds:
            continue
        if offer.state == "open" and is_over(work.clock.today(), offer.answer_by):
            offer = fall_silent(offer, work)  # before the register looked: no hold makes a silence undone
        if lapses(offer.state, event.status, event.on_hold, event.company == offer.company):
            work.move(offer, "lapsed", "dossier")
            ended = {**offer.about, "was": offer.state, "now": "lapsed"}
            work.publish(OfferEnded.model_validate(ended), because_of=event)
        elif event.status in CLOSED and offer.state == "signed":
            work.allocation.offers.put(replace(offer, holds=False))


def _tell_referrers(event: CandidacyRecorded, work: PriorityWork) -> None:
    """Certainty stays, but nothing is offered now: who referred it can help."""
    for one in work.allocation.referrals.all():
        if one.dossier == event.dossier and one.answer == "accepted" and one.retracted_at is None:
            work.publish(ReferralHeldUp.model_validate(one.about), because_of=event)


def record_companies(events: Sequence[CompanyRecorded], work: PriorityWork) -> None:
    """Keep where each company lets homes."""
    for event in events:
        known = work.companies.find(event.company)
        if work.is_newer(event, known.version if known else None):
            work.companies.put(Company(event.company, event.version, list(event.municipalities)))


def record_organisations(events: Sequence[OrganisationRecorded], work: PriorityWork) -> None:
    """Keep how each organisation is called."""
    for event in events:
        known = work.organisations.find(event.organisation)
        if work.is_newer(event, known.version if known else None):
            work.organisations.put(Organisation(event.organisation, event.version, event.name))


def _checked(take: Callable[[E, Offer, PriorityWork], None], events: Sequence[E], work: PriorityWork) -> None:
    """What dossier found about an offer that is checked. One that is not any more stays as it is: a repeat changes nothing."""
    for event in events:
        if (offer := work.allocation.offers.find(event.offer)) is None:
            log.warning("an event about an offer that is not here", type=event.type, id=str(event.id))
        elif offer.state == "checking" and offer.dossier == event.dossier:
            take(event, offer, work)


def open_offer(event: OfferConfirmed, offer: Offer, work: PriorityWork) -> None:
    """The conditions are met: the candidate is told, and has his term to answer. In a freeze that began since nothing is offered:
    it lapses, the vacancy keeps its turn, and whoever is first is proposed after it."""
    vacancy = work.allocation.vacancies.get(offer.company, offer.vacancy)
    if work.allocation.frozen_until(vacancy, work.clock.today()):
        check(offer.state, "lapsed")
        work.note(replace(offer, state="lapsed", holds=False), "frozen", "register", was=offer.state)
        work.publish(OfferEnded.model_validate({**offer.about, "was": "checking", "now": "lapsed"}), because_of=event)
        return
    today = work.clock.today()
    answer_by = rules.answer_by(today)
    work.move(offer, "open", "dossier", opened_on=today, answer_by=answer_by, remind_on=rules.remind_on(answer_by))
    home = {"municipality": vacancy.municipality, "bedrooms": vacancy.bedrooms, "rent": euro(vacancy.rent or 0)}
    opened = OfferOpened.model_validate({**offer.about, **home, "answer_by": answer_by})
    work.publish(opened, because_of=event)


def decline_offer(event: OfferDeclined, offer: Offer, work: PriorityWork) -> None:
    """The home cannot be offered to it now: the next one is first. The candidate was told nothing, and is
    kept from this vacancy as long as the reason lasts."""
    today = work.clock.today()
    work.move(offer, "declined", "dossier", event.reasons, remind_on=today + rules.days("declined_days", today))


EVENTS: Handlers = {
    CandidacyRecorded: record_candidacies,
    CompanyRecorded: record_companies,
    OrganisationRecorded: record_organisations,
    OfferConfirmed: partial(_checked, open_offer),
    OfferDeclined: partial(_checked, decline_offer),
}
