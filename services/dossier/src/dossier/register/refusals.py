"""What is refused, with the place in the request and what to do. Nothing is stored then."""

from collections.abc import Collection, Iterable, Mapping
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
from dossier.register.requests import (
    HouseholdDeclared,
)
from dossier.register.store import RegisterWork


def refuse_outdated(register: Register, version: int) -> None:
    now = register.row.facts_version
    if not register.row.declared_version <= version <= now:  # what sources answered since then is no conflict
        raise Problem(412, f"The facts were changed meanwhile (version {now}): read them again.")


def refuse_own_proofs(household: HouseholdDeclared, caller: Caller, prefix: str = "") -> None:
    """A claim is a candidate's to make; its proof is moved by a document and by who looks at it."""
    if caller.role == "candidate" and (places := household.proofs()):
        errors = [(prefix + path_of(place), "is not a candidate's to say: leave it out") for place in places[:20]]
        raise Problem(422, "A case worker says whether a proof is accepted: see errors. Nothing was stored.", errors)


def refuse_unknown_stays(stays: Iterable[StayDeclared], household: Iterable[Mapping[str, Any]]) -> None:
    """A stay is that of applicant or partner."""
    candidates = {None, *(member["id"] for member in household if member["role"] in CANDIDATES)}
    if errors := [
        (f"residence[{n}].member", "is neither the applicant nor the partner")
        for n, stay in enumerate(stays)
        if stay.member not in candidates
    ]:
        raise Problem(422, "A stay is that of a candidate: see errors. Nothing was stored.", errors)


def refuse_unknown_places(wants: Iterable[str], work: RegisterWork) -> None:
    if unknown := [n for n, place in enumerate(wants) if place not in NAMES and place not in work.companies]:
        errors = [(f"wants[{n}]", "unknown") for n in unknown]
        raise Problem(422, "A household wants to live in municipalities of the Flemish Region: see errors.", errors)


def refuse_impossible(
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


def refuse_nameless(body: HouseholdDeclared, known: Mapping[str, str | None], prefix: str = "") -> None:
    """Applicant and partner are recognised by their number at the login, and bound by it."""
    errors = [
        (f"{prefix}members[{n}].number", f"the {member.role}'s number is needed; a bis number is one")
        for n, member in enumerate(body.members)
        if member.role in CANDIDATES and not (member.number or known.get(member.id))
    ]
    if errors:
        what = "An applicant and a partner are known by their national register number, or by a bis number."
        raise Problem(422, what, errors)


def refuse_other_persons(body: HouseholdDeclared, register: Register) -> None:
    """A member's number and the applicant do not change: that would be another person's dossier. At the counter a national number
    follows a bis number; its bearer confirms again."""
    applicant = register.applicant.member
    known = {member.member: member.number for member in register.members.values()}
    kept = {
        id_: number for id_, number in known.items() if number and not (register.actor.at_counter and is_bis(number))
    }
    errors = (
        [
            (f"members[{n}].number", "is not the number on record: give another person another id")
            for n, member in enumerate(body.members)
            if member.number and kept.get(member.id) not in (None, member.number)
        ]
        + [
            (f"members[{n}].number", "is given at the counter, since facts of this member were established there")
            for n, member in enumerate(body.members)
            if member.number
            and member.id in known
            and known[member.id] is None
            and not register.actor.at_counter
            and register.has_established(register.persons[member.id])
        ]
        + [
            (f"members[{n}].role", f"the applicant is {applicant}")
            for n, member in enumerate(body.members)
            if member.role == "applicant" and member.id != applicant
        ]
    )
    if errors:
        raise Problem(422, "A dossier stays its applicant's: see errors. Nothing was stored.", errors)
    refuse_nameless(body, known)


def known_of(register: Register) -> dict[str, dict[str, Any]]:
    """Person → his facts and his sheet."""
    persons = register.persons
    return {persons[one["id"]]: {**one, **register.members[one["id"]].sheet} for one in register.people}


def refuse_another(before: Mapping[str, Mapping[str, Any]], register: Register) -> None:
    """Where he is reached who confirmed, and who he is where no number tells, is changed by himself or at the counter: else he
    could be taken out without a word, or another put in his place, or in that of somebody of whom facts were established.
    before: `known_of`, as the household was.
    """
    own = register.actor.caller.relation("number")
    confirmed = before.keys() & register.standing.confirmed.keys() - {own}
    errors = [
        (f"members[{n}].{key}", "is changed by himself or at the counter")
        for n, (person, now) in enumerate(known_of(register).items())
        for key in (
            *(("email",) if person in confirmed else ()),
            *(
                ("first_name", "last_name", "born_on")
                if _is_told_by_name(person, now["id"], register, confirmed)
                else ()
            ),
        )
        if before.get(person, {}).get(key) not in (None, now.get(key))
    ]
    if errors and not register.actor.at_counter:
        raise Problem(422, "Somebody who confirmed says himself who he is and where he is reached: see errors.", errors)


def _is_told_by_name(person: str, member: str, register: Register, confirmed: Collection[str]) -> bool:
    """Is somebody without a number known as who he is: because he confirmed, or because facts of him were established?"""
    return register.members[member].number is None and (person in confirmed or register.has_established(person))
