"""One dossier within a unit of work: acts are recorded on it, its facts change, and `settle` publishes what became different.

A draft publishes its household alone (eligibility previews it); from the submission on, the others are told as well.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from cir_chassis.login import Caller
from cir_schemas import MemberLeft
from cir_schemas.envelope import Event, Happening
from dossier.access import Relation
from dossier.desk.waiting import waits, waits_from
from dossier.domain import household as rules
from dossier.domain.acts import OPEN, after
from dossier.domain.household import CANDIDATES, person_of
from dossier.domain.numbers import told_by
from dossier.facts import statements
from dossier.facts.compose import STRUCTURE, Composed, compose
from dossier.facts.origins import ORIGINS
from dossier.register.asks import CONFIRMATION, ask_sources, asks
from dossier.register.offers import answer_offers
from dossier.register.public import Public, public, publish
from dossier.register.store import RegisterWork, read_standing, write_standing
from dossier.tables import Dossier, Member, RecordedAct


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


ITSELF = Actor(Caller("register", "register", {}), "register")
"""The register, as an assessment or an answer arrives."""


class Register:
    """One dossier: its row, its members and what its acts add up to."""

    def __init__(self, row: Dossier, work: RegisterWork, actor: Actor = ITSELF) -> None:
        self.row, self.work, self.actor = row, work, actor
        self.members = work.members_of(row.id)
        self.standing = read_standing(row)
        self.removed: list[dict[str, str]] = []
        """(member, email) of who was taken out by another just now."""
        self.happenings: list[tuple[type[Happening], dict[str, Any]]] = []
        self.decision: str | None = None
        """Of which the household is told in words of its own, whether or not the status moves by it."""
        self.before, self._members_before = copy(row), self.members

    # what is on record

    @property
    def public_before(self) -> Public:
        """What others were told of it: worked out only where something is published."""
        was = Register(self.before, self.work)
        was.members = self._members_before
        return public(was)

    @property
    def persons(self) -> dict[str, str]:
        """Member id → person (see `person_of`)."""
        return {one["id"]: person_of(one["id"], self.members[one["id"]].number) for one in self.row.household}

    @property
    def applicant(self) -> Member:
        """The applicant: every household has one, who moves in."""
        return next(one for one in self.members.values() if one.role == "applicant")

    @property
    def people(self) -> list[dict[str, Any]]:
        """The members with the birth date on record: as the number tells it, else the established one, else as it is declared."""
        return [
            {**member, "born_on": self.born_on(member) or self._declared_birth(member)} for member in self.row.household
        ]

    def born_on(self, member: Mapping[str, Any]) -> str | None:
        """His birth date as the number tells it, else the established one."""
        told = told_by(self.members[member["id"]].number)
        return told.isoformat() if told else member.get("born_on")

    def _declared_birth(self, member: Mapping[str, Any]) -> str | None:
        said = self.row.layers.get(self.persons[member["id"]], {}).get("born_on", {})
        return said["declaration"]["value"] if "declaration" in said else None

    @property
    def unconfirmed(self) -> list[str]:
        """The members who still have to confirm."""
        return rules.unconfirmed(self.people, self.persons, self.standing, self.work.today)

    @property
    def confirmed_partner(self) -> Member | None:
        """The partner, if he moves in and confirmed."""
        here = (self.members[one["id"]] for one in self.row.household if one["role"] == "partner" and one["moves_in"])
        return next((one for one in here if one.member not in self.unconfirmed), None)

    @property
    def assessed(self) -> bool:
        """Is the newest assessment one of the facts on record and of the open test, or of none where none is open?"""
        test = self.standing.test
        return self.row.assessed_version == self.row.household_version and self.row.assessed_test == (test and test.id)

    def awaits_answers_about(self, person: str) -> bool:
        """Has a source not answered yet about him, and is its answer still waited for?"""
        until = self.row.asked_about.get(person, {}).get("until")
        return until is not None and datetime.fromisoformat(until) > self.work.now

    @property
    def awaits_sources(self) -> bool:
        """The same, about anybody."""
        return any(self.awaits_answers_about(person) for person in self.row.asked_about)

    @property
    def paused(self) -> bool:
        """Does a first refusal without a good reason keep offers off?"""
        until = self.standing.paused_until
        return until is not None and self.work.today < until

    @property
    def pending(self) -> list[str]:
        """What the register still waits for: `confirmation:<member>` each, `sources`, `assessment`."""
        if self.standing.closed:
            return []
        waits = [f"{CONFIRMATION}:{member}" for member in self.unconfirmed]
        return waits + ["sources"] * self.awaits_sources + ["assessment"] * (not self.assessed)

    def has_established(self, person: str) -> bool:
        """Did anybody else than people themselves say something of him, or does a document of his wait?"""
        layers, waiting = self.row.layers.get(person, {}), self.row.uploaded.get(person)
        return bool(waiting) or any(said.keys() - {"declaration"} for said in layers.values())

    def composed(self) -> Composed:
        """What the rules and the order see by what is on record, and by whom."""
        return compose(self.row.household, self.persons, self.row.layers, ORIGINS, self.row.uploaded)

    @property
    def candidates(self) -> set[str]:
        """The numbers of applicant and partner who started the dossier or confirmed; of a closed dossier too: they read their
        place, and appeal."""
        confirmed = {number for number, part in self.standing.confirmed.items() if part == "candidate"}
        here = {one["id"] for one in self.row.household if one["role"] in CANDIDATES and one["moves_in"]}
        numbers = {number for member in here if (number := self.members[member].number)}
        return numbers & (confirmed | {self.standing.starter})

    @property
    def bound(self) -> set[str]:
        """Those of them who take part in no other dossier."""
        return set() if self.standing.closed else self.candidates

    # what changes

    def record(
        self,
        kind: str,
        *,
        person: str | None = None,
        reasons: Sequence[str] = (),
        on: date | None = None,
        by: Actor | None = None,
        **refers: Any,
    ) -> RecordedAct:
        """Put an act on record: the actor's, or one that the register itself takes."""
        by = by or self.actor
        if on and on != self.work.today:
            refers["recorded_on"] = self.work.today.isoformat()
        act = RecordedAct(
            id=uuid4(),
            dossier=self.row.id,
            kind=kind,
            subject=by.caller.subject,
            role=by.caller.role,
            relation=by.relation,
            at=self.work.now,
            on=on or self.work.today,
            person=person,
            reasons=list(reasons),
            refers=refers,
        )
        self.work.acts.put(act)
        self.standing = after(self.standing, act.act)
        return act

    def conclude(self, kind: str, **refers: Any) -> None:
        """Put on record what follows by itself, whoever acts."""
        self.record(kind, by=ITSELF, **refers)

    def put_household(self, household: Sequence[Mapping[str, Any]], changed: Sequence[Member] = ()) -> dict[str, Any]:
        """Put this household in the place of the one on record. Returns who left, who joined and who got a number, for the act.

        household: each member's place in it (`STRUCTURE`); changed: the members who are new or different. The facts of a person
        hang on him as long as he is in the household; who gets a number keeps those that hung on his member id.
        """
        before, candidates, known = rules.moving_in(self.row.household, self.persons), self.candidates, self.persons
        members = self.members | {one.member: one for one in changed}
        self.members = self.work.put_members(self.row.id, [members[one["id"]] for one in household])
        self.row.household = [{name: member[name] for name in STRUCTURE} for member in household]
        statements.keep_of_who_stays(self, known)
        self.change()
        statements.compose_anew(self)
        now = rules.moving_in(self.row.household, self.persons)
        part = self.standing.confirmed | ({self.standing.starter: "candidate"} if self.standing.starter else {})
        return {
            "left": {person: part.get(person) for person in before - now},
            "joined": sorted(now - before),
            "renamed": {known[id_]: person for id_, person in self.persons.items() if known.get(id_, person) != person},
            "no_candidates": sorted((candidates - self.candidates) & now),
        }

    def remove(self, member: str) -> dict[str, Any]:
        """Take somebody out of the household; for the act."""
        return self.put_household([one for one in self.row.household if one["id"] != member])

    def change(self, **columns: Any) -> None:
        """Change what is on record: the facts get their next version, one for all that is done at once."""
        self.row.facts_version = self.before.facts_version + bool(self.before.version)
        if self.actor is not ITSELF:
            self.row.declared_version = self.row.facts_version
        for name, value in columns.items():
            setattr(self.row, name, value)

    def tell_left(self, member: Member, why: str) -> None:
        """The applicant is told who left; who was removed by another is told himself."""
        if self.standing.submitted_on:
            about = {"number": self.row.number, "member": member.member, "role": member.role, "why": why}
            self.happenings.append((MemberLeft, about))
            if why == "removed" and (email := member.sheet.get("email")):
                self.removed.append({"member": member.member, "email": email})

    # what follows

    def settle(self, because_of: Event | None = None) -> None:
        """Let the newest assessment count if it may, work out the status anew, and publish what became different."""
        ask_sources(self)
        aside, row = self.standing.status == self.before.status, self.row
        answer_offers(self)
        self._count()
        row.status, (row.standing, row.offers) = self.standing.status, write_standing(self.standing)
        if self.actor is not ITSELF:
            row.touched_at = self.work.now
        row.asked = asks(self)
        row.proof_due_on = min((date.fromisoformat(one["by"]) for one in row.asked if one["by"]), default=None)
        self.wait()
        publish(self, because_of, aside)
        self.work.dossiers.put(row)

    def wait(self) -> None:
        """Work out anew what of it waits for a case worker."""
        self.row.waits = waits(self)
        self.row.waits_from = waits_from(self.row.waits)

    def _count(self) -> None:
        """An assessment counts only if it is of the facts on record and of the open test, once every adult has confirmed.

        A registered household whose facts (or whose law) changed is assessed for information: where it no longer meets the
        conditions a test of moment `update` is opened, and the status moves when the assessment of that test arrives.
        """
        standing, found = self.standing, self.row.assessment
        waits = self.unconfirmed or self.awaits_sources
        if found is None or standing.status not in OPEN or waits or not self.assessed:
            return
        outcome, of = found["outcome"], (self.row.household_version, found["rules"])
        if standing.test:
            if (outcome, of) != (standing.counted, standing.tested) or outcome == "met":
                self.conclude("assessed", outcome=outcome, facts=of[0], rules=of[1], test=standing.test.id)
        elif standing.status == "registered" and outcome != "met" and of != standing.tested:
            self.conclude("open_test", test=str(uuid4()))
