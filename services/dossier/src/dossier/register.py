"""One dossier within a unit of work: acts are recorded on it, its facts change, and `settle` publishes what became different.

A draft publishes its household alone (eligibility previews it); from the submission on, the others are told as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar
from uuid import uuid4

from cir_chassis.login import Caller
from cir_chassis.pseudonym import pseudonym
from cir_schemas import (
    ApplicantReplaced,
    CandidacyRecorded,
    ContactsRecorded,
    HouseholdRecorded,
    MemberInvited,
    MemberLeft,
    ProofAsked,
    StatusChanged,
)
from cir_schemas.envelope import Event, Happening, Snapshot
from dossier.access import Relation
from dossier.domain import household as rules
from dossier.domain.acts import OPEN, Situation, after
from dossier.domain.household import CANDIDATES, person_of
from dossier.store import Dossier, Member, RecordedAct, RegisterWork, read_standing, write_standing

CONFIRMATION = "confirmation"
FOR_EVER = date(9999, 12, 31)  # until somebody acts, not until a day


@dataclass(frozen=True)
class Actor:
    """Who acts on a dossier: the caller, and what he is to it."""

    caller: Caller
    relation: Relation
    member: str | None = None
    """His member id, where he is in the household."""

    @property
    def at_counter(self) -> bool:
        """Does a case worker of the treating company act?"""
        return self.relation == "treating"


@dataclass(frozen=True)
class _Public:
    """What was published of a dossier, as far as it may become different."""

    contacts: dict[str, Any]
    candidacy: dict[str, Any]
    invited: frozenset[tuple[str, str]]
    """(member, address): an address that is put right is invited as well."""


class Register:
    """One dossier: its row, its members and what its acts add up to."""

    NOBODY: ClassVar = _Public({}, {}, frozenset())

    def __init__(self, row: Dossier, work: RegisterWork, actor: Actor | None = None) -> None:
        """actor: None where the register itself acts, as an assessment arrives."""
        self.row, self._work, self._actor = row, work, actor
        self.members = work.members_of(row.id)
        self.standing = read_standing(row)
        self._removed: list[dict[str, str]] = []
        self._happenings: list[tuple[type[Happening], dict[str, Any]]] = []
        self._before, self._test_before, self._unassessed = row, self.standing.test, False
        self._public = self._publicly() if self.standing.submitted_on else self.NOBODY

    # what is on record

    @property
    def actor(self) -> Actor:
        """Who acts."""
        assert self._actor
        return self._actor

    @property
    def persons(self) -> dict[str, str]:
        """Member id → person (see `person_of`)."""
        numbers = {member.member: member.number for member in self.members.values()}
        return {
            declared["id"]: person_of(declared["id"], numbers.get(declared["id"])) for declared in self.row.household
        }

    def member_in(self, role: str) -> Member | None:
        """The member in this role, who moves in."""
        for declared in self.row.household:
            if declared["role"] == role and declared.get("moves_in", True):
                return self.members[declared["id"]]
        return None

    @property
    def unconfirmed(self) -> list[str]:
        """The members who still have to confirm."""
        return rules.unconfirmed(self.row.household, self.persons, self.standing, self._work.today)

    @property
    def confirmed_partner(self) -> Member | None:
        """The partner, if he confirmed."""
        partner = self.member_in("partner")
        return partner if partner and partner.member not in self.unconfirmed else None

    @property
    def assessed(self) -> bool:
        """Is the newest assessment one of the facts on record and of the open test, or of none where none is open?"""
        test = self.standing.test
        return self.row.assessed_version == self.row.household_version and self.row.assessed_test == (test and test.id)

    @property
    def pending(self) -> list[str]:
        """What the register still waits for: `confirmation:<member>` each, `assessment`."""
        if self.standing.closed:
            return []
        return [f"{CONFIRMATION}:{member}" for member in self.unconfirmed] + ["assessment"] * (not self.assessed)

    @property
    def bound(self) -> set[str]:
        """The numbers of applicant and partner who are bound: he started the dossier himself, or confirmed."""
        if self.standing.closed:
            return set()
        found = (self.member_in(role) for role in CANDIDATES)
        return {
            member.number
            for member in found
            if member
            and member.number
            and (member.number == self.standing.starter or self.standing.confirmed.get(member.number) == "candidate")
        }

    def situation(self, undoable: bool) -> Situation:
        """What the available actions depend on."""
        return Situation(self.standing.status, self.unconfirmed, self.confirmed_partner is not None, undoable)

    # what changes

    def record(
        self,
        kind: str,
        *,
        person: str | None = None,
        reasons: Sequence[str] = (),
        on: date | None = None,
        by_register: bool = False,
        **refers: Any,
    ) -> RecordedAct:
        """Put an act on record: the actor's, or one that the register itself takes."""
        actor = None if by_register else self._actor
        act = RecordedAct(
            id=uuid4(),
            dossier=self.row.id,
            kind=kind,
            subject=actor.caller.subject if actor else "register",
            role=actor.caller.role if actor else "register",
            relation=actor.relation if actor else "register",
            at=self._work.now,
            on=on or self._work.today,
            person=person,
            reasons=list(reasons),
            refers=refers,
        )
        self._work.acts.put(act)
        self.standing = after(self.standing, act.act)
        return act

    def put_household(self, household: list[dict[str, Any]], members: Sequence[Member]) -> dict[str, Any]:
        """Put these facts and persons in the place of those on record. Returns who left and who joined, for the act."""
        before, candidates = rules.moving_in(self.row.household, self.persons), self._candidates()
        self._work.put_members(self.row.id, members)
        self.members = self._work.members_of(self.row.id)
        self.row = replace(self.row, household=household)
        self.change(household_too=True)
        now = rules.moving_in(household, self.persons)
        part = self.standing.confirmed | ({self.standing.starter: "candidate"} if self.standing.starter else {})
        return {
            "left": {person: part.get(person) for person in before - now},
            "joined": sorted(now - before),
            "no_candidates": sorted((candidates - self._candidates()) & now),
        }

    def remove(self, member: str) -> dict[str, Any]:
        """Take somebody out of the household; for the act."""
        household = [declared for declared in self.row.household if declared["id"] != member]
        return self.put_household(household, [one for id_, one in self.members.items() if id_ != member])

    def change(self, *, household_too: bool = False, **columns: Any) -> None:
        """Change what is declared: the facts get their next version; facts of the household are assessed anew."""
        facts_version = self.row.facts_version + bool(self.row.version)
        version = facts_version if household_too else self.row.household_version
        self.row = replace(self.row, facts_version=facts_version, household_version=version, **columns)
        self._unassessed |= household_too

    def tell_left(self, member: Member, why: str) -> None:
        """The applicant is told who left; who was removed by another is told himself."""
        if self.standing.submitted_on:
            about = {"number": self.row.number, "member": member.member, "role": member.role, "why": why}
            self._happenings.append((MemberLeft, about))
            if why == "removed" and (email := member.sheet.get("email")):
                self._removed.append({"member": member.member, "email": email})

    def tell_replaced(self, why: str) -> None:
        """The new applicant, or the company where no address is known, is told."""
        self._happenings.append((ApplicantReplaced, {"number": self.row.number, "why": why}))

    # what follows

    def settle(self, because_of: Event | None = None) -> None:
        """Let the newest assessment count if it may, work out the status anew, and publish what became different."""
        self._count()
        standing, before = self.standing, self._before
        self.row = replace(self.row, standing=write_standing(standing), status=standing.status)
        self.row = replace(
            self.row, asked=self._asks(), touched_at=self._work.now if self._actor else self.row.touched_at
        )
        if standing.submitted_on:
            now = self._publicly()
            if now.contacts != self._public.contacts:
                self._publish(ContactsRecorded, now.contacts, because_of)
            self._publish_household(because_of)
            if now.candidacy != self._public.candidacy:
                self._publish(CandidacyRecorded, now.candidacy, because_of)
            about = {"number": self.row.number, "asks": self.row.asked}
            if before.status != standing.status:
                by = self._actor.caller.role if self._actor else "register"
                moved = {"was": before.status, "now": standing.status, "by": by}
                self._happenings.append((StatusChanged, about | moved))
            elif self._asks_more(before.asked):
                self._happenings.append((ProofAsked, about))
            for member, _ in sorted(now.invited - self._public.invited):
                self._happenings.append((MemberInvited, {"number": self.row.number, "member": member}))
            for kind, content in self._happenings:
                self._work.publish(kind.model_validate({"dossier": self.row.id, **content}), because_of)
        else:
            self._publish_household(because_of)
        self._work.dossiers.put(self.row)

    def publish_candidacy(self) -> None:
        """Publish the candidacy, whether it changed or not."""
        if self.standing.submitted_on:
            self._publish(CandidacyRecorded, self._publicly().candidacy, None)
            self._work.dossiers.put(self.row)

    def _count(self) -> None:
        """An assessment counts only if it is of the facts on record and of the open test, once every adult has confirmed.

        A registered household whose facts (or whose law) changed is assessed for information: where it no longer meets the
        conditions a test of moment `update` is opened, and the status moves when the assessment of that test arrives.
        """
        standing, found = self.standing, self.row.assessment
        if found is None or standing.status not in OPEN or self.unconfirmed or not self.assessed:
            return
        outcome, of = found["outcome"], (self.row.household_version, found["rules"])
        if standing.test:
            if (outcome, of) != (standing.counted, standing.tested) or outcome == "met":
                refers = {"outcome": outcome, "facts": of[0], "rules": of[1], "test": standing.test.id}
                self.record("assessed", by_register=True, **refers)
        elif standing.status == "registered" and outcome != "met" and of != standing.tested:
            self.record("open_test", by_register=True, test=str(uuid4()))

    def _publish_household(self, because_of: Event | None) -> None:
        if not self._unassessed and self.standing.test == self._test_before:
            return
        test = self.standing.test
        content = {
            "facts_version": self.row.household_version,
            "household": {
                "members": rules.born_by(self.row.household, test.reference_date) if test else self.row.household
            },
            "registered_on": self.standing.registered_on,
            "test": test
            and {name: getattr(test, name) for name in ("id", "moment", "reference_date", "registered_on")},
        }
        self._publish(HouseholdRecorded, content, because_of)

    def _publish(self, kind: type[Snapshot], content: Mapping[str, Any], because_of: Event | None) -> None:
        """Publish one aspect of the dossier, under the version that this draws."""
        version = self._work.next_version(self.row.version)
        self._work.publish(kind.model_validate({"dossier": self.row.id, "version": version, **content}), because_of)
        self.row = replace(self.row, version=version)

    def _asks(self) -> rules.Asks:
        """What the household is asked now: to confirm, then what the assessment asks or says could be claimed."""
        if self.standing.status not in OPEN:
            return []
        asks = [(member, [CONFIRMATION]) for member in self.unconfirmed]
        if self.standing.status == "under_investigation" and self.row.assessment:
            conditions = self.row.assessment["conditions"]
            asks += [
                (ask["person"], ask["proofs"])
                for ask in [*self.row.assessment["asks"], *self.row.assessment["could_claim"]]
                if conditions[ask["condition"]]["effect"] == "bar"  # a duty has its own term, and bars nobody
            ]
        return rules.to_bring(self.row.household, asks)

    def _asks_more(self, before: rules.Asks) -> bool:
        """Is something asked that was not, or (papers) is something else asked?"""
        if self.standing.status == "under_investigation":
            return bool(self.row.asked) and self.row.asked != before
        asked = {(one["role"], proof) for one in self.row.asked for proof in one["proofs"]}
        return bool(asked - {(one["role"], proof) for one in before for proof in one["proofs"]})

    def _publicly(self) -> _Public:
        row, unconfirmed = self.row, self.unconfirmed
        applicant = self.member_in("applicant")
        invited = [
            {"member": member, "email": email}
            for member in ([] if self.standing.closed else unconfirmed)
            if (email := self.members[member].sheet.get("email")) and self.members[member] is not applicant
        ]
        partner = self.confirmed_partner
        contacts = {
            "company": row.company,
            "language": row.language,
            "email": row.email,
            "applicant": applicant.member if applicant else None,
            "partner_email": partner.sheet.get("email") if partner else None,
            "members": invited + self._removed,
            "help": row.help,
            "confirmed": row.vouched,
        }
        candidacy = {
            "status": self.standing.status,
            "number": row.number,
            "company": row.company,
            "municipality": row.municipality,
            "residence": row.residence,
            "informal_care_in": row.informal_care_in,
            "registered_on": self.standing.registered_on,
            "persons": len(rules.moving_in(row.household, self.persons)),
            "wants": [{"municipality": place, "company": self._work.companies.get(place)} for place in row.wants],
            "candidates": sorted(pseudonym(number, self._work.person_key) for number in self._candidates()),
            "paused_until": FOR_EVER if self.standing.status == "registered" and unconfirmed else None,
        }
        return _Public(contacts, candidacy, frozenset((one["member"], one["email"]) for one in invited))

    def _candidates(self) -> set[str]:
        """The numbers of applicant and partner; of a closed dossier too: they read their place, and appeal."""
        confirmed = {number for number, part in self.standing.confirmed.items() if part == "candidate"}
        numbers = {member.number for role in CANDIDATES if (member := self.member_in(role)) and member.number}
        return numbers & (confirmed | {self.standing.starter})
