"""What people do with a dossier. Every rule stands here, or in the domain; HTTP and pages are thin above it.

Each function takes its input, the caller and the unit of work, and raises a `Problem`; then nothing of it is stored.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound, Problem, path_of
from cir_schemas import HouseholdErased
from cir_schemas.eligibility import Assessment, Say
from cir_schemas.household import Household, impossible_on
from cir_schemas.municipalities import NAMES
from cir_schemas.types import DossierRef
from dossier.access import VIEW, Relation, allowed, ever_allowed
from dossier.domain.acts import available_actions, standing
from dossier.domain.household import CANDIDATES, part_of
from dossier.domain.numbers import contradictions, dossier_number, is_bis
from dossier.register import Actor, Register
from dossier.requests import (
    ActionRequest,
    ActionTaken,
    Changed,
    Contacts,
    DossierListed,
    DossierRead,
    DossierStart,
    FileRead,
    HistoryItem,
    HouseholdDeclared,
    Started,
    Submitted,
    Wishes,
)
from dossier.store import Dossier, Member, RegisterWork, read_standing

NO_SUCH = "There is no such dossier, or it is not yours to see."


# opening a dossier: who is the caller to it, and may he do this?


async def opened(
    ref: DossierRef, caller: Caller, work: RegisterWork, *, to: str | None = None, lock: bool = False
) -> Register:
    """The dossier, for the caller. to: the action that he is about to take, for which it is locked; none: to read it.

    Raises `NotFound` where he has nothing to do with it, `Conflict` with what is available where that action is not.
    """
    row = await work.find(ref, lock=lock or to is not None)
    actor = row and _actor(row, caller, work)
    if not (row and actor):
        raise NotFound(NO_SUCH)
    register = Register(row, work, actor)
    if to:
        await _refuse_unavailable(to, register, work)
    return register


def _actor(row: Dossier, caller: Caller, work: RegisterWork) -> Actor | None:
    """What the caller is to the dossier; None: nothing. A login that names no company or organisation is of none."""
    if caller.role == "case_worker":
        company = caller.relation("company")
        if company == row.company:
            return Actor(caller, "treating")
        wanted = row.number and company in {work.companies.get(place, "") for place in row.wants}
        return Actor(caller, "wanted") if wanted else None
    if caller.role == "helper":
        helps = row.help and row.help["inform"] and (row.help["organisation"] or "") == caller.relation("organisation")
        return Actor(caller, "helper") if helps else None
    number = caller.relation("number")
    member = next((one for one in work.members_of(row.id).values() if number and one.number == number), None)
    if caller.role != "candidate" or member is None:
        return None
    relation = _relation(member, Register(row, work))
    return Actor(caller, relation, member.member) if relation else None


def _relation(member: Member, register: Register) -> Relation | None:
    standing, number = register.standing, member.number
    confirmed = standing.confirmed.get(number or "")
    as_candidate = member.role in CANDIDATES and (confirmed == "candidate" or standing.starter == number)
    if standing.closed:
        return "former" if as_candidate else None
    if member.role == "applicant":
        return "applicant" if as_candidate else "named_applicant"
    if member.member in register.unconfirmed:
        return "named"
    if as_candidate:
        return "partner"
    return "co_resident" if confirmed else None


async def _available(register: Register, work: RegisterWork) -> list[str]:
    actor, status = register.actor, register.standing.status
    names = allowed(actor.relation, status)
    undoable = "undo" in names and await _undoable(register, work) is not None
    return available_actions(names, register.situation(undoable), himself=actor.member, at_counter=actor.at_counter)


# reading


async def read(ref: DossierRef, caller: Caller, work: RegisterWork) -> DossierRead:
    """Where the dossier stands, why, and what it waits for: as much of it as the caller may see."""
    register = await opened(ref, caller, work)
    row = register.row
    current = row.assessed_version == row.household_version
    return DossierRead(
        id=row.id,
        number=row.number,
        status=row.status,
        registered_on=register.standing.registered_on,
        facts_version=row.facts_version,
        assessed_version=row.facts_version if current else row.assessed_version,
        pending=register.pending,
        assessment=_assessment(register),
        actions=await _available(register, work),
    )


def _assessment(register: Register) -> Assessment | None:
    found, view = register.row.assessment, VIEW[register.actor.relation]
    if found is None or view == "own":
        return None
    assessment = Assessment.model_validate(found, extra="ignore")
    if view == "whole":
        return assessment
    if view == "asked":
        return assessment.model_copy(update={"conditions": {}, "say": Say()})
    outcomes = {name: one.model_copy(update={"figures": None}) for name, one in assessment.conditions.items()}
    return assessment.model_copy(update={"conditions": outcomes, "say": Say(), "asks": (), "could_claim": ()})


async def mine(caller: Caller, work: RegisterWork) -> list[DossierListed]:
    """The caller's dossiers, and those where he is asked to confirm."""
    found = []
    for row in await work.dossiers_of(caller.relation("number") or ""):
        if actor := _actor(row, caller, work):
            register = Register(row, work, actor)
            assert actor.member
            member = register.members[actor.member]
            found.append(
                DossierListed(
                    id=row.id,
                    number=row.number,
                    status=row.status,
                    member=member.member,
                    role=member.role,
                    pending=register.pending,
                )
            )
    return found


async def read_file(ref: DossierRef, caller: Caller, work: RegisterWork) -> FileRead:
    """What is on record of the household. Raises `NotAllowed` where the caller may see only how it stands."""
    register = await opened(ref, caller, work)
    row, view = register.row, VIEW[register.actor.relation]
    if view not in ("whole", "own"):
        raise NotAllowed("what a household declared is for itself and for the company that treats it")

    def seen(declared: Mapping[str, Any], *, beside: bool) -> dict[str, Any]:
        if view == "own" and declared["id"] != register.actor.member:
            return {"id": declared["id"], "role": declared["role"]}
        member = register.members[declared["id"]]
        about = {"number": member.number, **member.sheet} if beside else {}
        return {**declared, **{key: value for key, value in about.items() if value is not None}}

    return FileRead(
        facts_version=row.facts_version,
        declared={"members": [seen(declared, beside=True) for declared in row.household]},
        household={"members": [seen(declared, beside=False) for declared in row.household]},
        origins={},  # every fact is a declaration until sources are asked
        contacts=_columns(row, Contacts) if view == "whole" else None,
        wishes=_columns(row, Wishes) if view == "whole" else None,
    )


def _columns(row: Dossier, shape: type[Contacts] | type[Wishes]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in shape.model_fields}


async def read_history(ref: DossierRef, caller: Caller, work: RegisterWork) -> list[HistoryItem]:
    """Every act on the dossier, the oldest first; why somebody left is not for who stays. Raises `NotAllowed` where the caller
    does not see the whole dossier."""
    register = await opened(ref, caller, work)
    if VIEW[register.actor.relation] != "whole":
        raise NotAllowed("the history of a dossier is for its candidates and for the company that treats it")
    hidden = () if register.actor.at_counter else ("leave",)
    return [
        HistoryItem(at=act.at, on=act.on, kind=act.kind, by=act.role, reasons=[] if act.kind in hidden else act.reasons)
        for act in await work.acts_of(register.row.id)
    ]


# the household and its people


async def start(body: DossierStart, caller: Caller, work: RegisterWork) -> Started:
    """Start a dossier: the candidate his own, or a case worker of the municipality's company at the counter.

    The candidate is bound by starting it; who is named, also at the counter, is bound once he confirms.
    """
    company = work.companies.get(body.municipality)
    if company is None:
        raise Problem(422, "No housing company treats this municipality.", [("municipality", "unknown")])
    _refuse_unknown_places(body.wants or (), work)
    applicant = next(member for member in body.household.members if member.role == "applicant")
    if caller.role == "case_worker" and caller.relation("company") != company:
        raise NotAllowed(f"the company of this municipality is {company}, whose case workers start a dossier here")
    _refuse_nameless(body.household, {}, "household.")
    if caller.role == "candidate" and caller.relation("number") != applicant.number:
        raise NotAllowed("a candidate starts his own dossier, with the number he logged in with as the applicant's")
    _refuse_impossible(body.household, {}, work.today, work.today, "household.")
    given = body.model_dump(mode="json", include={"residence", "informal_care_in", "help"})
    row = Dossier(
        id=uuid4(),
        municipality=body.municipality,
        company=company,
        language=body.language,
        email=body.email,
        phone=body.phone,
        help=given["help"],
        wants=list(body.wants or [body.municipality]),
        residence=given["residence"],
        informal_care_in=given["informal_care_in"],
        household=[],
        started_at=work.now,
        touched_at=work.now,
    )
    himself = caller.role == "candidate"
    register = Register(row, work, Actor(caller, "applicant" if himself else "treating", applicant.id))
    register.record("start", person=applicant.number if himself else None)
    register.put_household(body.household.facts(), _members(body.household, register))
    _vouch(register, before=())
    register.settle()
    await _bind(register, work)
    return Started(id=row.id)


async def change_household(
    ref: UUID, body: HouseholdDeclared, version: int, caller: Caller, work: RegisterWork
) -> Changed:
    """Put other facts in the place of those on record; they are assessed anew, and until then the status stays."""
    register = await opened(ref, caller, work, to="change_household")
    _refuse_outdated(register, version)
    _refuse_other_persons(body, register)
    test = register.standing.test
    numbers = {member.member: member.number for member in register.members.values()}
    _refuse_impossible(body, numbers, test.reference_date if test else work.today, work.today)
    before = {person: register.members[id_] for id_, person in register.persons.items()}
    addresses, known = _addresses(register), _known(register)
    changed = register.put_household(body.facts(), _members(body, register))
    _refuse_another(known, register)
    register.record("change_household", **changed)
    stay = (
        {one["id"] for one in register.row.household if one.get("moves_in", True)} if register.actor.at_counter else ()
    )
    left = [person for person, part in changed["left"].items() if part and before[person].member not in stay]
    for person in [*left, *changed["no_candidates"]]:  # who got a number is known by it, and stays
        register.tell_left(before[person], "left" if before[person].member == register.actor.member else "removed")
    _vouch(register, addresses)
    register.settle()
    await _bind(register, work)
    return Changed(facts_version=register.row.facts_version)


async def change_contacts(ref: UUID, body: Contacts, version: int, caller: Caller, work: RegisterWork) -> Changed:
    """Change how the household is reached and who helps, with or without consent. A partner has an address of his own."""
    register = await opened(ref, caller, work, to="change_contacts")
    _refuse_outdated(register, version)
    if register.actor.relation == "partner" and register.row.email not in (None, body.email):
        where = [("email", "is changed by the applicant or at the counter")]
        raise Problem(422, "Where the applicant is reached is his own to say: see errors.", where)
    addresses = _addresses(register)
    register.change(**body.model_dump(mode="json"))
    _vouch(register, addresses)
    register.record("change_contacts")
    register.settle()
    return Changed(facts_version=register.row.facts_version)


async def change_wishes(ref: UUID, body: Wishes, version: int, caller: Caller, work: RegisterWork) -> Changed:
    """Change where the household wants to live and what ties it there."""
    register = await opened(ref, caller, work, to="change_wishes")
    _refuse_outdated(register, version)
    _refuse_unknown_places(body.wants, work)
    register.change(**body.model_dump(mode="json"))
    register.record("change_wishes")
    register.settle()
    return Changed(facts_version=register.row.facts_version)


async def submit(ref: UUID, caller: Caller, work: RegisterWork) -> Submitted:
    """Apply: the dossier gets its number and its date, and a test is opened for that day. Twice is once."""
    register = await opened(ref, caller, work, lock=True)
    if register.row.number and ever_allowed(register.actor.relation, "submit"):
        return Submitted(number=register.row.number)
    await _refuse_unavailable("submit", register, work)
    register.row = replace(register.row, number=dossier_number(work.today, await work.draw_number()))
    register.record("submit", test=str(uuid4()))
    register.settle()
    return Submitted(number=str(register.row.number))


async def confirm(ref: UUID, member: str, on_paper: bool, caller: Caller, work: RegisterWork) -> None:
    """An adult confirms for himself, or on paper at the case worker's. An applicant or partner is bound by it. Twice is once.

    Raises `Conflict` where he is bound by another dossier.
    """
    register = await opened(ref, caller, work, lock=True)
    actor = register.actor
    if member not in register.members:
        raise NotFound("There is no such member in this dossier.")
    if actor.at_counter and not on_paper:
        raise Problem(422, "A case worker confirms for somebody on paper alone.", [("on_paper", "must be true")])
    if not actor.at_counter and actor.member != member:
        raise NotAllowed("every adult confirms for himself: log in as this member")
    if member not in register.unconfirmed and register.persons[member] in register.standing.confirmed:
        return
    await _refuse_unavailable("confirm", register, work)
    if member not in register.unconfirmed:
        raise Conflict("This member need not confirm.", available=await _available(register, work))
    role = next(declared["role"] for declared in register.row.household if declared["id"] == member)
    register.record("confirm", person=register.persons[member], part=part_of(role))
    register.settle()
    await _bind(register, work)


async def decline(ref: UUID, member: str, caller: Caller, work: RegisterWork) -> None:
    """An adult declines to take part, or leaves: he is out of the household, and the dossier is no longer his to see."""
    register = await opened(ref, caller, work, lock=True)
    if register.actor.member != member:
        raise NotAllowed("every adult leaves by himself: log in as this member")
    if register.members[member].role == "applicant":
        what = "An applicant leaves his dossier to a partner who confirmed (leave), or withdraws it (withdraw)."
        raise Conflict(what, available=await _available(register, work))
    await _refuse_unavailable("decline", register, work)
    leaving = register.members[member]
    register.record("decline", person=register.persons[member], **register.remove(member))
    register.tell_left(leaving, "left")
    register.settle()
    await _bind(register, work)


async def erase(ref: UUID, caller: Caller, work: RegisterWork) -> None:
    """Erase a draft: nothing of it stays, here or at eligibility."""
    register = await opened(ref, caller, work, to="erase")
    await _erase(register.row, work)


async def erase_untouched_drafts(age: timedelta, work: RegisterWork) -> int:
    """Erase drafts on which nobody acted for so long. Returns how many."""
    drafts = await work.untouched_drafts(age)
    await work.load(drafts)
    old = [
        row for id_ in drafts if (row := work.dossiers.get(id_)).status == "draft" and row.touched_at < work.now - age
    ]
    for row in old:
        await _erase(row, work)
    return len(old)


async def _erase(row: Dossier, work: RegisterWork) -> None:
    await work.erase(row.id)
    version = work.next_version(row.version)
    work.publish(HouseholdErased.model_validate({"dossier": row.id, "version": version}))


# actions


async def act(ref: UUID, body: ActionRequest, caller: Caller, work: RegisterWork) -> ActionTaken:
    """Take an action on a submitted dossier. Raises `Conflict` with what is available where that one is not."""
    register = await opened(ref, caller, work, to=body.action)
    if register.actor.at_counter and not body.reasons:
        raise Problem(422, "A case worker gives the reasons of what he does.", [("reasons", "at least one")])
    _refuse_impossible_action(body, register, work.today)
    id_ = await _ACTIONS[body.action](body, register, work)
    register.settle()
    await _bind(register, work)
    return ActionTaken(id=id_, status=register.row.status)


async def _withdraw(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    return register.record("withdraw", reasons=body.reasons, on=body.on).id


async def _leave(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """The applicant separates: the partner keeps number and date."""
    applicant = register.member_in("applicant")
    assert applicant
    changed = _replace_applicant(register, "left")
    return register.record("leave", person=applicant.number, reasons=body.reasons, on=body.on, **changed).id


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
    about = {"before": before, "facts": register.row.facts_version, "closes": closes, **changed}
    return register.record("deceased", person=person, reasons=body.reasons, on=body.on, **about).id


def _replace_applicant(register: Register, why: str) -> dict[str, Any]:
    """The confirmed partner is the applicant from now on, reached at his own address; for the act."""
    applicant, partner = register.member_in("applicant"), register.confirmed_partner
    assert applicant
    assert partner
    new = replace(partner, role="applicant")
    household = [
        declared | ({"role": "applicant"} if declared["id"] == new.member else {})
        for declared in register.row.household
        if declared["id"] != applicant.member
    ]
    others = [one for id_, one in register.members.items() if id_ not in (applicant.member, new.member)]
    changed = register.put_household(household, [new, *others])
    phone = next(iter(new.sheet.get("phones") or ()), None)
    register.row = replace(register.row, email=new.sheet.get("email"), phone=phone, help=None)
    register.row = replace(register.row, vouched=[one for one in register.row.vouched if one == register.row.email])
    register.tell_replaced(why)
    return changed


async def _keep_date(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """Who left another dossier in which he was applicant or partner keeps its date in his own (K)."""
    applicant = register.member_in("applicant")
    assert applicant
    other = await work.find(body.of, lock=False) if body.of else None
    acts = await work.acts_of(other.id) if other else []
    number, undone = applicant.number, {one.refers["act"] for one in acts if one.kind == "undo"}
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


async def _undo(body: ActionRequest, register: Register, work: RegisterWork) -> UUID:
    """What was recorded by mistake never happened: who was taken for dead is back with all that was his. What was assessed
    since was of a household that never was."""
    undone = await _undoable(register, work)
    assert undone
    acts, before = await work.acts_of(register.row.id), undone.refers["before"]
    since = [str(one.id) for one in acts[acts.index(undone) :] if one.relation == "register"]
    refers: dict[str, Any] = {"act": str(undone.id), "assessed": since}
    undo = register.record("undo", person=undone.person, reasons=body.reasons, **refers)
    register.put_household(before["household"], [Member(register.row.id, **one) for one in before["members"]])
    register.row = replace(register.row, **before["row"])
    register.standing = standing([one.act for one in acts] + [undo.act])
    return undo.id


_ACTIONS = {"withdraw": _withdraw, "leave": _leave, "deceased": _deceased, "keep_date": _keep_date, "undo": _undo}


def _restorable(register: Register) -> dict[str, Any]:
    """What an undo puts back."""
    names = ("email", "phone", "help", "vouched")
    members = [
        {"member": one.member, "role": one.role, "number": one.number, "sheet": one.sheet}
        for one in register.members.values()
    ]
    row = {name: getattr(register.row, name) for name in names}
    return {"household": register.row.household, "members": members, "row": row}


async def _undoable(register: Register, work: RegisterWork) -> Any:
    """The newest death on record that was not undone, as long as nothing was declared since."""
    acts = await work.acts_of(register.row.id)
    undone = {one.refers["act"] for one in acts if one.kind == "undo"}
    deaths = [one for one in acts if one.kind == "deceased" and str(one.id) not in undone]
    if deaths and deaths[-1].refers["facts"] == register.row.facts_version:
        return deaths[-1]
    return None


# what is refused


def _refuse_impossible_action(body: ActionRequest, register: Register, today: date) -> None:
    """An action happened, since the day of application or (a death) the birth; it takes the fields that are its own."""
    errors = [("member", "is for deceased")] if body.member and body.action != "deceased" else []
    errors += [("of", "is for keep_date")] if body.of and body.action != "keep_date" else []
    member = next((one for one in register.row.household if one["id"] == body.member), {})
    since = member.get("born_on") if body.action == "deceased" else str(register.standing.submitted_on)
    if body.on and not (since or "") <= str(body.on) <= str(today):
        errors.append(("on", f"lies after {today}, or before {since}"))
    if errors:
        raise Problem(422, "This cannot have happened: see errors. Nothing was stored.", errors)


async def _bind(register: Register, work: RegisterWork) -> None:
    """An applicant or partner is bound to one dossier only (409). The answer names neither that dossier nor its company."""
    numbers = register.bound
    if taken := await work.bind(register.row.id, numbers):
        who = [member.member for member in register.members.values() if member.number in taken]
        at = [n for n, declared in enumerate(register.row.household) if declared["id"] in who]
        errors = [(f"members[{n}].number", "takes part in another dossier") for n in at]
        raise Conflict("An applicant or partner takes part in one dossier only: he leaves the other one first.", errors)


def _members(body: HouseholdDeclared, register: Register) -> list[Member]:
    """Who is in the household from now on; a number or a key of the sheet that is left out stays."""
    sheets, found = body.sheets(), []
    for person in body.members:
        known = register.members.get(person.id) or Member(register.row.id, person.id, person.role)
        number, sheet = person.number or known.number, known.sheet | sheets[person.id]
        found.append(replace(known, role=person.role, number=number, sheet=sheet))
    return found


def _addresses(register: Register) -> list[str]:
    """Every email address in the dossier."""
    sheets = [one.sheet for one in register.members.values()]
    found = [register.row.email, *(one.get("email") for one in [register.row.help or {}, *sheets])]
    return [address for address in dict.fromkeys(found) if address]


def _vouch(register: Register, before: Collection[str]) -> None:
    """Keep which addresses the counter entered: not those that a case worker found there (before) and left as they were."""
    vouched, counter = register.row.vouched, register.actor.at_counter
    now = [one for one in _addresses(register) if one in vouched or (counter and one not in before)]
    register.row = replace(register.row, vouched=now)


async def _refuse_unavailable(action: str, register: Register, work: RegisterWork) -> None:
    if action not in _ACTIONS and not ever_allowed(register.actor.relation, action):
        raise NotAllowed(f"to {action} is for others who have to do with this dossier")
    if action not in (available := await _available(register, work)):
        raise Conflict(f"This is not the time for {action}: see available.", available=available)


def _refuse_outdated(register: Register, version: int) -> None:
    if version != register.row.facts_version:
        now = register.row.facts_version
        raise Problem(412, f"The facts were changed meanwhile (version {now}): read them again.")


def _refuse_unknown_places(wants: Iterable[str], work: RegisterWork) -> None:
    if unknown := [n for n, place in enumerate(wants) if place not in NAMES and place not in work.companies]:
        errors = [(f"wants[{n}]", "unknown") for n in unknown]
        raise Problem(422, "A household wants to live in municipalities of the Flemish Region: see errors.", errors)


def _refuse_impossible(
    household: HouseholdDeclared, known: Mapping[str, str | None], day: date, today: date, prefix: str = ""
) -> None:
    """known: member id → number on record; day: for which the facts are decided. A child may be born since."""
    members = list(enumerate(household.members))
    numbers = {n: number for n, member in members if (number := member.number or known.get(member.id))}
    born = {n: member.born_on for n, member in members if member.born_on}
    since = {("members", n, "born_on") for n, on in born.items() if on <= today and members[n][1].role == "co_resident"}
    impossible = [one for one in impossible_on(Household(members=household.members), day) if one[0] not in since]
    if errors := [(prefix + path_of(place), why) for place, why in impossible + contradictions(numbers, born)]:
        raise Problem(422, f"What was declared cannot be true on {day}: see errors. Nothing was stored.", errors)


def _refuse_nameless(body: HouseholdDeclared, known: Mapping[str, str | None], prefix: str = "") -> None:
    """Applicant and partner are recognised by their number at the login, and bound by it."""
    errors = [
        (f"{prefix}members[{n}].number", f"the {member.role}'s number is needed; a bis number is one")
        for n, member in enumerate(body.members)
        if member.role in CANDIDATES and not (member.number or known.get(member.id))
    ]
    if errors:
        what = "An applicant and a partner are known by their national register number, or by a bis number."
        raise Problem(422, what, errors)


def _refuse_other_persons(body: HouseholdDeclared, register: Register) -> None:
    """A member's number and the applicant do not change: that would be another person's dossier. At the counter a national number
    follows a bis number; its bearer confirms again."""
    applicant = register.member_in("applicant")
    known = {member.member: member.number for member in register.members.values()}
    kept = {
        id_: number for id_, number in known.items() if number and not (register.actor.at_counter and is_bis(number))
    }
    errors = [
        (f"members[{n}].number", "is not the number on record: give another person another id")
        for n, member in enumerate(body.members)
        if member.number and kept.get(member.id) not in (None, member.number)
    ] + [
        (f"members[{n}].role", f"the applicant is {applicant.member}")
        for n, member in enumerate(body.members)
        if applicant and member.role == "applicant" and member.id != applicant.member
    ]
    if errors:
        raise Problem(422, "A dossier stays its applicant's: see errors. Nothing was stored.", errors)
    _refuse_nameless(body, known)


def _known(register: Register) -> dict[str, dict[str, Any]]:
    """Person → his facts and his sheet."""
    persons = register.persons
    return {persons[one["id"]]: {**one, **register.members[one["id"]].sheet} for one in register.row.household}


def _refuse_another(before: Mapping[str, Mapping[str, Any]], register: Register) -> None:
    """Where he is reached who confirmed, and who he is where no number tells, is changed by himself or at the counter: else he
    could be taken out without a word, or another put in his place. before: `_known`, as the household was.
    """
    own = register.actor.caller.relation("number")
    confirmed = before.keys() & register.standing.confirmed.keys() - {own}
    errors = [
        (f"members[{n}].{key}", "is changed by himself or at the counter, since he confirmed")
        for n, (person, now) in enumerate(_known(register).items())
        if person in confirmed
        for key in ("email", *(() if register.members[now["id"]].number else ("first_name", "last_name", "born_on")))
        if before[person].get(key) not in (None, now.get(key))
    ]
    if errors and not register.actor.at_counter:
        raise Problem(422, "Somebody who confirmed says himself who he is and where he is reached: see errors.", errors)
