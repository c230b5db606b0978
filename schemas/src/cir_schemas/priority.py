"""What priority tells notifications: that somebody decided. Which group, and why, stands with the decision: either may be
an illness, and letters are read by others. The organisation that referred is named, for it is told; a letter to others is not
to name it.
"""

from typing import Literal
from uuid import UUID

from cir_schemas.envelope import Happening
from cir_schemas.types import Cents, Company, Day, DossierNumber, Municipality, Organisation

Decision = Literal["priority", "forwarded", "refused"]
Answer = Literal["accepted", "refused"]
OfferState = Literal[
    "checking", "declined", "open", "accepted", "refused", "no_answer", "withdrawn", "lapsed", "signed"
]
"""Where an offer stands: `checking` while dossier tests the conditions, `open` while the candidate may answer."""


class SituationReviewed(Happening, topic="cir.priority.v1"):
    """A request about the housing situation (woonsituatie) was decided by a case worker."""

    number: DossierNumber
    situation: UUID
    decision: Decision


class ReferralAnswered(Happening, topic="cir.priority.v1"):
    """A referral for accelerated allocation (versnelde toewijzing) was answered: accepted with certainty, or refused at once."""

    number: DossierNumber
    referral: UUID
    organisation: Organisation
    answer: Answer


class ReferralRetracted(Happening, topic="cir.priority.v1"):
    """An accepted referral was taken back by who made it, with reasons: its certainty ended."""

    number: DossierNumber
    referral: UUID
    organisation: Organisation


class ReferralHeldUp(Happening, topic="cir.priority.v1"):
    """An accepted referral gets no offer now, and its referrer is told: its certainty stays."""

    number: DossierNumber
    referral: UUID
    organisation: Organisation
    why: Literal["dossier", "agreement"] = "dossier"
    """The dossier is registered no more; or its agreement ended, and none carries its referrals on."""


class OfferHappening(Happening):
    """What every event about an offer names."""

    number: DossierNumber
    offer: UUID
    company: Company
    """That lets the home; another one may treat the dossier."""


class OfferProposed(OfferHappening, topic="cir.priority.v1"):
    """Somebody is first for a home: dossier tests the conditions (allocation), and the candidate is told nothing yet."""


class OfferOpened(OfferHappening, topic="cir.priority.v1"):
    """The conditions are met, and the home is offered."""

    municipality: Municipality
    bedrooms: int
    rent: Cents
    """A month."""
    answer_by: Day
    """The last day on which he may answer."""


class OfferReminded(OfferHappening, topic="cir.priority.v1"):
    """The term of an open offer ends soon, and nobody has answered."""

    answer_by: Day


class OfferAnswered(OfferHappening, topic="cir.priority.v1"):
    """An open offer was answered, or its term passed; or an accepted one was refused after all."""

    answer: Literal["accepted", "refused", "no_answer"]
    by: Literal["candidate", "case_worker", "register"]
    on: Day


class OfferEnded(OfferHappening, topic="cir.priority.v1"):
    """An offer ended without an answer that counts: taken back by the company, or lapsed by what somebody did to the dossier; or
    the refusal or silence was taken back."""

    was: Literal["checking", "open", "accepted", "refused", "no_answer"]
    """While it was `checking`, the candidate knew nothing of it. A refusal or silence counts no more."""
    now: Literal["withdrawn", "lapsed"]


class OfferJudged(OfferHappening, topic="cir.priority.v1"):
    """A case worker judged a refusal or a silence, or replaced his judgement: the newest of an offer counts."""

    well_founded: bool
    refused_on: Day
    unfounded: int
    """How many refusals and silences of the dossier count as unfounded now."""


class LeaseSigned(OfferHappening, topic="cir.priority.v1"):
    """The home is let: the dossier is housed."""

    signed_on: Day


class LeaseUndone(OfferHappening, topic="cir.priority.v1"):
    """A lease that is on record by mistake is taken back: the offer is accepted again, and the dossier is as before it."""
