"""Mistakes in rules that can be read: a rule that never decides, a household that none decides, two that contradict.

Nothing is argued with symbols: households are decided on the first and last day of every row of the law's figures. All that a
condition looks at is left open, of the applicant at once, of a partner one fact at a time, and completions fill it in at the
values that can matter.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np

from eligibility.domain.completions import lay_out
from eligibility.domain.facts import FOR_EVER, Fact, day_number, day_of
from eligibility.domain.figures import Ints, Name, Table
from eligibility.domain.parameters import Parameter
from eligibility.domain.rulebook import MET, OUTCOMES, Condition, Rule, RuleBook
from eligibility.domain.source import Node

CLOSED: Mapping[str, Any] = {
    "date": date(1970, 1, 1), "claim": False, "yes_no": False, "assessments": (), "proven_claim": None, "amount": 0, "list": (),
}  # fmt: skip
MONTHS = (3, 4, 5, 6)  # of recent income
AMOUNTS = ("assessments", "amount")


def check(rules: RuleBook, on: date) -> tuple[list[str], list[str]]:
    """Errors, and warnings of what is not known yet: `file:line: …` each.

    on: a figure of the law that is not known that day is no error, for its law may not have been published yet.
    """
    wrong = [message for condition in rules.conditions for message in _undecided(condition, rules)]
    not_yet = []
    for name, parameter in rules.parameters.items():
        if (last := int(parameter.ends[-1])) < day_number(on):
            place = parameter.spec.under("known_until")
            not_yet.append(str(place.wrong(f"`{name}` is known until {day_of(last)} only")))
    of: list[Parameter | Condition] = [*rules.parameters.values(), *rules.conditions]
    for spec in (one.spec for one in of):
        if spec.source.article is None:
            not_yet.append(str(spec.under("source", "article").wrong("the article is not known yet")))
    return wrong, not_yet


def _undecided(condition: Condition, rules: RuleBook) -> Iterator[str]:
    """Rules of the condition that no household meets, that contradict, or that leave a household to chance: each once."""
    listed, seen, tried = condition.all_rules, 0, 0
    thens = {rule.then for rule in condition.rules}
    found: dict[Any, str] = {}

    def report(key: Any, place: Node, message: str) -> None:
        found.setdefault(key, str(place.wrong(message)))

    for day in _days(condition):
        households, on = _households(condition, rules, day), f"on {day_of(day)}"
        decided, over = lay_out(condition, households, range(len(households)), rules).complete()
        if over:
            report("over", condition.place, "too much is open in this condition: not every household is tried")
        there = decided.table.present.any(axis=1)
        for name, _, lacks in decided.table.missing:
            if day < rules.parameters[name].starts[0]:
                report(name, condition.place, f"`{name}` has no row {on}, where this begins")
            there &= ~lacks.any(axis=1)
        rows = np.flatnonzero(there)
        tried += len(rows)
        for bits, at in zip(*np.unique(decided.fired[rows], return_index=True), strict=True):
            fired = [rule for bit, rule in enumerate(listed) if bits >> bit & 1]
            seen |= int(bits)
            if not fired and MET in thens and len(thens) > 1:
                shown = on + _shown(condition.rules, decided.table, rows[at])
                report("none", condition.place, f"no rule of `{condition.id}` holds {shown}")
            for one, other in itertools.combinations(fired, 2):
                if one.then != other.then:
                    also = f"`{one.id}` (line {one.place.line}, {OUTCOMES[one.then]})"
                    shown = on + _shown((one, other), decided.table, rows[at])
                    message = f"{OUTCOMES[other.then]} contradicts {also}: both hold {shown}"
                    report((one.id, other.id), other.place, message)
    for bit, rule in enumerate(listed):
        if not seen >> bit & 1:
            report(bit, rule.place, f"`{rule.id}` can never decide: no household meets it ({tried:,} tried)")
    yield from found.values()


def _days(condition: Condition) -> list[int]:
    """The first and last day of the condition, and of each row of the figures it uses."""
    used = [parameter for figure in condition.figures for parameter in figure.by.parameters]
    edges = {condition.start, condition.end, *(int(day) for p in used for day in (*p.starts, *p.ends))}
    return sorted(day for day in edges if condition.holds_on(day) and day != FOR_EVER)


def _households(condition: Condition, rules: RuleBook, day: int) -> list[dict[str, Any]]:
    """An applicant of whom all is open: alone, with a partner, with co-residents of each kind."""
    facts = [fact for fact in condition.looked_at if "candidate" in fact.about]
    nothing = {fact.name: fact.values[0] if fact.values else CLOSED[fact.type] for fact in rules.facts.values()}
    nothing |= {"moves_in": True}
    compared = any(test.left.name.endswith(".months") for test in condition.tests)
    applicants = [
        nothing | {fact.name: _open(fact, None, months) for fact in facts} | {"id": "p1", "role": "applicant"}
        for months in (MONTHS if compared else MONTHS[:1])
    ]
    partners: list[list[dict[str, Any]]] = [[]]
    if condition.about == "household":  # of a partner no amount is open: the applicant's reach every sum
        opened = [{fact.name: _open(fact, 0)} for fact in facts if fact.type not in AMOUNTS] or [{}]
        partners += [[nothing | one | {"id": "p2", "role": "partner"}] for one in opened]
    return [
        {
            "reference_date": day_of(day), "moment": "registration", "registered_on": None,
            "members": [applicant, *partner, *others],
        }
        for applicant in applicants for partner in partners for others in _co_residents(condition, rules, nothing)
    ]  # fmt: skip


def _co_residents(condition: Condition, rules: RuleBook, nothing: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """None, and as many as tell the condition's counts apart, with each set of claims; what is no claim is open."""
    yield []
    if not condition.co_residents:
        return
    counts = {figure.name for figure in condition.figures if figure.by.kinds}
    compared = [t.right for t in condition.tests if t.left.name in counts and isinstance(t.right, int)]
    profile = [rules.facts[name] for name in rules.profile]
    claims = [fact.name for fact in profile if fact.type == "claim"]
    open_ = {fact.name: None for fact in profile if fact.type != "claim"}
    for made in itertools.product((False, True), repeat=len(claims)):
        for number in range(1, 2 + max(compared, default=0)):
            who = {**nothing, **open_, **dict(zip(claims, made, strict=True)), "role": "co_resident"}
            yield [who | {"id": f"c{n}"} for n in range(number)]


def _open(fact: Fact, amount: int | None, months: int = MONTHS[0]) -> Any:
    """Unknown; a claim is made and its proof pending; of a list there is one thing of each sort."""
    if fact.type == "proven_claim":
        return {"proof": None, "months": months} | ({fact.amount: amount} if fact.amount else {})
    if fact.type == "list":
        fields = [(*values, None) if field == fact.claim else values for field, values in fact.fields.items()]
        return [dict(zip(fact.fields, sort, strict=True)) | {"proof": None} for sort in itertools.product(*fields)]
    return None


def _shown(rules: Iterable[Rule], table: Table, row: int) -> str:
    """The figures and facts of the rules in that row: ` where income is 0.00, limit is 29515.00`."""
    said = {}
    for name in (name for rule in rules for name in rule.when.names()):
        value = name.read(table)
        num: Ints = np.broadcast_to(value.num // value.den, (len(table.day), value.num.shape[1]))[row]
        persons = table.present[row] if len(num) > 1 else [True]
        said[name.name] = " and ".join(_written(name, int(n)) for n, there in zip(num, persons, strict=True) if there)
    return " where " + ", ".join(f"{name} is {value}" for name, value in said.items()) if said else ""


def _written(name: Name, value: int) -> str:
    if name.column and name.column.codes:
        return next(str(word).lower() for word, code in name.column.codes.items() if code == value)
    return f"{value // 100}.{value % 100:02d}" if name.money else str(value)
