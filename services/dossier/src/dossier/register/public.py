"""What the others are told of a dossier, as far as it may become different: where its mail goes, and its place on the list."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from cir_chassis.pseudonym import pseudonym
from dossier.domain.household import moving_in
from dossier.register.store import RegisterWork

if TYPE_CHECKING:
    from dossier.register.register import Register

FOR_EVER = date(9999, 12, 31)  # until somebody acts, not until a day


@dataclass(frozen=True)
class Public:
    """contacts, candidacy: the content of the two snapshots."""

    contacts: dict[str, Any]
    candidacy: dict[str, Any]
    invited: frozenset[tuple[str, str]]
    """(member, address): an address that is put right is invited as well."""


NOTHING = Public({}, {}, frozenset())


def public(register: "Register", work: RegisterWork) -> Public:
    """What is published of a dossier as it now stands."""
    row, standing, unconfirmed = register.row, register.standing, register.unconfirmed
    applicant, partner = register.applicant, register.confirmed_partner
    invited = [
        {"member": member, "email": email}
        for member in ([] if standing.closed else unconfirmed)
        if (email := register.members[member].sheet.get("email")) and register.members[member] is not applicant
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
        "paused_until": FOR_EVER if standing.status == "registered" and unconfirmed else None,
    }
    return Public(contacts, candidacy, frozenset((one["member"], one["email"]) for one in invited))
