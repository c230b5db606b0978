"""What the others are told of a dossier as it becomes different: its household, where its mail goes, its place on the list."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from cir_chassis.pseudonym import pseudonym
from cir_schemas import (
    CandidacyRecorded,
    ContactsRecorded,
    DecisionTaken,
    HouseholdRecorded,
    MemberInvited,
    ProofAsked,
    StatusChanged,
)
from cir_schemas.envelope import Event, Snapshot
from dossier.domain.household import known_on, moving_in
from dossier.register.asks import asks_more

if TYPE_CHECKING:
    from dossier.register.register import Register

FOR_EVER = date(9999, 12, 31)  # until somebody acts, not until a day
Public = Mapping[type[Snapshot], Mapping[str, Any]]
"""Snapshot → its content. The others than eligibility are told nothing of a draft."""


def public(register: "Register") -> Public:
    """What the others are told of a dossier as it now stands."""
    found: dict[type[Snapshot], Mapping[str, Any]] = {HouseholdRecorded: _household(register)}
    if register.standing.submitted_on:
        waiting = register.unconfirmed
        contacts, candidacy = _contacts(register, waiting), _candidacy(register, waiting)
        found = {ContactsRecorded: contacts, **found, CandidacyRecorded: candidacy}
    return found


def _household(register: "Register") -> Mapping[str, Any]:
    row, standing, test = register.row, register.standing, register.standing.test
    members = known_on(row.household, register.people, test.reference_date) if test else row.household
    return {
        "facts_version": row.household_version,
        "household": {"members": members},
        "registered_on": None if test else standing.registered_on,  # a test has its own: an outcome is no new fact
        "test": test and asdict(test),
    }


def _contacts(register: "Register", unconfirmed: Sequence[str]) -> Mapping[str, Any]:
    row, applicant, partner = register.row, register.applicant, register.confirmed_partner
    return {
        "company": row.company,
        "language": row.language,
        "email": row.email,
        "applicant": applicant.member,
        "partner_email": partner.sheet.get("email") if partner else None,
        "members": _invited(register, unconfirmed) + register.removed,
        "help": row.help,
        "confirmed": row.vouched,
        "readers": _readers(register),
    }


def _readers(register: "Register") -> list[dict[str, Any]]:
    """Applicant and partner who move in, as far as their numbers are known."""
    here = {one["role"]: register.members[one["id"]].number for one in register.row.household if one["moves_in"]}
    return [
        {"role": role, "person": pseudonym(number, register.work.person_key), "bound": number in register.candidates}
        for role in ("applicant", "partner")
        if (number := here.get(role))
    ]


def _invited(register: "Register", unconfirmed: Sequence[str]) -> list[dict[str, str]]:
    """Who is invited to confirm, and where: an address that is put right is invited as well."""
    asked = [] if register.standing.closed else unconfirmed
    found = [(member, register.members[member].sheet.get("email")) for member in asked]
    return [{"member": one, "email": to} for one, to in found if to and one != register.applicant.member]


def _candidacy(register: "Register", unconfirmed: Sequence[str]) -> Mapping[str, Any]:
    row, work, standing = register.row, register.work, register.standing
    waits = standing.held or (standing.status == "registered" and unconfirmed)
    return {
        "status": standing.status,
        "number": row.number,
        "company": row.company,
        "municipality": row.municipality,
        "residence": row.residence,
        "informal_care_in": row.informal_care_in,
        "registered_on": standing.registered_on,
        "persons": len(moving_in(row.household, register.persons)),
        "wants": [{"municipality": place, "company": work.companies.get(place)} for place in row.wants],
        "candidates": sorted(pseudonym(number, work.person_key) for number in register.candidates),
        "paused_until": FOR_EVER if waits else standing.paused_until,
        "on_hold": bool(standing.held),
    }


def publish(register: "Register", because_of: Event | None, aside: bool) -> None:
    """Publish what became different. aside: a decision moved no status; where one moves all the same, that is news of its own."""
    row, before, was, now = register.row, register.before, register.public_before, public(register)
    for kind, content in now.items():
        if content != was.get(kind):
            _publish(register, kind, content, because_of)
    happenings, about = list(register.happenings), {"number": row.number, "asks": row.asked}
    by = register.actor.caller.role
    decided = {"by": by if by != "helper" else "register", "decision": register.decision}
    moved = before.status != row.status
    if moved:
        news = about | decided | {"was": before.status, "now": row.status}
        happenings.append((StatusChanged, news | ({"decision": None} if aside else {})))
    if register.decision and (aside or not moved):
        happenings.append((DecisionTaken, decided | {"number": row.number}))
    if not moved and asks_more(register):
        happenings.append((ProofAsked, about))
    if register.standing.submitted_on:
        known = was.get(ContactsRecorded, {"members": ()})["members"]
        new = [one["member"] for one in _invited(register, register.unconfirmed) if one not in known]
        happenings += [(MemberInvited, {"number": row.number, "member": member}) for member in sorted(new)]
    for happening, told in happenings:
        register.work.publish(happening.model_validate({"dossier": row.id, **told}), because_of)


def publish_candidacy(register: "Register") -> None:
    """Publish what has pseudonyms, whether it changed or not: who reads its messages, and the candidacy."""
    if register.standing.submitted_on:
        _publish(register, ContactsRecorded, _contacts(register, register.unconfirmed))
        _publish(register, CandidacyRecorded, _candidacy(register, register.unconfirmed))
        register.work.dossiers.put(register.row)


def _publish(
    register: "Register", kind: type[Snapshot], content: Mapping[str, Any], because_of: Event | None = None
) -> None:
    """Publish one aspect of the dossier, under the version that this draws."""
    row, work = register.row, register.work
    row.version = work.next_version(row.version)
    work.publish(kind.model_validate({"dossier": row.id, "version": row.version, **content}), because_of)
