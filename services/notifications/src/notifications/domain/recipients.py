"""Who is notified of what, and whether an address may be mailed: the candidate always, a helper only because the candidate
agreed, nobody twice, and no stranger more than a few times a day."""

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Final, Literal, get_args
from uuid import UUID

Audience = Literal["candidate", "partner", "member", "helper", "referrer", "company"]
"""Partner: once he confirmed. Member: who is invited to confirm, or was removed by another. Referrer: the organisation that
referred a candidate, told what became of it in a letter of its own. Company: the one that treats the dossier."""
OPERATORS_OWN = frozenset({"referrer", "company"})
"""Audiences whose mailbox dossier publishes, from files of the operators. The addresses of all others were typed by whoever
applied: maybe a stranger's."""

NO_NEWS = frozenset({"draft", "housed"})
"""Kinds of which nobody is told: who works at a draft knows it, and the letter about a lease tells who is housed."""
PROOF_ASKED: Final = "proof_asked"
INVITED: Final = "member_invited"
_ROLES, _WHY = ("applicant", "partner", "co_resident"), ("left", "removed", "died")
LEFT = frozenset(f"{role}_{why}" for role, why in product(_ROLES, _WHY))
"""Kinds that tell of somebody who is no longer in the household: his role, and why."""
REMOVED: Final = "removed"
"""What he reads whom another removed."""
REPLACED = frozenset({"replaced_left", "replaced_died"})
"""Kinds that tell the partner that he is the applicant now."""
UNREACHABLE: Final = "unreachable"
"""The company is told that a new applicant has no address, or (that lets the home) that `TERMED` did not reach the candidate."""
HOLDS = frozenset({"on_hold", "woken"})
APPEALS = frozenset({"appealed", "appealed_late", "appeal_upheld", "appeal_rejected"})
REOPENED = frozenset({"reinstated", "corrected"})
_OUTCOMES = (
    "accepted",
    "refused",
    "no_answer",
    "founded",
    "unfounded",
    "unfounded_again",
    "withdrawn",
    "lapsed",
    "undone",
)
TERMED = frozenset({"offer_opened", "offer_reminded"})
"""Kinds that tell until when to answer: who does not know it refuses by silence."""
OFFERS = frozenset(f"offer_{what}" for what in ("opened", "reminded", *_OUTCOMES, "signed", "lease_undone"))
"""Kinds about an offer of a home, up to its lease; `founded` and so on: a refusal or silence was judged; `undone`: taken back."""
TO_REFERRER = frozenset({"referral_held_up", "referral_stranded"})
"""Kinds that the organisation alone reads: the candidate has a letter about his status."""
DOCUMENTS = frozenset({"document_accepted", "document_rejected", "document_undone", "document_replaced"})
PROVOKED = (
    frozenset({"submitted", "registered", "under_investigation", "withdrawn", PROOF_ASKED, INVITED, REMOVED})
    | {kind for kind in LEFT if not kind.endswith("died")}
    | {*HOLDS, "appealed", "appealed_late", "corrected", "document_replaced"}
)
"""Kinds that a candidate can bring about by himself, again and again. All others take a decision of somebody else."""
NOT_MINE: Final = "not_mine"
"""A reader said that an address is not that of who should read it: a kind of message to the company, and a `Standing`."""

Standing = Literal["confirmed", "not_mine"]
"""Of an address in a dossier: somebody vouched for it, or its reader said that it is not his."""

TEMPLATE_OF = {
    **{status: status for status in ("submitted", "registered", "under_investigation")},
    **dict.fromkeys(("refused", "struck", "withdrawn", "housed"), "closed"),
    **{kind: kind for kind in (PROOF_ASKED, INVITED, REMOVED, UNREACHABLE)},
    **dict.fromkeys(LEFT, "member_left"),
    **dict.fromkeys(REPLACED, "replaced"),
    **dict.fromkeys(HOLDS, "hold"),
    **dict.fromkeys(APPEALS, "appeal"),
    **dict.fromkeys(REOPENED, "reopened"),
    **dict.fromkeys(DOCUMENTS, "document"),
    **dict.fromkeys(("situation_priority", "situation_forwarded", "situation_refused"), "situation"),
    **dict.fromkeys(("referral_accepted", "referral_refused", "referral_retracted"), "referral"),
    **dict.fromkeys(OFFERS, "offer"),
    **dict.fromkeys(TO_REFERRER, "referrer"),
    **{f"{NOT_MINE}_{audience}": NOT_MINE for audience in get_args(Audience) if audience not in OPERATORS_OWN},
}
"""Kind → the template of its letter; the referrer's is one of its own."""
_HOUSEHOLD: Sequence[Audience] = ("candidate", "partner", "helper")
_NOTIFIED: Mapping[str, Sequence[Audience]] = {
    INVITED: ("member",),
    **dict.fromkeys(LEFT, ("candidate", "partner")),
    **dict.fromkeys(REPLACED, ("candidate",)),
    **dict.fromkeys(TO_REFERRER, ()),
}
"""Kind → audiences, where these are not candidate, partner and helper."""


def recipients(kind: str, addresses: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """Audience → email address, of everybody who is notified of one happening.

    addresses: by audience, None where there is none or the candidate did not agree. The first audience is always there,
    with None where no address is known: somebody must see that he still has to be told. One address gets one mail.
    """
    found: dict[str, str | None] = {}
    for audience in _NOTIFIED.get(kind, _HOUSEHOLD):
        address = addresses[audience]
        if not found or (address and address.casefold() not in {(one or "").casefold() for one in found.values()}):
            found[audience] = address
    return found


def readers(kind: str, audience: str, told: Collection[str], persons: Mapping[str, str]) -> list[str]:
    """Whom a message is for, of these persons (role → pseudonym, of a partner once he confirmed). told: the audiences that this
    happening is mailed to: a partner without a mail of his own reads the candidate's, where it is for both."""
    roles = {"candidate": ["applicant"], "partner": ["partner"]}.get(audience, [])
    both = audience == "candidate" and "partner" not in told and "partner" in _NOTIFIED.get(kind, _HOUSEHOLD)
    return [persons[role] for role in (*roles, *["partner"] * both) if role in persons]


def standing(dossier: UUID, known: Mapping[UUID, Standing]) -> Standing | None:
    """How an address stands in a dossier. known: dossier → standing, of that address, wherever somebody said anything.

    `not_mine` holds in every dossier but those where the address was confirmed: else whoever names it in a dossier of his
    own could have its owner's mails ended. Confirmed is for one dossier alone: else he could flood its owner.
    """
    return known.get(dossier) or (NOT_MINE if NOT_MINE in known.values() else None)
