"""Who in a household must confirm, and how what is asked of persons becomes what is asked of roles."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

ADULT_AT = 18
CANDIDATES = ("applicant", "partner")
Member = Mapping[str, Any]
Asked = list[dict[str, Any]]
"""What is asked, per role: {"role", "proofs"} each, in the order of the household."""


def is_adult(born_on: date, day: date) -> bool:
    """Has the eighteenth birthday come? Who is born on 29 February comes of age on 1 March."""
    return (day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))) >= ADULT_AT


def must_confirm(members: Iterable[Member], day: date) -> list[str]:
    """The members who confirm for the dossier to count: applicant, partner, and every other adult who moves in.

    Whose birth date is unknown confirms too: nobody is entered without having said yes.
    """
    return [
        member["id"]
        for member in members
        if member.get("moves_in", True)
        and (
            member["role"] != "co_resident"
            or not member.get("born_on")
            or is_adult(date.fromisoformat(member["born_on"]), day)
        )
    ]


def persons(members: Iterable[Member]) -> int:
    """How many will live in the dwelling."""
    return sum(member.get("moves_in", True) for member in members)


def to_bring(members: Sequence[Member], asks: Iterable[tuple[str, Sequence[str]]]) -> Asked:
    """Asks of persons as asks of roles, so that no one can be known from a mail. asks: (member id, proofs) each."""
    role_of = {member["id"]: member["role"] for member in members}
    proofs_of: dict[str, dict[str, None]] = {}
    for person, proofs in asks:
        proofs_of.setdefault(role_of[person], {}).update(dict.fromkeys(proofs))
    return [
        {"role": role, "proofs": list(proofs_of[role])}
        for role in ("applicant", "partner", "co_resident")
        if role in proofs_of
    ]
