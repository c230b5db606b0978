"""The rights: one table of role, relation and status. Nobody may do anything that it does not name."""

from collections.abc import Mapping

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound
from cir_chassis.pseudonym import pseudonym
from cir_schemas.types import DossierRef
from priority.allocation import OVER
from priority.store import Candidacy, PriorityWork

WAITING = ("submitted", "registered", "under_investigation")
"""Statuses in which a dossier waits for a dwelling."""
ALWAYS = ("draft", *WAITING, *OVER)

READ_OWN = {"read_positions": ALWAYS, "read_situations": ALWAYS, "read_referrals": ALWAYS, "request_priority": WAITING}
READ_AGREED = {"read_agreements": ALWAYS, "read_ledger": ALWAYS}
LET = dict.fromkeys(("read_waiting_list", "list_situations", "announce", "read_next", "choose"), ALWAYS)
MAY: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]] = {
    # role, relation → action → the statuses of a dossier in which it may be done to it
    ("candidate", "own dossier"): READ_OWN,
    ("case_worker", "dossier of the company"): {**READ_OWN, "review": ALWAYS},
    ("case_worker", "company"): {**LET, **READ_AGREED, "read_ledger_numbers": ALWAYS},
    ("case_worker", "organisation"): {"refer": WAITING, "list_referrals": ALWAYS},
    ("council", "company"): {**READ_AGREED, "propose": ALWAYS, "adopt": ALWAYS},
    ("helper", "organisation"): {"refer": WAITING, "list_referrals": ALWAYS, "list_forwarded": ALWAYS},
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
    known, number = await work.find(ref, lock=lock), actor.relation("number")
    relations = {
        "own dossier": known and number and pseudonym(number, work.person_key) in (known.candidates or ()),
        "dossier of the company": known and known.company and known.company == actor.relation("company"),
    }
    for relation, holds in relations.items():
        if known and holds and may(actor, relation, action):
            check_status(actor, relation, action, known)
            work.audit(actor, relation, known.dossier)
            return known
    raise NotFound("There is no such dossier, or it is not yours to see.")


def check_status(actor: Caller, relation: str, action: str, known: Candidacy) -> None:
    """Raises `Conflict` where this is not done to a dossier of that status."""
    if known.status not in MAY[actor.role, relation][action]:
        draft, over = "a draft still: submit it first", f"{known.status}: it waits for no dwelling any more"
        raise Conflict(f"This dossier is {draft if known.status == 'draft' else over}.")
