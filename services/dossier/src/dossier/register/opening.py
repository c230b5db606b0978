"""Opening a dossier: who is the caller to it, and may he do this now?"""

from typing import get_args

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound, Problem
from cir_schemas.types import DossierRef
from dossier.access import Relation, allowed, ever_allowed
from dossier.domain.acts import DECISIONS, UNDONE_THE_SAME_DAY, Situation, available_actions
from dossier.domain.household import CANDIDATES
from dossier.register.register import Actor, Register
from dossier.register.requests import ActionName
from dossier.register.store import RegisterWork
from dossier.tables import Member, RecordedAct

NO_SUCH = "There is no such dossier, or it is not yours to see."


async def opened(
    ref: DossierRef,
    caller: Caller,
    work: RegisterWork,
    *,
    to: str | None = None,
    version: int | None = None,
    lock: bool = False,
) -> Register:
    """The dossier, for the caller; the audit has it. to: the action that he is about to take, for which it is locked; none: to
    read it. version: of the facts that he read.

    Raises `NotFound` where he has nothing to do with it, `Conflict` with what is available where that action is not.
    """
    row = await work.find(ref, lock=lock or to is not None)
    register = Register(row, work) if row else None
    actor = register and actor_of(register, caller)
    if not (register and actor):
        raise NotFound(NO_SUCH)
    work.audit(caller, actor.relation, register.row.id, detail=to)
    register.actor = actor
    if to:
        await refuse_unavailable(to, register, work)
    # what sources answered since then is no conflict
    if version is not None and not register.row.declared_version <= version <= register.row.facts_version:
        now = register.row.facts_version
        raise Problem(412, f"The facts were changed meanwhile (version {now}): read them again.")
    return register


def actor_of(register: Register, caller: Caller) -> Actor | None:
    """What the caller is to the dossier; None: nothing. A login that names no company or organisation is of none."""
    row, companies, number = register.row, register.work.companies, caller.relation("number")
    member = next((one for one in register.members.values() if number and one.number == number), None)
    if caller.role == "case_worker":
        company = caller.relation("company")
        if company == row.company and not (member and member.role in CANDIDATES):
            return Actor(caller, "treating")
        # of his own dossier he is told what a company elsewhere is
        wanted = company == row.company or (row.number and company in {companies.get(at, "") for at in row.wants})
        return Actor(caller, "wanted") if wanted else None
    if caller.role == "helper":
        helper = row.help["organisation"] if row.help and row.help["inform"] else None
        return Actor(caller, "helper") if helper and works_for(helper, caller, register.work) else None
    relation = _relation(member, register) if member and caller.role == "candidate" else None
    return Actor(caller, relation, member.member) if member and relation else None


def works_for(organisation: str | None, caller: Caller, work: RegisterWork) -> bool:
    """Is it the organisation of the caller, whichever of the two is by its id or its name?"""
    known = work.organisations.organisation
    return known(organisation) == known(caller.relation("organisation"))


def _relation(member: Member, register: Register) -> Relation | None:
    standing, number = register.standing, member.number
    confirmed = standing.confirmed.get(number or "")
    as_candidate = member.role in CANDIDATES and (confirmed == "candidate" or standing.starter == number)
    if member.role == "applicant" and not as_candidate:
        return "named_applicant"  # of a closed dossier too: he appeals against what was decided about him
    if standing.closed:
        return "former" if as_candidate else None
    if member.role == "applicant":
        return "applicant"
    if member.member in register.unconfirmed:
        return "named"
    if as_candidate:
        return "partner"
    return "co_resident" if confirmed else None


async def available(register: Register, work: RegisterWork) -> list[str]:
    actor, status = register.actor, register.standing.status
    names = allowed(actor.relation, status)
    now = Situation(
        standing=register.standing,
        himself=actor.member,
        at_counter=actor.at_counter,
        unconfirmed=register.unconfirmed,
        confirmed_partner=register.confirmed_partner is not None,
        undoable="undo" in names and bool(await undoable(register, work)),
        uploaded=any(register.row.uploaded.values()),
        applicant=register.applicant.member,
        paused=register.paused,
    )
    return available_actions(names, now)


async def undoable(register: Register, work: RegisterWork) -> list[RecordedAct]:
    """The acts that the actor may take back, newest first: the newest decision of anybody, where he took it on this day; at the
    counter the newest death, as long as nothing was declared since."""
    acts = await work.acts_of(register.row.id)
    undone = {one.refers["act"] for one in acts if one.kind == "undo"}
    decisions = [one for one in acts if one.kind in DECISIONS and str(one.id) not in undone]

    def may_be_undone(one: RecordedAct) -> bool:
        if one.kind == "deceased":
            return register.actor.at_counter and one.refers["facts"] == register.row.declared_version
        his = one.kind in UNDONE_THE_SAME_DAY and one.subject == register.actor.caller.subject
        return one is decisions[-1] and his and one.act.recorded_on == work.today

    return [one for one in reversed(decisions) if may_be_undone(one)]


async def settle(register: Register) -> None:
    """Let take effect what was done, and bind the candidates: each to one dossier only (409). The answer names neither that
    dossier nor its company."""
    register.settle()
    if taken := await register.work.bind(register.row.id, register.bound):
        errors = [
            (f"members[{n}].number", "takes part in another dossier")
            for n, one in enumerate(register.row.household)
            if register.members[one["id"]].number in taken
        ]
        raise Conflict("An applicant or partner takes part in one dossier only: he leaves the other one first.", errors)


async def refuse_unavailable(action: str, register: Register, work: RegisterWork) -> None:
    if register.actor.relation == "wanted" and register.actor.caller.relation("company") == register.row.company:
        raise NotAllowed("a case worker does nothing in his own dossier: a colleague does")
    if action not in get_args(ActionName) and not ever_allowed(register.actor.relation, action):
        raise NotAllowed(f"to {action} is for others who have to do with this dossier")
    if action not in (now := await available(register, work)):
        raise Conflict(f"This is not the time for {action}: see available.", available=now)
