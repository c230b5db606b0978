"""Actions on a submitted dossier: decisions of people, leaving, a death, a former date, and taking back what was recorded by
mistake."""

from dataclasses import replace
from datetime import date
from typing import Any, get_args
from uuid import UUID, uuid4

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, Problem
from dossier.documents.interpretation import take_back
from dossier.domain.acts import standing
from dossier.facts.compose import STRUCTURE
from dossier.register.appeals import answer_appeal, appeal
from dossier.register.opening import available, bind, opened, undoable
from dossier.register.register import Register
from dossier.register.requests import ActionRequest, ActionTaken, AppealGround, StrikeGround
from dossier.register.store import Member, RegisterWork, read_standing


async def act(ref: UUID, body: ActionRequest, caller: Caller, work: RegisterWork) -> ActionTaken:
    """Take an action on a submitted dossier. Raises `Conflict` with what is available where that one is not."""
    register = await opened(ref, caller, work, to=body.action)
    if not body.reasons and (register.actor.at_counter or body.action == "undo"):
        raise Problem(422, "A case worker gives the reasons of what he does.", [("reasons", "at least one")])
    refuse_impossible_action(body, register, work.today)
    id_ = await _ACTIONS[body.action](body, register, work)
    register.settle()
    await bind(register, work)
    return ActionTaken(id=id_, status=register.row.status)


async def _withdraw(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    return register.record("withdraw", reasons=body.reasons, on=body.on).id


async def _leave(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """The applicant separates: the partner keeps number and date."""
    person, changed = register.applicant.number, _replace_applicant(register, "left")
    return register.record("leave", person=person, reasons=body.reasons, on=body.on, **changed).id


async def _deceased(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """A confirmed partner becomes applicant; without one an applicant's dossier is closed, and nobody is mailed."""
    if body.member not in register.members:
        raise Problem(422, "Who died? Give the id of a member of the household.", [("member", "not in the household")])
    member, person, before = register.members[body.member], register.persons[body.member], _restorable(register)
    closes = False
    if member.role != "applicant":
        changed = register.remove(member.member)
        register.tell_left(member, "died")
    elif register.confirmed_partner:
        changed = _replace_applicant(register, "died")
    else:
        changed, closes = {}, True
        register.change(email=None, phone=None, help=None, vouched=[])
    about = {"before": before, "facts": register.row.declared_version, "closes": closes, **changed}
    return register.record("deceased", person=person, reasons=body.reasons, on=body.on, **about).id


def _replace_applicant(register: Register, why: str) -> dict[str, Any]:
    """The confirmed partner is the applicant from now on, reached at his own address; for the act."""
    gone, partner = register.applicant.member, register.confirmed_partner
    assert partner
    new = replace(partner, role="applicant")
    household = [
        declared | ({"role": "applicant"} if declared["id"] == new.member else {})
        for declared in register.row.household
        if declared["id"] != gone
    ]
    changed = register.put_household(household, [new])
    email, phone = new.sheet.get("email"), next(iter(new.sheet.get("phones") or ()), None)
    vouched = [one for one in register.row.vouched if one == email]
    register.row = replace(register.row, email=email, phone=phone, help=None, vouched=vouched)
    register.tell_replaced(why)
    return changed


async def _keep_date(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """Who left another dossier in which he was applicant or partner keeps its date in his own (K)."""
    other = await work.find(body.of, lock=False) if body.of else None
    if other:
        work.audit(register.actor.caller, register.actor.relation, other.id, detail=body.action)
    acts = await work.acts_of(other.id) if other else []
    number, undone = register.applicant.number, {one.refers["act"] for one in acts if one.kind == "undo"}
    done = [one.refers for one in acts if str(one.id) not in undone]
    # who was made a co-resident first was a candidate until then
    left = any(of.get("left", {}).get(number) == "candidate" or number in of.get("no_candidates", ()) for of in done)
    former = other and read_standing(other)
    date_ = former and (former.kept_date or former.submitted_on)
    own = register.standing.submitted_on
    if not (left and date_ and own and date_ < own):
        what = "This applicant did not leave a dossier with this number as applicant or partner, or its date is no earlier."
        raise Problem(422, what, [("of", "gives no date to keep")])
    return register.record("keep_date", reasons=body.reasons, date=date_.isoformat(), of=body.of).id


async def _close(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """Refuse, or strike: the household is told with its status how to appeal."""
    about: dict[str, Any] = {"ground": body.ground} if body.ground else {}
    return register.record(body.action, reasons=body.reasons, on=body.on, **about).id


async def _reinstate(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """Number, date and status are as before, for who is bound to no other dossier meanwhile; the sources are asked again."""
    register.decision = "reinstated"
    return register.record("reinstate", reasons=body.reasons, on=body.on, test=str(uuid4())).id


async def _hold(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """Put on hold, or wake: the company by its board, or a candidate as he wishes."""
    register.decision = {"hold": "on_hold", "wake": "woken"}[body.action]
    side: Any = "company" if register.actor.at_counter else "candidate"
    return register.record(body.action, reasons=body.reasons, on=body.on, side=side).id


async def _undo(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """What was recorded by mistake never happened. After a death or an interpretation, what was assessed since was of a household
    that never was."""
    acts, possible = await work.acts_of(register.row.id), await undoable(register, work)
    # twice the same request takes back one act
    again = body.act is None and [one for one in acts if one.relation != "register"][-1].kind == "undo"
    undone = next((one for one in possible if body.act in (None, one.id) and not again), None)
    if undone is None:
        what = "Which act is taken back? Name it as act: one of acts."
        raise Conflict(what, acts=[str(one.id) for one in possible], available=await available(register, work))
    never_was = undone.kind in ("deceased", "interpret")
    since = [str(one.id) for one in acts[acts.index(undone) :] if never_was and one.relation == "register"]
    about: dict[str, Any] = {"act": str(undone.id), "assessed": since}
    undo = register.record("undo", person=undone.person, reasons=body.reasons, **about)
    if undone.kind == "deceased":
        _bring_back(undone.refers["before"], register)
    if undone.kind == "interpret":
        await take_back(undone, register, work)
    register.standing = standing([one.act for one in acts] + [undo.act])
    closed = undone.kind == "deceased" and register.standing.closed  # what closed it stands
    if not closed and not register.happenings:  # else the letter about the document tells it
        register.decision = "corrected"
    return undo.id


def _bring_back(before: dict[str, Any], register: Register) -> None:
    """Who was taken for dead is back with all that was his."""
    layers, uploaded = before["layers"] | register.row.layers, before["uploaded"] | register.row.uploaded
    register.row = replace(register.row, layers=layers, uploaded=uploaded)
    register.put_household(before["household"], [Member(register.row.id, **one) for one in before["members"]])
    register.row = replace(register.row, **before["row"])


_ACTIONS = {
    "withdraw": _withdraw,
    "leave": _leave,
    "deceased": _deceased,
    "keep_date": _keep_date,
    "refuse": _close,
    "strike": _close,
    "reinstate": _reinstate,
    "hold": _hold,
    "wake": _hold,
    "appeal": appeal,
    "answer_appeal": answer_appeal,
    "undo": _undo,
}


def _restorable(register: Register) -> dict[str, Any]:
    """What an undo puts back."""
    keys = ("member", "role", "number", "sheet")
    return {
        "household": [{name: member[name] for name in STRUCTURE} for member in register.row.household],
        "layers": register.row.layers,
        "uploaded": register.row.uploaded,
        "members": [{name: getattr(one, name) for name in keys} for one in register.members.values()],
        "row": {name: getattr(register.row, name) for name in ("email", "phone", "help", "vouched")},
    }


_GROUNDS: dict[str, tuple[str | None, ...]] = {
    "strike": (None, *get_args(StrikeGround)),
    "appeal": get_args(AppealGround),
    "answer_appeal": (None, *get_args(AppealGround)),
}


def refuse_impossible_action(body: ActionRequest, register: Register, today: date) -> None:
    """An action happened, since the day of application or (a death) the birth; it takes the fields that are its own."""
    own = {"member": "deceased", "of": "keep_date", "notified_on": "appeal", "upheld": "answer_appeal", "act": "undo"}
    given = [name for name in own if getattr(body, name) is not None]
    errors = [(name, f"is for {own[name]}") for name in given if body.action != own[name]]
    if body.ground not in (grounds := _GROUNDS.get(body.action, (None,))):
        errors.append(("ground", f"is one of: {', '.join(map(str, grounds))}"))
    if body.notified_on and body.notified_on > today:
        errors.append(("notified_on", f"lies after {today}"))
    member = next((one for one in register.people if one["id"] == body.member), {})
    since = member.get("born_on") if body.action == "deceased" else str(register.standing.submitted_on)
    if body.on and not (since or "") <= str(body.on) <= str(today):
        errors.append(("on", f"lies after {today}, or before {since}"))
    if errors:
        raise Problem(422, "This cannot have happened: see errors. Nothing was stored.", errors)
