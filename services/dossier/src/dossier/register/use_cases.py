"""What people do with a dossier. Every rule stands here, or in the domain; HTTP and pages are thin above it.

Each function takes its input, the caller and the unit of work, and raises a `Problem`; then nothing of it is stored.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from cir_chassis.login import Caller
from cir_chassis.problems import Conflict, NotAllowed, NotFound, Problem
from cir_schemas import HouseholdErased
from cir_schemas.types import DossierRef
from dossier.access import ever_allowed
from dossier.domain.household import CANDIDATES, part_of
from dossier.domain.numbers import dossier_number
from dossier.facts.compose import TIES
from dossier.facts.origins import ORIGINS
from dossier.facts.statements import state
from dossier.facts.store import layers_at
from dossier.register import refuse
from dossier.register.opening import available, opened, refuse_unavailable, settle
from dossier.register.register import Actor, Register
from dossier.register.requests import Changed, Contacts, DossierStart, HouseholdDeclared, Started, Submitted, Wishes
from dossier.register.store import RegisterWork
from dossier.tables import Dossier, Member

FACTS = ORIGINS.keys() - set(TIES)


async def start(body: DossierStart, caller: Caller, work: RegisterWork) -> Started:
    """Start a dossier: the candidate his own, or a case worker of the municipality's company at the counter.

    The candidate is bound by starting it; who is named, also at the counter, is bound once he confirms.
    """
    company = work.companies.get(body.municipality)
    if company is None:
        raise Problem(422, "No housing company treats this municipality.", [("municipality", "unknown")])
    refuse.unknown_places(body.wants or (), work)
    people, himself, number = body.household.members, caller.role == "candidate", caller.relation("number")
    applicant = next(one for one in people if one.role == "applicant")
    if not himself and caller.relation("company") != company:
        raise NotAllowed(f"the company of this municipality is {company}, whose case workers start a dossier here")
    refuse.nameless(body.household, {}, "household.")
    if not himself and number and number in [one.number for one in people]:
        raise NotAllowed("a case worker starts his own dossier as a candidate, or at a colleague's")
    if himself and number != applicant.number:
        raise NotAllowed("a candidate starts his own dossier, with the number he logged in with as the applicant's")
    refuse.impossible(body.household, {}, work.today, work.today, "household.")
    refuse.own_proofs(body.household, caller, "household.")
    refuse.unknown_stays(body.residence, body.household.places())
    said = _contacts(body, work)
    row = Dossier(
        id=uuid4(),
        company=company,
        wants=list(body.wants or [body.municipality]),
        started_at=work.now,
        touched_at=work.now,
        municipality=body.municipality,
        **said,
    )
    register = Register(row, work, Actor(caller, "applicant" if himself else "treating", applicant.id))
    work.audit(caller, register.actor.relation, row.id)
    register.record("start", person=applicant.number if himself else None)
    register.put_household(body.household.places(), _members(body.household, register))
    state(register, body.household.facts(), FACTS)
    state(register, _ties(body, register), TIES)
    _vouch(register, before=())
    await settle(register)
    return Started(id=row.id)


async def change_household(
    ref: UUID, body: HouseholdDeclared, version: int, caller: Caller, work: RegisterWork
) -> Changed:
    """Put other facts in the place of those on record; they are assessed anew, and until then the status stays."""
    register = await opened(ref, caller, work, to="change_household", version=version)
    refuse.other_persons(body, register)
    refuse.own_proofs(body, caller)
    answered_since = register.actor.at_counter and version < register.row.facts_version
    read = await layers_at(work, register.row.id, version) if answered_since else None
    test = register.standing.test
    numbers = {member.member: member.number for member in register.members.values()}
    refuse.impossible(body, numbers, test.reference_date if test else work.today, work.today)
    before = {person: register.members[id_] for id_, person in register.persons.items()}
    addresses, known = _addresses(register), refuse.known_of(register)
    changed = register.put_household(body.places(), _members(body, register))
    state(register, body.facts(), FACTS, read)
    refuse.another(known, register)
    register.record("change_household", **changed)
    stay = (
        {one["id"] for one in register.row.household if one.get("moves_in", True)} if register.actor.at_counter else ()
    )
    left = [person for person, part in changed["left"].items() if part and before[person].member not in stay]
    for person in [*left, *changed["no_candidates"]]:  # who got a number is known by it, and stays
        register.tell_left(before[person], "left" if before[person].member == register.actor.member else "removed")
    _vouch(register, addresses)
    await settle(register)
    return Changed(facts_version=register.row.facts_version)


async def change_contacts(ref: DossierRef, body: Contacts, version: int, caller: Caller, work: RegisterWork) -> Changed:
    """Change how the household is reached and who helps, with or without consent. A partner has an address of his own."""
    register = await opened(ref, caller, work, to="change_contacts", version=version)
    his_own = register.actor.at_counter or register.actor.member == register.applicant.member
    if not his_own and register.row.email not in (None, body.email):
        where = [("email", "is changed by the applicant or at the counter")]
        raise Problem(422, "Where the applicant is reached is his own to say: see errors.", where)
    addresses = _addresses(register)
    register.change(**_contacts(body, work))
    _vouch(register, addresses)
    register.record("change_contacts")
    register.settle()
    return Changed(facts_version=register.row.facts_version)


async def change_wishes(ref: UUID, body: Wishes, version: int, caller: Caller, work: RegisterWork) -> Changed:
    """Change where the household wants to live and what ties it there."""
    register = await opened(ref, caller, work, to="change_wishes", version=version)
    refuse.unknown_places(body.wants, work)
    refuse.unknown_stays(body.residence, register.row.household)
    register.change(wants=list(body.wants))
    state(register, _ties(body, register), TIES)
    register.record("change_wishes")
    register.settle()
    return Changed(facts_version=register.row.facts_version)


async def submit(ref: UUID, caller: Caller, work: RegisterWork) -> Submitted:
    """Apply: the dossier gets its number and its date, and a test is opened for that day. Twice is once."""
    register = await opened(ref, caller, work, lock=True)
    if register.row.number and ever_allowed(register.actor.relation, "submit"):
        return Submitted(number=register.row.number)
    await refuse_unavailable("submit", register, work)
    register.row.number = dossier_number(work.today, await work.draw_number())
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
    await refuse_unavailable("confirm", register, work)
    if member not in register.unconfirmed:
        raise Conflict("This member need not confirm.", available=await available(register, work))
    register.record("confirm", person=register.persons[member], part=part_of(register.members[member].role))
    await settle(register)


async def decline(ref: UUID, member: str, caller: Caller, work: RegisterWork) -> None:
    """An adult declines to take part, or leaves: he is out of the household, and the dossier is no longer his to see. The
    counter takes out who left a dossier that is closed."""
    register = await opened(ref, caller, work, lock=True)
    himself = register.actor.member == member
    if not (himself or register.actor.at_counter):
        raise NotAllowed("every adult leaves by himself: log in as this member")
    if member not in register.members:
        raise NotFound("There is no such member in this dossier.")
    if register.members[member].role == "applicant":
        what = "An applicant leaves his dossier to a partner who confirmed (leave), or withdraws it (withdraw)."
        raise Conflict(what, available=await available(register, work))
    await refuse_unavailable("decline", register, work)
    leaving = register.members[member]
    register.record("decline", person=register.persons[member], **register.remove(member))
    register.tell_left(leaving, "left" if himself else "removed")
    await settle(register)


async def erase(ref: DossierRef, caller: Caller, work: RegisterWork) -> list[UUID]:
    """Erase a draft: nothing of it stays, here or at eligibility. Returns the documents whose files are to be deleted."""
    register = await opened(ref, caller, work, to="erase")
    return await _erase(register.row, work)


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


async def _erase(row: Dossier, work: RegisterWork) -> list[UUID]:
    files = await work.erase(row.id)
    version = work.next_version(row.version)
    work.publish(HouseholdErased.model_validate({"dossier": row.id, "version": version}))
    return files


def _contacts(body: Contacts, work: RegisterWork) -> dict[str, Any]:
    """As the row keeps them: an organisation of the directory by its id."""
    said = body.model_dump(mode="json", include=set(Contacts.model_fields))
    if said["help"]:
        said["help"]["organisation"] = work.organisations.organisation(said["help"]["organisation"])
    return said


def _members(body: HouseholdDeclared, register: Register) -> list[Member]:
    """Who is in the household from now on; a number or a key of the sheet that is left out stays."""
    sheets, found = body.sheets(), []
    for person in body.members:
        known = register.members.get(person.id) or Member(register.row.id, person.id, person.role)
        number, sheet = person.number or known.number, known.sheet | sheets[person.id]
        found.append(replace(known, role=person.role, number=number, sheet=sheet))
    return found


def _ties(body: DossierStart | Wishes, register: Register) -> dict[str, dict[str, Any]]:
    """Member id → what ties him to a place, of each candidate: his stays, and informal care, which is kept with the applicant."""
    given, found = body.model_fields_set, {}
    for member in (member for member in register.row.household if member["role"] in CANDIDATES):
        names = {member["id"], None} if member["role"] == "applicant" else {member["id"]}
        said: dict[str, Any] = {}
        if "residence" in given:
            said["stays"] = [
                stay.model_dump(mode="json", exclude={"member"}) for stay in body.residence if stay.member in names
            ]
        if "informal_care_in" in given and member["role"] == "applicant":
            said["informal_care_in"] = list(body.informal_care_in)
        found[member["id"]] = said
    return found


def _addresses(register: Register) -> list[str]:
    """Every email address in the dossier."""
    sheets = [one.sheet for one in register.members.values()]
    found = [register.row.email, *(one.get("email") for one in [register.row.help or {}, *sheets])]
    return [address for address in dict.fromkeys(found) if address]


def _vouch(register: Register, before: Collection[str]) -> None:
    """Keep which addresses the counter entered: not those that a case worker found there (before) and left as they were."""
    vouched, counter = register.row.vouched, register.actor.at_counter
    register.row.vouched = [one for one in _addresses(register) if one in vouched or (counter and one not in before)]
