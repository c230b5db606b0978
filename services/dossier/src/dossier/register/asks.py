"""What is asked: of the sources about persons, and of the household to confirm and to bring."""

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dossier.domain import household as rules
from dossier.domain.acts import CLOSING, OPEN
from dossier.facts.compose import key_of
from dossier.facts.origins import sources_about
from dossier.register.store import Question

if TYPE_CHECKING:
    from dossier.register.register import Register

CONFIRMATION = "confirmation"
Ask = tuple[str, list[str]]
"""Member id, and the proofs that he is asked for."""


def ask_sources(register: "Register") -> None:
    """Ask about everybody who started the dossier himself or confirmed, and about minors with the first candidate who did; about
    nobody any more where it is closed.

    An answer is awaited for a time; after that, what it would tell is unknown, and the question stays open.
    """
    row, work = register.row, register.work
    asked: dict[str, Any] = {}
    if register.standing.closed:
        work.abandon(row.id, row.asked_about)
    else:
        asked = {
            person: {**about, "until": about["until"] if register.awaits_answers_about(person) else None}
            for person, about in row.asked_about.items()
        }
    reopened = register.before.status in CLOSING
    if work.sources_patience is not None:
        for person, (part, ground) in _to_ask_about(register).items():
            before = sources_about(asked[person]["part"]) if person in asked else set()
            for source in sorted(sources_about(part) - before):
                why = "reinstated" if reopened else ground
                work.questions.put(Question(uuid4(), row.id, person, source, why, work.now, work.now))
                asked[person] = {"part": part, "until": (work.now + work.sources_patience).isoformat()}
    until = max((datetime.fromisoformat(about["until"]) for about in asked.values() if about["until"]), default=None)
    register.row = replace(row, asked_about=asked, sources_until=until)


def _to_ask_about(register: "Register") -> dict[str, tuple[str, str]]:
    """Number → (what he takes part as, on what ground the sources are asked about him)."""
    standing, found = register.standing, dict[str, tuple[str, str]]()
    if standing.closed:
        return found
    here = [
        (one, number)
        for one in register.row.household
        if one["moves_in"] and (number := register.members[one["id"]].number)
    ]
    for _, number in here:
        if part := "candidate" if number == standing.starter else standing.confirmed.get(number):
            found[number] = (part, "confirmed" if number in standing.confirmed else "started")
    if any(part == "candidate" for part, _ in found.values()):
        for member, number in here:
            day = rules.day_of(number, standing, register.work.today)
            born = register.born_on(member)  # not as it is declared: the number may be another's
            minor = born and not rules.is_adult(date.fromisoformat(born), day)
            if minor and number not in found and member["role"] not in rules.CANDIDATES:
                found[number] = ("co_resident", "minor")
    return found


def asks(register: "Register") -> rules.Asks:
    """What the household is asked now: to confirm, then what the assessment asks or says could be claimed."""
    row = register.row
    if row.status not in OPEN:
        return []
    asked = [(member, [CONFIRMATION]) for member in register.unconfirmed]
    if row.status == "under_investigation" and row.assessment:
        conditions, rights, persons = row.assessment["conditions"], register.composed().rights, register.persons
        waiting, still = list[Ask](), list[Ask]()  # a document was brought: then it is the company's turn
        for ask in [*row.assessment["asks"], *row.assessment["could_claim"]]:
            if conditions[ask["condition"]]["effect"] == "bar":  # a duty has its own term, and bars nobody
                key = key_of(ask["fact"], rights.get(ask["person"], ()))
                waits = key in row.uploaded.get(persons.get(ask["person"], ""), {})
                (waiting if waits else still).append((ask["person"], ask["proofs"]))
        stale = register.awaits_sources or not register.assessed
        if stale and register.before.status not in CLOSING:  # what was asked stays asked, and nothing more is
            role_of = {one["role"]: one["id"] for one in reversed(row.household)}
            brought, left = (
                {(one["role"], proof) for one in rules.to_bring(row.household, of) for proof in one["proofs"]}
                for of in (waiting, still)
            )
            asked += [
                (role_of[one["role"]], [proof])
                for one in register.before.asked
                for proof in one["proofs"]
                if one["role"] in role_of and proof != CONFIRMATION and (one["role"], proof) not in brought - left
            ]
        else:
            asked += still
    return _by_when(rules.to_bring(row.household, asked), register)


def _by_when(asked: rules.Asks, register: "Register") -> rules.Asks:
    """The same, with the day by which each proof is due: a term after it was first asked, as long as it stays asked."""
    due = (register.work.today + register.work.proof_term).isoformat()
    since = {(one["role"], proof): one.get("by") for one in register.before.asked for proof in one["proofs"]}
    found: dict[tuple[str, str | None], list[str]] = {}
    for one in asked:
        for proof in one["proofs"]:
            by = None if proof == CONFIRMATION else since.get((one["role"], proof), due)
            found.setdefault((one["role"], by), []).append(proof)
    return [{"role": role, "proofs": proofs, "by": by} for (role, by), proofs in found.items()]


def asks_more(register: "Register") -> bool:
    """Is something asked that was not, or (papers) is something else asked?"""
    now, before = (
        {(one["role"], proof) for one in asked for proof in one["proofs"]}
        for asked in (register.row.asked, register.before.asked)
    )
    if register.row.status == "under_investigation" and not register.awaits_sources and register.assessed:
        return bool(now) and now != before
    return bool(now - before)
