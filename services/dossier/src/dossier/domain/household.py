"""Who is in a household, who of them must confirm, and how what is asked of persons becomes what is asked of roles."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from dossier.domain.acts import Part, Standing

ADULT_AT = 18
CANDIDATES = ("applicant", "partner")
ROLES = (*CANDIDATES, "co_resident")
Member = Mapping[str, Any]
Asked = tuple[str, str]
"""A role, and a proof that it is asked for."""
Asks = list[dict[str, Any]]
"""What is asked, per role and day by which it is due: {"role", "proofs", "by"} each."""


def is_adult(born_on: date, day: date) -> bool:
    """Has the eighteenth birthday come? Who is born on 29 February comes of age on 1 March."""
    return (day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))) >= ADULT_AT


def person_of(member: str, number: str | None) -> str:
    """By what a person is known: his national number; where it is unknown, his member id until he leaves."""
    return number or f"member:{member}"


def is_nameless(person: str) -> bool:
    """Is his number unknown?"""
    return person.startswith("member:")


def part_of(role: str) -> Part:
    """What somebody in this role takes part as."""
    return "candidate" if role in CANDIDATES else "co_resident"


def must_confirm(members: Iterable[Member], persons: Mapping[str, str], acts: Standing, today: date) -> list[str]:
    """The member ids of applicant, partner, and every other adult who moves in.

    persons: member id → person. An adult is one on the day of application, or on the day of joining; in a draft, today: a
    later birthday pauses nobody. A person whose birth date is unknown confirms too: nobody takes part without having said yes.
    """
    return [
        member["id"]
        for member in members
        if member.get("moves_in", True)
        and (
            member["role"] in CANDIDATES
            or not member.get("born_on")
            or is_adult(date.fromisoformat(member["born_on"]), day_of(persons[member["id"]], acts, today))
        )
    ]


def day_of(person: str, acts: Standing, today: date) -> date:
    """The day on which it counts whether somebody is an adult: of application, or of joining; in a draft, today."""
    return acts.joined.get(person) or acts.submitted_on or today


def unconfirmed(members: Sequence[Member], persons: Mapping[str, str], acts: Standing, today: date) -> list[str]:
    """The members who still have to confirm. Who becomes partner confirms again: a co-resident bound himself to less."""
    part = {member["id"]: part_of(member["role"]) for member in members}
    return [
        member
        for member in must_confirm(members, persons, acts, today)
        if acts.confirmed.get(persons[member]) not in ("candidate", part[member])
    ]


def moving_in(members: Iterable[Member], persons: Mapping[str, str]) -> set[str]:
    """The persons who will live in the dwelling."""
    return {persons[member["id"]] for member in members if member.get("moves_in", True)}


def known_on(members: Sequence[Member], people: Sequence[Member], day: date) -> list[dict[str, Any]]:
    """A household as a test of that day sees it: without co-residents who were born later, and without incomes of that year or
    later. people: the members with the birth date on record."""
    found = []
    for one, born in zip(members, people, strict=True):
        if one["role"] not in CANDIDATES and (born["born_on"] or "") > day.isoformat():
            continue
        known = dict(one)
        if any(income["year"] >= day.year for income in one.get("incomes", ())):
            known["incomes"] = [income for income in one["incomes"] if income["year"] < day.year]
        found.append(known)
    return found


def asked_of(members: Sequence[Member], asks: Iterable[tuple[str, Iterable[str]]]) -> list[Asked]:
    """Asks of persons as asks of roles, so that no one can be known from a mail. asks: (member id, proofs) each; what is
    asked of somebody who left the household is asked no more."""
    role_of = {member["id"]: member["role"] for member in members}
    return [(role_of[member], proof) for member, proofs in asks if member in role_of for proof in proofs]


def to_bring(asked: Iterable[Asked], by: Mapping[Asked, str | None]) -> Asks:
    """The same by role, in the order of the household, each proof once. by: the day by which it is due."""
    found: dict[tuple[str, str | None], dict[str, None]] = {}
    for one in sorted(asked, key=lambda one: ROLES.index(one[0])):
        found.setdefault((one[0], by.get(one)), {})[one[1]] = None
    return [{"role": role, "proofs": list(proofs), "by": day} for (role, day), proofs in found.items()]
