"""What is refused, with the place in the request and what to do. Nothing is stored then."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from cir_chassis.login import Caller
from cir_chassis.problems import Problem, path_of
from cir_schemas.dossier import StayDeclared
from cir_schemas.household import Household, impossible_on
from cir_schemas.municipalities import NAMES
from dossier.domain.household import CANDIDATES
from dossier.domain.numbers import contradictions, is_bis
from dossier.register.register import Register
from dossier.register.requests import HouseholdDeclared
from dossier.register.store import RegisterWork


def _refuse(what: str, errors: Iterable[tuple[str, str]]) -> None:
    if errors := list(errors):
        raise Problem(422, f"{what}: see errors. Nothing was stored.", errors)


def own_proofs(household: HouseholdDeclared, caller: Caller, prefix: str = "") -> None:
    """A claim is a candidate's to make; its proof is moved by a document and by who looks at it."""
    places = household.proofs()[:20] if caller.role == "candidate" else []
    errors = ((prefix + path_of(place), "is not a candidate's to say: leave it out") for place in places)
    _refuse("A case worker says whether a proof is accepted", errors)


def unknown_stays(stays: Iterable[StayDeclared], household: Iterable[Mapping[str, Any]]) -> None:
    """A stay is that of applicant or partner."""
    candidates = {None, *(member["id"] for member in household if member["role"] in CANDIDATES)}
    wrong = (f"residence[{n}].member" for n, stay in enumerate(stays) if stay.member not in candidates)
    _refuse("A stay is that of a candidate", ((place, "is neither the applicant nor the partner") for place in wrong))


def unknown_places(wants: Iterable[str], work: RegisterWork) -> None:
    unknown = (n for n, place in enumerate(wants) if place not in NAMES and place not in work.companies)
    what = "A household wants to live in municipalities of the Flemish Region"
    _refuse(what, ((f"wants[{n}]", "unknown") for n in unknown))


def impossible(
    household: HouseholdDeclared, known: Mapping[str, str | None], day: date, today: date, prefix: str = ""
) -> None:
    """known: member id → number on record; day: for which the facts are decided. A child may be born since."""
    members = list(enumerate(household.members))
    numbers = {n: number for n, member in members if (number := member.number or known.get(member.id))}
    born = {n: member.born_on for n, member in members if member.born_on}
    since = {("members", n, "born_on") for n, on in born.items() if on <= today and members[n][1].role == "co_resident"}
    found = [one for one in impossible_on(Household(members=household.members), day) if one[0] not in since]
    errors = ((prefix + path_of(place), why) for place, why in found + contradictions(numbers, born))
    _refuse(f"What was declared cannot be true on {day}", errors)


def nameless(body: HouseholdDeclared, known: Mapping[str, str | None], prefix: str = "") -> None:
    """Applicant and partner are recognised by their number at the login, and bound by it."""
    errors = (
        (f"{prefix}members[{n}].number", f"the {member.role}'s number is needed; a bis number is one")
        for n, member in enumerate(body.members)
        if member.role in CANDIDATES and not (member.number or known.get(member.id))
    )
    _refuse("An applicant and a partner are known by their national register number, or by a bis number", errors)


def other_persons(body: HouseholdDeclared, register: Register) -> None:
    """A member's number and the applicant do not change: that would be another person's dossier. At the counter a national number
    follows a bis number; its bearer confirms again."""
    counter, errors = register.actor.at_counter, []
    known = {member.member: member.number for member in register.members.values()}
    for n, member in enumerate(body.members):
        number, place = known.get(member.id), f"members[{n}]"
        if member.number and number not in (None, member.number) and not (counter and is_bis(str(number))):
            errors.append((f"{place}.number", "is not the number on record: give another person another id"))
        new = member.number and member.id in known and number is None
        if new and not counter and register.has_established(register.persons[member.id]):
            why = "is given at the counter, since facts of this member were established there"
            errors.append((f"{place}.number", why))
        if member.role == "applicant" and member.id != register.applicant.member:
            errors.append((f"{place}.role", f"the applicant is {register.applicant.member}"))
    _refuse("A dossier stays its applicant's", errors)
    nameless(body, known)


def known_of(register: Register) -> dict[str, dict[str, Any]]:
    """Person → his facts and his sheet."""
    persons = register.persons
    return {persons[one["id"]]: {**one, **register.members[one["id"]].sheet} for one in register.people}


def another(before: Mapping[str, Mapping[str, Any]], register: Register) -> None:
    """Where he is reached who confirmed, and who he is where no number tells, is changed by himself or at the counter: else he
    could be taken out without a word, or another put in his place, or in that of somebody of whom facts were established.
    before: `known_of`, as the household was.
    """
    if register.actor.at_counter:
        return
    confirmed = before.keys() & register.standing.confirmed.keys() - {register.actor.caller.relation("number")}
    errors = []
    for n, (person, now) in enumerate(known_of(register).items()):
        keys = ["email"] if person in confirmed else []
        if register.members[now["id"]].number is None and (person in confirmed or register.has_established(person)):
            keys += ["first_name", "last_name", "born_on"]  # what he is known by
        errors += [
            (f"members[{n}].{key}", "is changed by himself or at the counter")
            for key in keys
            if before.get(person, {}).get(key) not in (None, now.get(key))
        ]
    _refuse("Somebody who confirmed says himself who he is and where he is reached", errors)
