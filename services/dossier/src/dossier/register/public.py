"""What the others are told of a dossier as it becomes different: its household, where its mail goes, its place on the list."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
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


@dataclass(frozen=True)
class Public:
    """contacts, candidacy: the content of the two snapshots; nothing of a draft."""

    contacts: Mapping[str, Any] = field(default_factory=dict)
    candidacy: Mapping[str, Any] = field(default_factory=dict)
    invited: frozenset[tuple[str, str]] = frozenset()
    """(member, address): an address that is put right is invited as well."""


def public(register: "Register") -> Public:
    """What others than eligibility are told of a dossier as it now stands."""
    row, work, standing = register.row, register.work, register.standing
    if not standing.submitted_on:
        return Public()
    unconfirmed, applicant, partner = register.unconfirmed, register.applicant, register.confirmed_partner
    invited = [
        {"member": member, "email": email}
        for member in ([] if standing.closed else unconfirmed)
        if (email := register.members[member].sheet.get("email")) and member != applicant.member
    ]
    contacts = {
        "company": row.company,
        "language": row.language,
        "email": row.email,
        "applicant": applicant.member,
        "partner_email": partner.sheet.get("email") if partner else None,
        "members": invited + register.removed,
        "help": row.help,
        "confirmed": row.vouched,
    }
    candidacy = {
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
        "paused_until": FOR_EVER if standing.held or (standing.status == "registered" and unconfirmed) else None,
    }
    return Public(contacts, candidacy, frozenset((one["member"], one["email"]) for one in invited))


def publish(register: "Register", because_of: Event | None, aside: bool) -> None:
    """Publish what became different. aside: a decision moved no status; where one moves all the same, that is news of its own."""
    row, standing, before, was, now = (
        register.row,
        register.standing,
        register.before,
        register.public_before,
        public(register),
    )
    if now.contacts != was.contacts:
        _publish(register, ContactsRecorded, now.contacts, because_of)
    test = standing.test
    if row.household != before.household or test != register.test_before:
        members = known_on(row.household, register.people, test.reference_date) if test else row.household
        household = {
            "facts_version": row.household_version,
            "household": {"members": members},
            "registered_on": standing.registered_on,
            "test": test and asdict(test),
        }
        _publish(register, HouseholdRecorded, household, because_of)
    if now.candidacy != was.candidacy:
        _publish(register, CandidacyRecorded, now.candidacy, because_of)
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
    for member, _ in sorted(now.invited - was.invited):
        happenings.append((MemberInvited, {"number": row.number, "member": member}))
    for kind, content in happenings:
        register.work.publish(kind.model_validate({"dossier": row.id, **content}), because_of)


def publish_candidacy(register: "Register") -> None:
    """Publish the candidacy, whether it changed or not."""
    if candidacy := public(register).candidacy:
        _publish(register, CandidacyRecorded, candidacy)
        register.work.dossiers.put(register.row)


def _publish(
    register: "Register", kind: type[Snapshot], content: Mapping[str, Any], because_of: Event | None = None
) -> None:
    """Publish one aspect of the dossier, under the version that this draws."""
    row, work = register.row, register.work
    register.row = replace(row, version=work.next_version(row.version))
    about = {"dossier": row.id, "version": register.row.version, **content}
    work.publish(kind.model_validate(about), because_of)
