"""What people, sources and the register itself state of the persons in a dossier, and the household that the rules see by it."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dossier.domain.household import part_of
from dossier.facts.compose import RIGHT, Layer, Layers, Statement, by_key, changes, compose, declarations, is_made
from dossier.facts.compose import state as with_statement
from dossier.facts.origins import ORIGINS, facts_of, sources_about
from dossier.tables import RecordedStatement

if TYPE_CHECKING:
    from dossier.register.register import Register


def state(
    register: "Register", facts: Mapping[str, Mapping[str, Any]], scope: Collection[str], read: Layers | None = None
) -> None:
    """Put on record what the actor says of members: declared, or entered at the counter. facts: member id → facts, of those in
    the scope; the ones that are left out are taken back. read: the layers as a case worker read them, where a source
    answered since: what he sends back as he saw it is no word."""
    counter = register.actor.at_counter
    layer: Layer = "counter" if counter else "declaration"
    now_seen, saw = seen(register), seen(register, read) if read is not None else {}
    for member, said in facts.items():
        person = register.persons[member]
        now, then = now_seen.get(person, {}), saw.get(person, {})
        values = by_key(said)
        values |= {key: now[key] for key, value in values.items() if key in now and then.get(key) == value}
        of = register.row.layers.get(person, {})
        changed = changes(layer, of, values, scope, now if counter else None)
        _add(register, layer, person, changed)
    compose_anew(register)


def take_answers(
    register: "Register", person: str, answers: Mapping[str, Mapping[str, Any] | None], *, complete: bool
) -> None:
    """Put on record what sources answered about a person; who is unknown to the national register is unknown to all.

    answers: source → facts, None where it does not know him. They draw one version. complete: no question is open.
    """
    about = register.row.asked_about.get(person)
    if about is None:
        return  # he left meanwhile, or the dossier was closed
    if complete:
        register.row.asked_about = register.row.asked_about | {person: {**about, "until": None}}
    if answers.get("national_register", ()) is None:
        return
    for source in sources_about(about["part"]) & answers.keys():
        scope, said = facts_of(source, about["part"]), answers[source] or {}
        known = by_key({fact: value for fact, value in said.items() if fact in scope and value is not None})
        changed = changes("source", register.row.layers.get(person, {}), known, scope)
        _add(register, "source", person, changed, source)
    compose_anew(register)


def interpret(register: "Register", person: str, changed: Mapping[str, Any]) -> None:
    """Put on record what the actor reads in a document about a person: key → value."""
    _add(register, "interpretation", person, changed)
    compose_anew(register)


def bring_back(register: "Register", person: str, statements: Mapping[str, Statement | None]) -> None:
    """Put in the place of what was read by mistake what was read before: key → that statement, as of then; None: nothing was."""
    row, values = register.row, {key: one and one["value"] for key, one in statements.items()}
    _add(register, "interpretation", person, values)
    for key, one in statements.items():
        if one:
            row.layers = with_statement(row.layers, person, "interpretation", {key: one["value"]}, one)
    compose_anew(register)


def _add(register: "Register", layer: Layer, person: str, changed: Mapping[str, Any], name: str | None = None) -> None:
    """name: of the source, or `register`; otherwise the actor states it."""
    if changed:
        subject, by = (name, name) if name else (register.actor.caller.subject, register.actor.caller.role)
        register.change()
        row, at = register.row, register.work.now
        stamp = {"by": by, "at": at.isoformat(), "since": row.facts_version}
        row.layers = with_statement(row.layers, person, layer, changed, stamp)
        for key, value in changed.items():
            register.work.statements.put(
                RecordedStatement(uuid4(), row.id, person, key, layer, value, subject, by, at, row.facts_version)
            )


def seen(register: "Register", read: Layers | None = None) -> dict[str, dict[str, Any]]:
    """Person → what the rules and the order see of him, by key: now, or by the layers that were read, whatever was uploaded."""
    persons, household = register.persons, register.row.household
    found = compose(household, persons, read, ORIGINS) if read is not None else register.composed()
    by_person = {persons[member["id"]]: by_key(member) for member in found.members}
    for stay in found.residence:
        stays = by_person[persons[stay["member"]]].setdefault("stays", [])
        stays.append({name: value for name, value in stay.items() if name != "member"})
    if found.informal_care_in:
        by_person[persons[register.applicant.member]]["informal_care_in"] = found.informal_care_in
    return by_person


def compose_anew(register: "Register") -> None:
    """Compose anew what the rules and the order see; a household that became different is assessed."""
    found = register.composed()
    for member, keys in found.gone.items():
        person = register.persons[member]
        judged = register.row.layers.get(person, {})
        for layer in ("counter", "interpretation"):
            taken_back = {key: None for key in keys if layer in judged[key]}
            _add(register, layer, person, taken_back, "register")
        rights = {f"{RIGHT}{right}" for right in found.rights[member]}
        waiting = register.row.uploaded.get(person, {})
        there = {
            key: one
            for key, one in waiting.items()
            if (key in rights or not key.startswith(RIGHT)) and is_made(one["claim"], judged.get(key, {}))
        }
        if there != waiting:
            register.row.uploaded = register.row.uploaded | {person: there}
    before, row = register.before, register.row
    row.household, row.residence, row.informal_care_in = found.members, found.residence, found.informal_care_in
    row.household_version = row.facts_version if found.members != before.household else before.household_version


def keep_of_who_stays(register: "Register", known: Mapping[str, str]) -> None:
    """Who leaves, or moves in no more, takes along what was established of him; who is a candidate no more, what only
    candidates are asked. known: member id → person, as the household was."""
    row, layers, asked, uploaded = register.row, Layers(), dict[str, Any](), dict[str, Any]()
    for member in row.household:
        person = register.persons[member["id"]]
        before = person if person in row.layers else known.get(member["id"], person)
        of, about = row.layers.get(before, {}), row.asked_about.get(person)
        part = part_of(member["role"]) if member["moves_in"] else None
        if part is None or (about and about["part"] == "candidate" != part):
            of, about = declarations(of), None
        if of:
            layers[person] = of
        waiting = row.uploaded.get(person) or row.uploaded.get(known.get(member["id"], person), {})
        if part and waiting:
            is_his = {key: ORIGINS[key.split(".")[0]].is_of(member["role"]) for key in waiting}
            uploaded[person] = {key: one for key, one in waiting.items() if is_his[key]}
        if about:
            asked[person] = about
    register.work.abandon(row.id, row.asked_about.keys() - asked.keys())
    row.layers, row.asked_about, row.uploaded = layers, asked, uploaded
