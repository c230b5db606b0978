"""What is asked: of the sources about persons, and of the household to confirm and to bring."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dossier.domain import household as rules
from dossier.domain.acts import CLOSING, OPEN
from dossier.facts.compose import key_of
from dossier.facts.origins import sources_about
from dossier.register.offers import BALANCES
from dossier.tables import Question

if TYPE_CHECKING:
    from dossier.register.register import Register

CONFIRMATION = "confirmation"


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
    row.asked_about, row.sources_until = asked, until


def ask_again(register: "Register") -> None:
    """Ask once more about everybody whom the sources were asked about, for an offer: waited for twice as long (K)."""
    row, work = register.row, register.work
    if work.sources_patience is not None:
        until = (work.now + 2 * work.sources_patience).isoformat()
        for person, about in row.asked_about.items():
            for source in sorted(sources_about(about["part"])):
                work.ask_again(Question(uuid4(), row.id, person, source, "offer", work.now, work.now))
        row.asked_about = {person: about | {"until": until} for person, about in row.asked_about.items()}


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
    """What the household is asked now: to confirm, then what the assessment asks or says could be claimed; with the day by which
    each proof is due: a term after it was first asked, as long as it stays asked."""
    row = register.row
    if row.status not in OPEN:
        return []
    before = _due(register.before.asked)
    asked = rules.asked_of(row.household, ((member, [CONFIRMATION]) for member in register.unconfirmed))
    for waits, ask in _statements(register):
        asked += [] if waits else rules.asked_of(row.household, [(ask["person"], ask["proofs"])])
    if row.status == "under_investigation" and row.assessment:
        brought, still = list[rules.Asked](), list[rules.Asked]()
        for waits, ask in _papers(register, row.assessment):
            (brought if waits else still).extend(rules.asked_of(row.household, [(ask["person"], ask["proofs"])]))
        stale = register.awaits_sources or not register.assessed
        if stale and register.before.status not in CLOSING:  # what was asked stays asked, and nothing more is
            done, roles = {*brought} - {*still}, {one["role"] for one in row.household}
            still = [one for one in before if one not in done and one[0] in roles and one[1] != CONFIRMATION]
        asked += still
    due = (register.work.today + register.work.proof_term).isoformat()
    by = {one: None if one[1] == CONFIRMATION else before.get(one, due) for one in asked}
    return rules.to_bring(asked, by)


def _papers(register: "Register", assessment: Mapping[str, Any]) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """The papers that the assessment asks, and whether they were brought: then it is the company's turn."""
    rights, persons = register.composed().rights, register.persons
    for ask in [*assessment["asks"], *assessment["could_claim"]]:
        if assessment["conditions"][ask["condition"]]["effect"] == "bar":  # a duty has its own term, and bars nobody
            key = key_of(ask["fact"], rights.get(ask["person"], ()))
            yield key in register.row.uploaded.get(persons.get(ask["person"], ""), {}), ask


def _statements(register: "Register") -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """The statements of balances that nobody established, once an offer is accepted: its lease waits for them (K)."""
    origins, persons = register.composed().origins if register.standing.accepted else {}, register.persons
    for one in register.row.household:
        known = origins.get(one["id"], {}).get(BALANCES, {}).get("origin")
        if (
            origins
            and one["moves_in"]
            and one["role"] in rules.CANDIDATES
            and known not in ("interpretation", "counter")
        ):
            waits = BALANCES in register.row.uploaded.get(persons[one["id"]], {})
            yield waits, {"person": one["id"], "fact": BALANCES, "proofs": ["account_statements"]}


def papers(register: "Register") -> list[dict[str, Any]]:
    """What is asked, person by person and fact by fact, as far as a document answers it. The place of a real right is known only
    while the assessment is of the facts on record."""
    row, due = register.row, _due(register.row.asked)
    roles, found = {one["id"]: one["role"] for one in row.household}, dict[tuple[str, str], dict[str, Any]]()
    for waits, ask in [*(_papers(register, row.assessment) if row.assessment else ()), *_statements(register)]:
        member, fact = ask["person"], ask["fact"]
        proofs = [proof for proof in ask["proofs"] if (roles.get(member), proof) in due]
        if proofs and not waits and (register.assessed or not fact.startswith("real_rights")):
            by = due[roles[member], proofs[0]]
            found[member, fact] = {"member": member, "role": roles[member], "fact": fact, "proofs": proofs, "by": by}
    return list(found.values())


def arrived(register: "Register") -> list[dict[str, Any]]:
    """What waits to be judged: whose it is and for which fact, and no more."""
    persons, uploaded = register.persons, register.row.uploaded
    found = ((one, key) for one in register.row.household for key in uploaded.get(persons[one["id"]], {}))
    return [{"member": one["id"], "role": one["role"], "fact": key.split(".")[0]} for one, key in found]


def asks_more(register: "Register") -> bool:
    """Is something asked that was not, or (papers) is something else asked?"""
    now, before = _due(register.row.asked).keys(), _due(register.before.asked).keys()
    if register.row.status == "under_investigation" and not register.awaits_sources and register.assessed:
        return bool(now) and now != before
    return bool(now - before)


def _due(asked: rules.Asks) -> dict[rules.Asked, str | None]:
    return {(one["role"], proof): one.get("by") for one in asked for proof in one["proofs"]}
