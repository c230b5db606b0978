"""What events do: an assessment that arrives may move a dossier, and what becomes of an offer is put on its record. Read from the
table at the foot."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import structlog

from cir_chassis.consumer import Handlers
from cir_chassis.login import Caller
from cir_schemas import HouseholdAssessed, OfferDeclined
from cir_schemas.priority import LeaseSigned, LeaseUndone, OfferAnswered, OfferEnded, OfferJudged, OfferProposed
from dossier.domain.acts import Standing
from dossier.register.appeals import terms_on
from dossier.register.asks import ask_again
from dossier.register.offers import hindrances
from dossier.register.register import Actor, Register
from dossier.register.store import RegisterWork

log = structlog.get_logger()
OfferEvent = OfferProposed | OfferAnswered | OfferJudged | OfferEnded | LeaseSigned | LeaseUndone


def take_assessments(events: Sequence[HouseholdAssessed], work: RegisterWork) -> None:
    """Keep the newest assessment of each dossier, and let it count if it may."""
    for event in events:
        row = work.dossiers.find(event.dossier)
        if row is None:
            log.info("an assessment of no dossier of ours, or of an erased draft", dossier=event.key)
        elif work.is_newer(event, row.assessment_version):
            row.assessment, row.assessment_version = event.assessment.model_dump(mode="json"), event.version
            row.assessed_version, row.assessed_test = event.facts_version, str(event.test) if event.test else None
            Register(row, work).settle(because_of=event)


def take_offers(events: Sequence[OfferEvent], work: RegisterWork) -> None:
    """Put what became of an offer on record, each thing once, and let follow what follows from it."""
    for event in events:
        row = work.dossiers.find(event.dossier)
        if row is None or row.number is None:
            log.warning("an offer to no dossier of ours, or to a draft", dossier=event.key, offer=str(event.offer))
            if isinstance(event, OfferProposed):  # again if it comes again: nothing is kept of it
                about = event.model_dump(include={"dossier", "number", "offer"})
                work.publish(OfferDeclined(**about, reasons=("not_registered",)), event)
            continue
        register = Register(row, work)
        if _is_news(event, register.standing):
            _record(event, register)
            register.settle(because_of=event)


def _is_news(event: OfferEvent, standing: Standing) -> bool:
    """The newest event of an offer counts, whatever the order of arrival; the end of one is the last, unless it is a lease
    that is taken back. The same judgement once more is none: it would bring back a pause that was ended."""
    known = standing.offers.get(str(event.offer))
    if known is None or isinstance(event, OfferProposed):
        return known is None
    newer = known.at is None or event.at > known.at
    if known.act in ("offer_withdrawn", "offer_lapsed", "lease"):
        return known.act == "lease" and isinstance(event, LeaseUndone) and newer
    if isinstance(event, OfferJudged) and known.act == _judgement(event):
        return False
    return isinstance(event, OfferEnded) or newer


def _judgement(event: OfferJudged) -> str:
    return "refusal_founded" if event.well_founded else "refusal_unfounded"


def _record(event: OfferEvent, register: Register) -> None:
    """The act that tells it, by who acted at priority."""
    refers: dict[str, Any] = {"offer": str(event.offer), "at": event.at.isoformat()}
    by, on = "case_worker", register.work.today
    match event:
        case OfferProposed():
            kind, by, refers["test"] = "check_offer", "register", str(uuid4())
            refers["company"] = event.company
        case OfferAnswered():
            kind, by, on = f"offer_{event.answer}", event.by, event.on
        case OfferJudged():
            kind = _judgement(event)
            if not event.well_founded:
                paused_until = terms_on(event.refused_on).after_refusal.after(event.refused_on)
                refers |= {"refused_on": event.refused_on.isoformat(), "paused_until": paused_until.isoformat()}
        case OfferEnded():
            kind = f"offer_{event.now}"
        case LeaseSigned():
            kind, on, refers["company"] = "lease", event.signed_on, event.company
            register.work.release(register.row.id)
        case LeaseUndone():
            kind, refers["test"] = "lease_undone", str(uuid4())
    closed = register.standing.closed
    register.actor = Actor(Caller("priority", by, {}), "register")
    register.record(kind, on=on, **refers)
    if closed and not register.standing.closed:
        register.decision = "reinstated"
        register.work.bind_again(register.row.id, register.bound)
    if isinstance(event, OfferProposed) and not hindrances(register, register.standing.offers[refers["offer"]]):
        ask_again(register)


EVENTS: Handlers = {
    HouseholdAssessed: take_assessments,
    **dict.fromkeys((LeaseUndone, OfferEnded, OfferProposed, OfferAnswered, OfferJudged, LeaseSigned), take_offers),
}
"""What is consumed, and what it does. A lease is taken back before its offer ends, and what ended is known before what is
proposed next."""
