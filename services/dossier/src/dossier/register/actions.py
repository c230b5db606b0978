"""Actions on a submitted dossier: decisions of people, leaving, a death, a former date, and taking back what was recorded by
mistake.

Each function of the table at the foot checks one action and lets it take effect; it returns the person whom the act is of, and
to what the act refers (see `domain.acts.after`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import Any, get_args
from uuid import uuid4

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, Problem
from cir_schemas import ApplicantReplaced
from cir_schemas.types import DossierRef
from dossier.documents.interpretation import take_back
from dossier.domain.acts import standing
from dossier.facts.compose import STRUCTURE
from dossier.register.appeals import answer_appeal, appeal
from dossier.register.opening import available, opened, settle, undoable
from dossier.register.register import Register
from dossier.register.requests import ActionRequest, ActionTaken, AppealGround, StrikeGround
from dossier.register.store import RegisterWork, read_standing
from dossier.tables import Member

About = dict[str, Any]


async def act(ref: DossierRef, body: ActionRequest, caller: Caller, work: RegisterWork) -> ActionTaken:
    """Take an action on a submitted dossier. Raises `Conflict` with what is available where that one is not."""
    register = await opened(ref, caller, work, to=body.action)
    if not body.reasons and (register.actor.at_counter or body.action == "undo"):
        raise Problem(422, "A case worker gives the reasons of what he does.", [("reasons", "at least one")])
    _refuse_impossible(body, register, work.today)
    about = await _ACTIONS[body.action](body, register, work)
    taken = register.record(body.action, reasons=body.reasons, on=body.on, **about)
    await settle(register)
    return ActionTaken(id=taken.id, status=register.row.status)


async def _withdraw(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    return {}


async def _leave(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    """The applicant separates: the partner keeps number and date."""
    return {"person": register.applicant.number, **_replace_applicant(register, "left")}


async def _deceased(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    """A confirmed partner becomes applicant; without one an applicant's dossier is closed, and nobody is mailed."""
    if body.member not in register.members:
        raise Problem(422, "Who died? Give the id of a member of the household.", [("member", "not in the household")])
    member, person, row = register.members[body.member], register.persons[body.member], register.row
    keys = ("member", "role", "number", "sheet")
    before = {  # what an undo puts back
        "household": [{name: one[name] for name in STRUCTURE} for one in row.household],
        "layers": row.layers,
        "uploaded": row.uploaded,
        "members": [{name: getattr(one, name) for name in keys} for one in register.members.values()],
        "row": {name: getattr(row, name) for name in ("email", "phone", "help", "vouched")},
    }
    changed, closes = About(), False
    if member.role != "applicant":
        changed = register.remove(member.member)
        register.tell_left(member, "died")
    elif register.confirmed_partner:
        changed = _replace_applicant(register, "died")
    else:
        closes = True
        register.change(email=None, phone=None, help=None, vouched=[])
    return {"person": person, "before": before, "facts": row.declared_version, "closes": closes, **changed}


def _replace_applicant(register: Register, why: str) -> About:
    """The confirmed partner is the applicant from now on, reached at his own address; for the act."""
    gone, partner, row = register.applicant.member, register.confirmed_partner, register.row
    assert partner
    new = replace(partner, role="applicant")
    others = [one for one in row.household if one["id"] != gone]
    changed = register.put_household(
        [one | {"role": "applicant"} if one["id"] == new.member else one for one in others], [new]
    )
    row.email, row.phone = new.sheet.get("email"), next(iter(new.sheet.get("phones") or ()), None)
    row.help, row.vouched = None, [one for one in row.vouched if one == row.email]
    register.happenings.append((ApplicantReplaced, {"number": row.number, "why": why}))  # or the company is told
    return changed


async def _keep_date(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    """Who left another dossier in which he was applicant or partner keeps its date in his own (K)."""
    former, own, left = None, register.standing.submitted_on, False
    if other := body.of and await work.find(body.of, lock=False):
        work.audit(register.actor.caller, register.actor.relation, other.id, detail=body.action)
        acts, number = await work.acts_of(other.id), register.applicant.number
        undone = {one.refers["act"] for one in acts if one.kind == "undo"}
        left = any(  # who was made a co-resident first was a candidate until then
            one.refers.get("left", {}).get(number) == "candidate" or number in one.refers.get("no_candidates", ())
            for one in acts
            if str(one.id) not in undone
        )
        there = read_standing(other)
        former = there.kept_date or there.submitted_on
    if not (left and former and own and former < own):
        what = "This applicant did not leave a dossier with this number as applicant or partner, or its date is no earlier."
        raise Problem(422, what, [("of", "gives no date to keep")])
    return {"date": former.isoformat(), "of": body.of}


async def _close(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    """Refuse, or strike: the household is told with its status how to appeal. An accepted home is let, not struck for."""
    if body.ground == "dwelling_accepted" and register.standing.accepted:
        raise Conflict("The lease at the offer closes this dossier.", available=await available(register, work))
    if body.ground == "second_refusal" and len(register.standing.unfounded) < 2:
        many = "One refusal or silence is" if register.standing.unfounded else "No refusal or silence is"
        what = f"{many} judged unfounded here: a dossier is struck for a second one alone."
        raise Conflict(what, available=await available(register, work))
    return {"ground": body.ground} if body.ground else {}


async def _reinstate(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    """Number, date and status are as before, for who is bound to no other dossier meanwhile; the sources are asked again."""
    register.decision = "reinstated"
    return {"test": str(uuid4())}


async def _hold(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    """Put on hold, or wake: the company by its board, or a candidate as he wishes, once he answered his offer."""
    if body.action == "hold" and not register.actor.at_counter and register.standing.offered:
        what = "A home is offered to you: answer it first, and then put your dossier on hold."
        raise Conflict(what, available=await available(register, work))
    register.decision = {"hold": "on_hold", "wake": "woken"}[body.action]
    return {"side": "company" if register.actor.at_counter else "candidate"}


async def _undo(body: ActionRequest, register: Register, work: RegisterWork) -> About:
    """What was recorded by mistake never happened. After a death or an interpretation, what was assessed since was of a household
    that never was."""
    acts, possible = await work.acts_of(register.row.id), await undoable(register, work)
    # twice the same request takes back one act
    again = body.act is None and [one for one in acts if one.relation != "register"][-1].kind == "undo"
    undone = next((one for one in possible if body.act in (None, one.id) and not again), None)
    if undone is None:
        what = "Which act is taken back? Name it as act: one of acts."
        raise Conflict(what, acts=[str(one.id) for one in possible], available=await available(register, work))
    since = acts[acts.index(undone) :] if undone.kind in ("deceased", "interpret") else []
    assessed = [one.id for one in since if one.kind in ("assessed", "open_test")]
    if undone.kind == "deceased":
        _bring_back(undone.refers["before"], register)
    if undone.kind == "interpret":
        await take_back(undone, register, work)
    register.standing = standing([one.act for one in acts if one.id not in (undone.id, *assessed)])
    closed = undone.kind == "deceased" and register.standing.closed  # what closed it stands
    if not closed and not register.happenings:  # else the letter about the document tells it
        register.decision = "corrected"
    return {"person": undone.person, "act": str(undone.id), "assessed": [str(one) for one in assessed]}


def _bring_back(before: dict[str, Any], register: Register) -> None:
    """Who was taken for dead is back with all that was his."""
    row = register.row
    row.layers, row.uploaded = before["layers"] | row.layers, before["uploaded"] | row.uploaded
    register.put_household(before["household"], [Member(row.id, **one) for one in before["members"]])
    register.change(**before["row"])


_ACTIONS: dict[str, Callable[[ActionRequest, Register, RegisterWork], Awaitable[About]]] = {
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
_GROUNDS: dict[str, tuple[str | None, ...]] = {
    "strike": (None, *get_args(StrikeGround)),
    "appeal": get_args(AppealGround),
    "answer_appeal": (None, *get_args(AppealGround)),
}
_OWN_FIELD = {
    "member": "deceased",
    "of": "keep_date",
    "notified_on": "appeal",
    "upheld": "answer_appeal",
    "act": "undo",
}


def _refuse_impossible(body: ActionRequest, register: Register, today: date) -> None:
    """An action happened, since the day of application or (a death) the birth; it takes the fields that are its own."""
    given = [name for name in _OWN_FIELD if getattr(body, name) is not None]
    errors = [(name, f"is for {_OWN_FIELD[name]}") for name in given if body.action != _OWN_FIELD[name]]
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
