"""What changes a dossier: commands from people, and the assessments that eligibility says. Read from the tables at the foot.

Every change ends in `_settle`: the status is worked out anew from the acts on record, and what became different is said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import structlog

from cir_chassis.consumer import Handlers
from cir_chassis.pseudonym import pseudonym
from cir_schemas import (
    CandidacyRecorded,
    ContactsRecorded,
    HouseholdAssessed,
    HouseholdRecorded,
    ProofAsked,
    StatusChanged,
)
from cir_schemas.envelope import Event, Snapshot
from dossier.domain import household as rules
from dossier.domain.numbers import dossier_number
from dossier.domain.status import Acts, standing
from dossier.store import Dossier, Member, RegisterWork

log = structlog.get_logger()
CONFIRMATION = "confirmation"


@dataclass(frozen=True)
class StartDossier:
    """Start a dossier; numbers: member id → national register number, where known."""

    dossier: Dossier
    numbers: Mapping[str, str | None]


@dataclass(frozen=True)
class ChangeHousehold:
    """Put these facts in the place of the ones on record."""

    dossier: UUID
    household: list[dict[str, Any]]
    numbers: Mapping[str, str | None]


@dataclass(frozen=True)
class SubmitDossier:
    """Apply; nth: the how-manieth application of the day it is."""

    dossier: UUID
    nth: int


@dataclass(frozen=True)
class ConfirmParticipation:
    """One member confirms; by: himself, or the case worker who holds the paper."""

    dossier: UUID
    member: str
    by: str


def start_dossier(command: StartDossier, work: RegisterWork) -> None:
    """A draft is on record: its contacts and candidacy are said, its facts are assessed for information."""
    dossier = _said(command.dossier, work, ContactsRecorded, _contacts(command.dossier))
    dossier = _said(dossier, work, HouseholdRecorded, _facts(dossier))
    _put_members(dossier, command.numbers, work)
    _settle(None, dossier, work)


def change_household(command: ChangeHousehold, work: RegisterWork) -> None:
    """Other facts are on record; they are assessed anew, and until then the status stays."""
    before = work.dossiers.get(command.dossier)
    was = _candidacy(before, work)  # while the members are still those of before: one's number may become known
    dossier = replace(before, household=command.household, facts_version=before.facts_version + 1)
    dossier = _said(dossier, work, HouseholdRecorded, _facts(dossier))
    _put_members(dossier, command.numbers, work)
    _settle(before, dossier, work, was=was)


def submit_dossier(command: SubmitDossier, work: RegisterWork) -> None:
    """The application is dated and numbered, and a test is opened for that day. Submitting twice is submitting once."""
    before = work.dossiers.get(command.dossier)
    if before.submitted_on:
        return
    today = work.clock.today()
    dossier = replace(
        before,
        submitted_on=today,
        number=dossier_number(today, command.nth),
        must_confirm=rules.must_confirm(before.household, today),
        test={"id": str(uuid4()), "moment": "registration", "reference_date": today.isoformat()},
    )
    dossier = _said(dossier, work, HouseholdRecorded, _facts(dossier))
    _settle(before, dossier, work)


def confirm_participation(command: ConfirmParticipation, work: RegisterWork) -> None:
    """The member takes part. Confirming twice is confirming once."""
    member = work.members.get(command.dossier, command.member)
    if not member.confirmed_at:
        work.members.put(replace(member, confirmed_at=work.clock.now(), confirmed_by=command.by))
        dossier = work.dossiers.get(command.dossier)
        _settle(dossier, dossier, work)


def take_assessments(events: Sequence[HouseholdAssessed], work: RegisterWork) -> None:
    """Keep the newest assessment of each dossier; for an open test it may decide the status."""
    for event in events:
        before = work.dossiers.find(event.dossier)
        if before is None:
            log.warning("an assessment of no dossier of ours", dossier=event.key)
        elif work.is_newer(event, before.heard_version):
            dossier = replace(
                before,
                heard_version=event.version,
                assessment=event.assessment.model_dump(mode="json"),
                assessed_version=event.facts_version,
                assessed_test=str(event.test) if event.test else None,
            )
            _settle(before, dossier, work, because_of=event)


def publish_candidacies(work: RegisterWork) -> None:
    """Say the candidacy of every dossier loaded, whether it changed or not."""
    for dossier in list(work.dossiers.all()):
        work.dossiers.put(_said(dossier, work, CandidacyRecorded, _candidacy(dossier, work)))


def unconfirmed(dossier: Dossier, work: RegisterWork) -> list[str]:
    """The members who still have to confirm; who was an adult is settled by the day of application."""
    here = {member["id"] for member in dossier.household}
    due = dossier.must_confirm if dossier.submitted_on else rules.must_confirm(dossier.household, work.clock.today())
    return [id for id in due if id in here and not work.members.get(dossier.id, id).confirmed_at]


def pending(dossier: Dossier, work: RegisterWork) -> list[str]:
    """What the register still waits for: `confirmation:<member>` each, `assessment`."""
    waiting = [f"{CONFIRMATION}:{member}" for member in unconfirmed(dossier, work)]
    assessed = dossier.assessed_version == dossier.facts_version and (
        dossier.test is None or dossier.assessed_test == dossier.test["id"]
    )
    return waiting if assessed else [*waiting, "assessment"]


def registered_on(dossier: Dossier) -> date | None:
    """The registration date: the day of application, once every adult has confirmed and an assessment has counted."""
    return dossier.submitted_on if dossier.counted else None


def _settle(
    before: Dossier | None,
    dossier: Dossier,
    work: RegisterWork,
    because_of: Event | None = None,
    was: dict[str, Any] | None = None,
) -> None:
    """Work out the status from the acts on record, and say what became different, if anything did.

    was: the candidacy before, where members changed; else it is that of `before`.
    """
    for_open_test = dossier.test and dossier.assessed_test == dossier.test["id"] and dossier.assessment
    now = standing(
        Acts(
            closing=dossier.closing,
            submitted=dossier.submitted_on is not None,
            unconfirmed=bool(unconfirmed(dossier, work)),
            counted=dossier.counted,
            arrived=for_open_test["outcome"] if for_open_test else None,
        )
    )
    dossier = replace(dossier, status=now.status, counted=now.counted, test=None if now.closes_test else dossier.test)
    dossier = replace(dossier, asked=_asked(dossier, work))
    if before and was is None:
        was = _candidacy(before, work)
    if was != (candidacy := _candidacy(dossier, work)):
        dossier = _said(dossier, work, CandidacyRecorded, candidacy, because_of)
    if before and before.status != dossier.status:
        changed = {"number": dossier.number, "was": before.status, "now": dossier.status, "asks": dossier.asked}
        work.publish(StatusChanged.model_validate({"dossier": dossier.id, **changed}), because_of)
    elif before and dossier.status == "under_investigation" and dossier.asked and dossier.asked != before.asked:
        asked = {"number": dossier.number, "asks": dossier.asked}
        work.publish(ProofAsked.model_validate({"dossier": dossier.id, **asked}), because_of)
    work.dossiers.put(dossier)


def _asked(dossier: Dossier, work: RegisterWork) -> rules.Asked:
    """What the household is asked now: to confirm, then what the assessment asks or says could be claimed."""
    if dossier.status == "submitted":
        return rules.to_bring(dossier.household, [(member, [CONFIRMATION]) for member in unconfirmed(dossier, work)])
    if dossier.status != "under_investigation" or dossier.assessment is None:
        return []
    conditions = dossier.assessment["conditions"]
    return rules.to_bring(
        dossier.household,
        [
            (ask["person"], ask["proofs"])
            for ask in [*dossier.assessment["asks"], *dossier.assessment["could_claim"]]
            if conditions[ask["condition"]]["effect"] == "bar"  # a duty has its own term, and bars nobody
        ],
    )


def _said(
    dossier: Dossier,
    work: RegisterWork,
    kind: type[Snapshot],
    content: Mapping[str, Any],
    because_of: Event | None = None,
) -> Dossier:
    """Say one aspect of the dossier, under the version that this draws."""
    version = work.next_version(dossier.version)
    work.publish(kind.model_validate({"dossier": dossier.id, "version": version, **content}), because_of)
    return replace(dossier, version=version)


def _facts(dossier: Dossier) -> dict[str, Any]:
    household = {"members": dossier.household}
    return {"facts_version": dossier.facts_version, "household": household, "test": dossier.test}


def _contacts(dossier: Dossier) -> dict[str, Any]:
    return {name: getattr(dossier, name) for name in ("company", "language", "email", "help")}


def _candidacy(dossier: Dossier, work: RegisterWork) -> dict[str, Any]:
    same = ("status", "number", "company", "municipality", "residence", "informal_care_in")
    return {
        **{name: getattr(dossier, name) for name in same},
        "registered_on": registered_on(dossier),
        "persons": rules.persons(dossier.household),
        "wants": [{"municipality": place, "company": work.companies.get(place)} for place in dossier.wants],
        "candidates": sorted(pseudonym(number, work.person_key) for number in _candidates(dossier, work)),
    }


def _candidates(dossier: Dossier, work: RegisterWork) -> Iterator[str]:
    """The numbers of applicant and partner, where known."""
    for declared in dossier.household:
        member = work.members.find(dossier.id, declared["id"])
        if declared["role"] in rules.CANDIDATES and member and member.number:
            yield member.number


def _put_members(dossier: Dossier, numbers: Mapping[str, str | None], work: RegisterWork) -> None:
    for declared in dossier.household:
        known = work.members.find(dossier.id, declared["id"]) or Member(dossier.id, declared["id"], declared["role"])
        number = numbers.get(declared["id"]) or known.number
        work.members.put(replace(known, role=declared["role"], number=number))


COMMANDS: dict[type[Any], Callable[[Any, RegisterWork], None]] = {
    StartDossier: start_dossier,
    SubmitDossier: submit_dossier,
    ConfirmParticipation: confirm_participation,
    ChangeHousehold: change_household,
}
"""What people may order."""

EVENTS: Handlers = {HouseholdAssessed: take_assessments}
"""What is heard, and what it does."""
