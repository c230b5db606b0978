"""The rights: one table of role, relation and status. Nobody may do anything that it does not name."""

from collections.abc import Mapping
from uuid import UUID

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound
from cir_chassis.pseudonym import pseudonym
from cir_schemas.types import DossierRef
from priority.allocation import Offer
from priority.domain.offers import CLOSED
from priority.store import Candidacy, PriorityWork

WAITING = ("submitted", "registered", "under_investigation")
"""Statuses in which a dossier waits for a dwelling."""
ALWAYS = ("draft", *WAITING, *CLOSED)

READ_OWN = {
    "read_positions": ALWAYS,
    "read_situations": ALWAYS,
    "read_referrals": ALWAYS,
    "read_offers": ALWAYS,
    "request_priority": WAITING,
}
READ_AGREED = dict.fromkeys(("read_agreements", "read_ledger", "read_figures", "read_special"), ALWAYS)
OFFER = (
    "announce",
    "read_next",
    "propose_offer",
    "allocate",
    "withdraw_vacancy",
    "read_offers",
    "answer",
    "judge",
    "undo",
    "withdraw",
    "sign",
)
LET = dict.fromkeys(("read_waiting_list", "list_situations", *OFFER), ALWAYS)
MAY: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]] = {
    # role, relation → action → the statuses of a dossier in which it may be done to it
    ("candidate", "own dossier"): {**READ_OWN, "answer": ALWAYS},
    ("case_worker", "dossier of the company"): {**READ_OWN, "review": ALWAYS},
    ("case_worker", "company"): {**LET, **READ_AGREED, "read_ledger_numbers": ALWAYS},
    ("case_worker", "organisation"): {"refer": WAITING, "retract": ALWAYS, "list_referrals": ALWAYS},
    ("council", "company"): {**READ_AGREED, "propose": ALWAYS, "adopt": ALWAYS},
    ("helper", "organisation"): {
        "refer": WAITING,
        "retract": ALWAYS,
        "list_referrals": ALWAYS,
        "list_forwarded": ALWAYS,
    },
}


def roles(*actions: str) -> tuple[str, ...]:
    """The roles that may do one of these at all, whatever the relation."""
    return tuple(dict.fromkeys(role for (role, _), held in MAY.items() if held.keys() & set(actions)))


def may(actor: Caller, relation: str, action: str) -> bool:
    """Whether he may do this where he stands in that relation."""
    return action in MAY.get((actor.role, relation), {})


def company_of(actor: Caller, action: str) -> str:
    """The company that he works for, or sits in the council of, if he may do this for it. Raises `NotAllowed`."""
    return _held(actor, "company", "company", action)


def organisation_of(actor: Caller, action: str) -> str:
    """The organisation that he works for; a company may be a referrer as well. Raises `NotAllowed`."""
    return _held(actor, "organisation", "organisation" if actor.role == "helper" else "company", action)


def _held(actor: Caller, relation: str, claim: str, action: str) -> str:
    if not may(actor, relation, action):
        raise NotAllowed(f"this is for: {', '.join(roles(action))}")
    if (name := actor.relation(claim)) is None:
        raise NotAllowed(f"your login names no {'housing company' if claim == 'company' else claim}")
    return name


async def dossier_for(
    actor: Caller, action: str, ref: DossierRef, work: PriorityWork, *, lock: bool = False
) -> Candidacy:
    """The dossier, if he may do this to it; the audit has it. Raises `NotFound`: to anybody else it does not exist; `Conflict`:
    not now."""
    known = await work.find(ref, lock=lock)
    if known:
        keep_apart(actor, known, work)
    for relation in (known and _relations(actor, known, work)) or ():
        if known and may(actor, relation, action):
            check_status(actor, relation, action, known)
            work.audit(actor, relation, known.dossier)
            return known
    raise NotFound("There is no such dossier, or it is not yours to see.")


def _relations(actor: Caller, known: Candidacy, work: PriorityWork) -> list[str]:
    number = actor.relation("number")
    relations = {
        "own dossier": number and pseudonym(number, work.person_key) in (known.candidates or ()),
        "dossier of the company": known.company and known.company == actor.relation("company"),
    }
    return [relation for relation, holds in relations.items() if holds]


def keep_apart(actor: Caller, known: Candidacy, work: PriorityWork) -> None:
    """Raises `NotAllowed` where a case worker would decide about his own dossier."""
    if actor.role == "case_worker" and "own dossier" in _relations(actor, known, work):
        raise NotAllowed("this is your own dossier: a colleague treats it")


async def offer_for(
    actor: Caller, action: str, id: UUID, work: PriorityWork, *, lock: bool = False
) -> tuple[Offer, str]:
    """The offer, if he may do this to it, and his relation to it; the audit has it. lock: nobody else changes it until the
    commit. Raises `NotFound`."""
    offer = await work.allocation.offer(id)
    known = await work.find(offer.dossier, lock=lock) if offer else None
    if offer and lock:
        offer = await work.allocation.offer(id)  # as who held the lock left it
    for relation in visible(actor, offer, known, work) if offer and known else ():
        if offer and may(actor, relation, action):
            work.audit(actor, relation, offer.dossier, detail=offer.vacancy)
            return offer, relation
    raise NotFound("There is no such offer, or it is not yours to see.")


def visible(actor: Caller, offer: Offer, known: Candidacy, work: PriorityWork) -> list[str]:
    """His relations to an offer that he may see. The candidate is told nothing before it opens."""
    keep_apart(actor, known, work)
    relations = ["company"] if offer.company == actor.relation("company") else []
    relations += [one for one in _relations(actor, known, work) if one != "own dossier" or offer.answer_by]
    return [relation for relation in relations if may(actor, relation, "read_offers")]


def check_status(actor: Caller, relation: str, action: str, known: Candidacy) -> None:
    """Raises `Conflict` where this is not done to a dossier of that status."""
    if known.status not in MAY[actor.role, relation][action]:
        draft, over = "a draft still: submit it first", f"{known.status}: it waits for no dwelling any more"
        raise Conflict(f"This dossier is {draft if known.status == 'draft' else over}.")
