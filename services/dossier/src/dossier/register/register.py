"""One dossier within a unit of work: acts are recorded on it, its facts change, and `settle` publishes what became different.

A draft publishes its household alone (eligibility previews it); from the submission on, the others are told as well.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from cir_chassis.login import Caller
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
from dossier.domain.household import CANDIDATES, part_of, person_of
from dossier.domain.numbers import told_by
from dossier.facts.compose import STRUCTURE, Composed, Layer, Layers, by_key, changes, compose, declarations, state
from dossier.facts.origins import ORIGINS, facts_of, sources_about
from dossier.register.public import NOTHING, public
from dossier.register.store import (
    Dossier,
    Member,
    Question,
    RecordedAct,
    RecordedStatement,
    RegisterWork,
    read_standing,
    write_standing,
)

CONFIRMATION = "confirmation"
REGISTER = ("register", "register")
"""Subject and role of what the register does itself."""


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


class Register:
    """One dossier: its row, its members and what its acts add up to."""

    def __init__(self, row: Dossier, work: RegisterWork, actor: Actor | None = None) -> None:
        """actor: None where the register itself acts, as an assessment arrives."""
        self.row, self._work, self._actor = row, work, actor
        self.members = work.members_of(row.id)
        self.standing = read_standing(row)
        self.removed: list[dict[str, str]] = []
        """(member, email) of who was taken out by another just now."""
        self._happenings: list[tuple[type[Happening], dict[str, Any]]] = []
        self._before, self._test_before, self._unassessed = row, self.standing.test, False
        self._public = public(self, work) if self.standing.submitted_on else NOTHING

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
    def applicant(self) -> Member:
        """The applicant: every household has one, who moves in."""
        return next(one for one in self.members.values() if one.role == "applicant")

    @property
    def people(self) -> list[dict[str, Any]]:
        """The members with the birth date on record: as the number tells it, else the established one, else as it is declared."""
        return [{**member, "born_on": self._birth(member)} for member in self.row.household]

    def _birth(self, member: Mapping[str, Any]) -> str | None:
        told = told_by(self.members[member["id"]].number)
        known: str | None = told.isoformat() if told else member.get("born_on")
        said = self.row.layers.get(self.persons[member["id"]], {}).get("born_on", {}) if known is None else {}
        return said["declaration"]["value"] if "declaration" in said else known

    @property
    def unconfirmed(self) -> list[str]:
        """The members who still have to confirm."""
        return rules.unconfirmed(self.people, self.persons, self.standing, self._work.today)

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

    def awaits_answers_about(self, person: str) -> bool:
        """Has a source not answered yet about him, and is its answer still waited for?"""
        until = self.row.asked_about.get(person, {}).get("until")
        return until is not None and datetime.fromisoformat(until) > self._work.now

    @property
    def awaits_sources(self) -> bool:
        """The same, about anybody."""
        return any(self.awaits_answers_about(person) for person in self.row.asked_about)

    @property
    def pending(self) -> list[str]:
        """What the register still waits for: `confirmation:<member>` each, `sources`, `assessment`."""
        if self.standing.closed:
            return []
        waits = [f"{CONFIRMATION}:{member}" for member in self.unconfirmed]
        return waits + ["sources"] * self.awaits_sources + ["assessment"] * (not self.assessed)

    def has_established(self, person: str) -> bool:
        """Did anybody else than people themselves say something of him?"""
        return any(said.keys() - {"declaration"} for said in self.row.layers.get(person, {}).values())

    def composed(self) -> Composed:
        """What the rules and the order see by what is on record, and by whom."""
        return compose(self.row.household, self.persons, self.row.layers, ORIGINS)

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

    @property
    def candidates(self) -> set[str]:
        """The numbers of applicant and partner; of a closed dossier too: they read their place, and appeal."""
        confirmed = {number for number, part in self.standing.confirmed.items() if part == "candidate"}
        numbers = {member.number for role in CANDIDATES if (member := self.member_in(role)) and member.number}
        return numbers & (confirmed | {self.standing.starter})

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

    def put_household(self, household: Sequence[Mapping[str, Any]], changed: Sequence[Member] = ()) -> dict[str, Any]:
        """Put this household in the place of the one on record. Returns who left and who joined, for the act.

        household: each member's place in it (`STRUCTURE`); changed: the members who are new or different. The facts of a person
        hang on him as long as he is in the household; who gets a number keeps those that hung on his member id.
        """
        before, candidates, known = rules.moving_in(self.row.household, self.persons), self.candidates, self.persons
        members = self.members | {one.member: one for one in changed}
        self._work.put_members(self.row.id, [members[one["id"]] for one in household])
        self.members = self._work.members_of(self.row.id)
        places = [{name: member[name] for name in STRUCTURE} for member in household]
        self.row = replace(self.row, household=places)
        self._keep_facts_of_who_stays(known)
        self.change()
        self.compose()
        now = rules.moving_in(places, self.persons)
        part = self.standing.confirmed | ({self.standing.starter: "candidate"} if self.standing.starter else {})
        return {
            "left": {person: part.get(person) for person in before - now},
            "joined": sorted(now - before),
            "no_candidates": sorted((candidates - self.candidates) & now),
        }

    def _keep_facts_of_who_stays(self, known: Mapping[str, str]) -> None:
        """Who leaves, or moves in no more, takes along what was established of him; who is a candidate no more, what only
        candidates are asked. known: member id → person, as the household was."""
        layers, asked = {}, {}
        for member in self.row.household:
            person = self.persons[member["id"]]
            before = person if person in self.row.layers else known.get(member["id"], person)
            of, about = self.row.layers.get(before, {}), self.row.asked_about.get(person)
            part = part_of(member["role"]) if member["moves_in"] else None
            if part is None or (about and about["part"] == "candidate" != part):
                of, about = declarations(of), None
            layers[person] = of
            if about:
                asked[person] = about
        self._work.abandon(self.row.id, self.row.asked_about.keys() - asked.keys())
        self.row = replace(self.row, layers={person: of for person, of in layers.items() if of}, asked_about=asked)

    def remove(self, member: str) -> dict[str, Any]:
        """Take somebody out of the household; for the act."""
        return self.put_household([one for one in self.row.household if one["id"] != member])

    def change(self, *, by_people: bool = True, **columns: Any) -> None:
        """Change what is on record: the facts get their next version, one for all that is done at once."""
        version = self._before.facts_version + bool(self._before.version)
        declared = version if by_people else self.row.declared_version
        self.row = replace(self.row, facts_version=version, declared_version=declared, **columns)

    def state(self, facts: Mapping[str, Mapping[str, Any]], scope: Collection[str], read: Layers | None = None) -> None:
        """Put on record what the actor says of persons: declared, or entered at the counter. facts: person → facts, of those in
        the scope; the ones that are left out are taken back. read: the layers as a case worker read them, where a source
        answered since: what he sends back as he saw it is no word."""
        caller, counter = self.actor.caller, self.actor.at_counter
        layer: Layer = "counter" if counter else "declaration"
        seen, saw = self._seen(self.row.layers), self._seen(read) if read is not None else {}
        for person, said in facts.items():
            now, then = seen.get(person, {}), saw.get(person, {})
            values = by_key(said)
            values |= {key: now[key] for key, value in values.items() if key in now and then.get(key) == value}
            self._state(layer, person, values, scope, (caller.subject, caller.role), now if counter else None)
        self.compose()

    def take_answers(self, person: str, answers: Mapping[str, Mapping[str, Any] | None], *, complete: bool) -> None:
        """Put on record what sources answered about a person; who is unknown to the national register is unknown to all.

        answers: source → facts, None where it does not know him. They draw one version. complete: no question is open.
        """
        about = self.row.asked_about.get(person)
        if about is None:
            return  # he left meanwhile, or the dossier was closed
        if complete:
            self.row = replace(self.row, asked_about=self.row.asked_about | {person: {**about, "until": None}})
        if "national_register" in answers and answers["national_register"] is None:
            return
        for source in sources_about(about["part"]) & answers.keys():
            scope = facts_of(source, about["part"])
            known = {
                fact: value for fact, value in (answers[source] or {}).items() if fact in scope and value is not None
            }
            self._state("source", person, by_key(known), scope, (source, source))
        self.compose()

    def _state(
        self,
        layer: Layer,
        person: str,
        values: Mapping[str, Any],
        scope: Collection[str],
        who: tuple[str, str],
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        """who: (subject, role), a source's name for both."""
        self._add(layer, person, changes(layer, self.row.layers.get(person, {}), values, scope, seen), who)

    def _add(self, layer: Layer, person: str, changed: Mapping[str, Any], who: tuple[str, str]) -> None:
        if changed:
            self.change(by_people=self._actor is not None)
            subject, by = who
            version, at = self.row.facts_version, self._work.now
            stamp = {"by": by, "at": at.isoformat(), "since": version}
            self.row = replace(self.row, layers=state(self.row.layers, person, layer, changed, stamp))
            for key, value in changed.items():
                row = (uuid4(), self.row.id, person, key, layer, value, subject, by, at, version)
                self._work.statements.put(RecordedStatement(*row))

    def _seen(self, layers: Layers) -> dict[str, dict[str, Any]]:
        """Person → what the rules and the order see of him by these layers, by key."""
        found, persons = compose(self.row.household, self.persons, layers, ORIGINS), self.persons
        seen = {persons[member["id"]]: by_key(member) for member in found.members}
        for stay in found.residence:
            stays = seen[persons[stay["member"]]].setdefault("stays", [])
            stays.append({name: value for name, value in stay.items() if name != "member"})
        if found.informal_care_in:
            seen[persons[self.applicant.member]]["informal_care_in"] = found.informal_care_in
        return seen

    def compose(self) -> None:
        """Compose anew what the rules and the order see; a household that became different is assessed."""
        found = self.composed()
        for member, keys in found.gone.items():
            person, judged = self.persons[member], self.row.layers.get(self.persons[member], {})
            for layer in ("counter", "interpretation"):
                self._add(layer, person, {key: None for key in keys if layer in judged[key]}, REGISTER)
        changed = found.members != self._before.household
        version = self.row.facts_version if changed else self._before.household_version
        self._unassessed = changed
        self.row = replace(self.row, household=found.members, household_version=version)
        self.row = replace(self.row, residence=found.residence, informal_care_in=found.informal_care_in)

    def tell_left(self, member: Member, why: str) -> None:
        """The applicant is told who left; who was removed by another is told himself."""
        if self.standing.submitted_on:
            about = {"number": self.row.number, "member": member.member, "role": member.role, "why": why}
            self._happenings.append((MemberLeft, about))
            if why == "removed" and (email := member.sheet.get("email")):
                self.removed.append({"member": member.member, "email": email})

    def tell_replaced(self, why: str) -> None:
        """The new applicant, or the company where no address is known, is told."""
        self._happenings.append((ApplicantReplaced, {"number": self.row.number, "why": why}))

    # what follows

    def settle(self, because_of: Event | None = None) -> None:
        """Let the newest assessment count if it may, work out the status anew, and publish what became different."""
        asked = self._ask_sources()
        awaited = [datetime.fromisoformat(about["until"]) for about in asked.values() if about["until"]]
        self.row = replace(self.row, asked_about=asked, sources_until=max(awaited, default=None))
        self._count()
        standing, before = self.standing, self._before
        self.row = replace(self.row, standing=write_standing(standing), status=standing.status)
        self.row = replace(
            self.row, asked=self._asks(), touched_at=self._work.now if self._actor else self.row.touched_at
        )
        if standing.submitted_on:
            now = public(self, self._work)
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
            self._publish(CandidacyRecorded, public(self, self._work).candidacy, None)
            self._work.dossiers.put(self.row)

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
                refers = {"outcome": outcome, "facts": of[0], "rules": of[1], "test": standing.test.id}
                self.record("assessed", by_register=True, **refers)
        elif standing.status == "registered" and outcome != "met" and of != standing.tested:
            self.record("open_test", by_register=True, test=str(uuid4()))

    def _ask_sources(self) -> dict[str, dict[str, Any]]:
        """Ask about everybody who started the dossier himself or confirmed, and about minors with the first candidate who did.

        An answer is awaited for a time; after that, what it would tell is unknown, and the question stays open.
        """
        patience, now = self._work.sources_patience, self._work.now
        asked = {
            person: {**about, "until": about["until"] if self.awaits_answers_about(person) else None}
            for person, about in self.row.asked_about.items()
        }
        if self.standing.closed:  # nobody is asked about any more
            self._work.abandon(self.row.id, asked)
            return {}
        if patience is None:
            return asked
        for person, (part, ground) in self._asked_about().items():
            before = sources_about(asked[person]["part"]) if person in asked else set()
            if new := sources_about(part) - before:
                for source in sorted(new):
                    row = (uuid4(), self.row.id, person, source, ground, now, now)
                    self._work.questions.put(Question(*row))
                asked[person] = {"part": part, "until": (now + patience).isoformat()}
        return asked

    def _asked_about(self) -> dict[str, tuple[str, str]]:
        """Number → (what he takes part as, on what ground the sources are asked about him)."""
        found: dict[str, tuple[str, str]] = {}
        standing = self.standing
        here = {member["id"]: self.members[member["id"]].number for member in self.row.household if member["moves_in"]}
        for number in here.values():
            if number and (part := "candidate" if number == standing.starter else standing.confirmed.get(number)):
                found[number] = (part, "confirmed" if number in standing.confirmed else "started")
        if any(part == "candidate" for part, _ in found.values()):
            for member in self.row.household:
                number, day = (
                    here.get(member["id"]),
                    rules.day_of(self.persons[member["id"]], standing, self._work.today),
                )
                told = told_by(number)
                born = (
                    told.isoformat() if told else member.get("born_on")
                )  # not as it is declared: it may be another's number
                minor = born and not rules.is_adult(date.fromisoformat(born), day)
                if number and number not in found and minor and member["role"] not in CANDIDATES:
                    found[number] = ("co_resident", "minor")
        return found

    def _publish_household(self, because_of: Event | None) -> None:
        if not self._unassessed and self.standing.test == self._test_before:
            return
        test = self.standing.test
        content = {
            "facts_version": self.row.household_version,
            "household": {
                "members": rules.known_on(self.row.household, self.people, test.reference_date)
                if test
                else self.row.household
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
        if self.standing.status != "under_investigation" or not self.row.assessment:
            return rules.to_bring(self.row.household, asks)
        if self.awaits_sources or not self.assessed:  # what was asked stays asked, and nothing more is
            role_of = {one["role"]: one["id"] for one in reversed(self.row.household)}
            asks += [
                (role_of[one["role"]], [proof for proof in one["proofs"] if proof != CONFIRMATION])
                for one in self._before.asked
                if one["role"] in role_of and one["proofs"] != [CONFIRMATION]
            ]
            return rules.to_bring(self.row.household, asks)
        conditions = self.row.assessment["conditions"]
        asks += [
            (ask["person"], ask["proofs"])
            for ask in [*self.row.assessment["asks"], *self.row.assessment["could_claim"]]
            if conditions[ask["condition"]]["effect"] == "bar"  # a duty has its own term, and bars nobody
        ]
        return rules.to_bring(self.row.household, asks)

    def _asks_more(self, before: rules.Asks) -> bool:
        """Is something asked that was not, or (papers) is something else asked?"""
        if self.standing.status == "under_investigation" and not self.awaits_sources and self.assessed:
            return bool(self.row.asked) and self.row.asked != before
        asked = {(one["role"], proof) for one in self.row.asked for proof in one["proofs"]}
        return bool(asked - {(one["role"], proof) for one in before for proof in one["proofs"]})
