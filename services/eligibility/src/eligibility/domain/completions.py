"""What is unknown is filled in, at the values that can matter; what then differs is what must be asked.

A unit is what a condition decides: the household, one candidate, or one real right. Its slots are its unknown facts; its
completions are the grid of their values, a row each. Amounts are tried at one cent, nil and the maximum, and at either side
of every gap between a sum and what it is compared with: no other amount can change an outcome. Co-residents who are alike
are interchangeable, so their number is enumerated, not who of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import prod
from typing import Any

import numpy as np

from eligibility.domain.facts import HIGHEST, PROOF, UNKNOWN, Column
from eligibility.domain.figures import Bools, CountCoResidents, Ints, Latest, Table, Years
from eligibility.domain.rulebook import MET, Condition, RuleBook

BOUND = 1 << 15  # completions of one unit; beyond it the condition is to be investigated
Household = Mapping[str, Any]
FILL = tuple[str, int, list[int]]  # column, place, values
SURE = (1, 0, HIGHEST)


@dataclass(frozen=True)
class Slot:
    """One unknown of a unit: filling it with its n-th value puts each fill's n-th value in its column.

    kind: fact, amount, pending (interpreted first), or claim (not made first). A group of alike persons is one slot.
    """

    persons: tuple[str, ...]
    fact: str
    proofs: tuple[str, ...]
    kind: str
    fills: tuple[FILL, ...]

    @property
    def size(self) -> int:
        return len(self.fills[0][2])

    def at(self, amounts: Sequence[int]) -> "Slot":
        """The slot of an amount, tried at these values; what else it fills stays as it is."""
        (column, place, _), *rest = self.fills
        fills = [(column, place, list(amounts)), *((c, p, v[:1] * len(amounts)) for c, p, v in rest)]
        return replace(self, fills=tuple(fills))


@dataclass
class Unit:
    """What is decided: the household at this place of the batch, or this person, or this thing of the person."""

    household: int
    persons: list[Mapping[str, Any]]
    thing: int | None = None
    slots: list[Slot] = field(default_factory=list)
    claims: list[Slot] = field(default_factory=list)


@dataclass
class Decided:
    """The units of a condition, decided in all their completions: a row each, in the order of the grid of each unit."""

    units: list[Unit]
    starts: list[int]
    table: Table
    fired: Ints
    outcome: Ints
    marks: Ints

    def grid(self, at: int, values: Ints | None = None) -> Ints:
        """The outcomes (or other values) of a unit's completions, an axis per slot."""
        values = self.outcome if values is None else values
        return values[self.starts[at] : self.starts[at + 1]].reshape([slot.size for slot in self.units[at].slots])


def candidates(household: Household) -> list[Mapping[str, Any]]:
    """The applicant, then the partner who moves in."""
    members = [m for m in household["members"] if m["role"] != "co_resident" and m["moves_in"]]
    return sorted(members, key=lambda member: bool(member["role"] != "applicant"))


def lay_out(condition: Condition, households: Sequence[Household], at: Sequence[int], rules: RuleBook) -> "Layout":
    """The units of those households, and what is known of each in columns."""
    layout = Layout(condition, rules)
    for household in at:
        persons = candidates(households[household])
        if condition.about == "household":
            layout.add(Unit(household, persons), persons, households[household])
        elif condition.about == "each_candidate":
            for person in persons:
                layout.add(Unit(household, [person]), [person], households[household])
        else:
            for person in persons:
                layout.things(household, person, households[household])
    return layout


class Layout:
    """Units in columns, a row each; `table` gives a row for each of their completions."""

    def __init__(self, condition: Condition, rules: RuleBook) -> None:
        self.condition, self.rules = condition, rules
        self.units: list[Unit] = []
        self.places = 2 if condition.about == "household" else 1
        self.latest = [figure.verb for figure in condition.figures if isinstance(figure.verb, Latest)]
        self.names = ["present", *(column.name for column in condition.columns)]
        self.names += [f"{verb.name}.{part}" for verb in self.latest for part in ("year", "amount", "hides")]
        self.rows: dict[str, list[list[int]]] = {name: [] for name in self.names}
        self.profiles: list[list[int]] = []
        self.days: list[tuple[int, int]] = []
        self.facts = {fact.name: fact for fact in condition.facts}
        self.ages = sorted({age for test in condition.tests() if isinstance(test.right, int) and test.left.name in self.years
                            for age in (test.right - 1, test.right) if age >= 0})  # fmt: skip

    @property
    def years(self) -> set[str]:
        return {figure.name for figure in self.condition.figures if isinstance(figure.verb, Years)}

    def add(self, unit: Unit, persons: Sequence[Mapping[str, Any]], household: Household) -> None:
        """A unit whose places are these persons (or this thing)."""
        day: date = household["reference_date"]
        places: dict[str, list[int]] = {name: [0] * self.places for name in self.names}
        for place, person in enumerate(persons):
            places["present"][place] = 1
            for column in self.condition.columns:
                if place and column.name in self.condition.applicant_only:
                    continue
                value = column.read(person)
                places[column.name][place] = value
                if value == UNKNOWN:
                    unit.slots.append(self._slot(column, place, person, day, unit))
                elif unit.thing is None:
                    self._claim(column, place, person, unit)
            for verb in self.latest:
                self._latest(verb, place, person, day.year, places, unit)
        if unit.thing is not None:
            self._thing_claim(persons[0], unit)
        for name in self.names:
            self.rows[name].append(places[name])
        self.profiles.append(self._co_residents(household, unit) if self.condition.co_residents else [0])
        self.days.append((day.year, day.toordinal()))
        self.units.append(unit)

    def things(self, household: int, person: Mapping[str, Any], whole: Household) -> None:
        """A unit for each thing the person has; where that is unknown, one for all of them: nothing, or one of any kind."""
        fact = next(fact for fact in self.condition.facts if fact.type == "list")
        if person[fact.name] is not None:
            for at, thing in enumerate(person[fact.name]):
                self.add(Unit(household, [person], at), [thing], whole)
            return
        fields = fact.fields or {}
        nothing = dict.fromkeys((*fields, "proof"))
        unit = Unit(household, [person])
        kind, kinds = next(iter(fields.items()))
        fills: list[FILL] = [("present", 0, [0] + [1] * len(kinds)), (kind, 0, list(range(len(kinds) + 1)))]
        unit.slots.append(
            Slot((person["id"],), fact.name, fact.settled_by({fact.proofs_by or "": ""}), "fact", tuple(fills))
        )
        unit.thing = UNKNOWN
        self.add(unit, [nothing], whole)

    def _slot(self, column: Column, place: int, person: Mapping[str, Any], day: date, unit: Unit) -> Slot:
        """The slot of a column that is unknown. In a unit for a thing, `person` is the thing."""
        fact, values = self.facts[column.fact], [0, 1]
        label, kind, ground = fact.name, "fact", None
        if column.codes is PROOF:
            values, kind = [PROOF["interpreted"], PROOF["rejected"]], "pending"
            label = f"{fact.name}.proof" if unit.thing is None else f"{fact.name}[{unit.thing}].proof"
            ground = person[fact.name] if unit.thing is None else person
        elif column.money:
            values, kind = list(SURE), "amount"
        elif fact.type == "date":
            values = [date(day.year - age, 1, 1).toordinal() for age in self.ages or [0]]
        elif column.codes:
            values = sorted(column.codes.values())
        id_ = unit.persons[place]["id"]
        return Slot((id_,), label, fact.settled_by(ground), kind, ((column.name, place, values),))

    def _claim(self, column: Column, place: int, person: Mapping[str, Any], unit: Unit) -> None:
        """A claim not made, or rejected, could be made: without an amount given, of nil or a cent."""
        fact = self.facts[column.fact]
        made = person[fact.name]
        fills: list[FILL] = []
        label = fact.name
        if fact.type == "claim" and not made:
            fills = [(column.name, place, [0, 1])]
        elif column.codes is PROOF and made is None and fact.amount:
            fills = [(column.name, place, [PROOF["none"]] + [PROOF["interpreted"]] * 2)]
            fills.append((f"{fact.name}.{fact.amount}", place, [0, 0, 1]))
        elif column.codes is PROOF and (made is None or made["proof"] == "rejected"):
            fills = [(column.name, place, [PROOF["none"], PROOF["interpreted"]])]
        if fills:
            label += ".proof" if fact.type == "proven_claim" else ""
            unit.claims.append(Slot((person["id"],), label, fact.settled_by(made), "claim", tuple(fills)))

    def _thing_claim(self, thing: Mapping[str, Any], unit: Unit) -> None:
        fact = next(fact for fact in self.condition.facts if fact.type == "list")
        claim = fact.claim or ""
        if unit.thing == UNKNOWN or (thing[claim] is not None and thing["proof"] != "rejected"):
            return
        grounds = len((fact.fields or {})[claim])
        fills: list[FILL] = [("proof", 0, [PROOF["none"]] + [PROOF["interpreted"]] * grounds)]
        if thing[claim] is None:
            fills.append((claim, 0, list(range(grounds + 1))))
        else:
            fills = [("proof", 0, [PROOF["rejected"], PROOF["interpreted"]])]
        proofs = fact.settled_by(thing)
        unit.claims.append(
            Slot((unit.persons[0]["id"],), f"{fact.name}[{unit.thing}].proof", proofs, "claim", tuple(fills))
        )

    def _latest(
        self, verb: Latest, place: int, person: Mapping[str, Any], year: int, places: dict[str, list[int]], unit: Unit
    ) -> None:
        incomes = person[verb.fact]
        of_year, amount, hides = (places[f"{verb.name}.{part}"] for part in ("year", "amount", "hides"))
        if incomes is None:
            fills = ((f"{verb.name}.amount", place, list(SURE)), (f"{verb.name}.year", place, [year - 1] * len(SURE)))
            fact = self.facts[verb.fact]
            unit.slots.append(Slot((person["id"],), fact.name, fact.settled_by(), "amount", fills))
            return
        low, high = year - verb.years_back[1], year - verb.years_back[0]
        counted = sorted(
            (income for income in incomes if low <= income["year"] <= high), key=lambda income: -income["year"]
        )
        amounts = [sum(income[name] for name in verb.amounts) for income in counted]
        if counted:
            of_year[place], amount[place] = counted[0]["year"], amounts[0]
            hides[place] = int(amounts[0] == 0 and any(amounts))

    def _co_residents(self, household: Household, unit: Unit) -> list[int]:
        """How many co-residents have each combination of facts; who has an unknown one goes in a slot with his likes."""
        names, known = self.rules.profile, [0] * 2 ** len(self.rules.profile)
        alike: dict[tuple[bool | None, ...], list[str]] = {}
        for member in household["members"]:
            if member["role"] == "co_resident" and member["moves_in"]:
                alike.setdefault(tuple(member[name] for name in names), []).append(member["id"])
        for facts, ids in alike.items():
            yes = sum(1 << at for at, fact in enumerate(facts) if fact)
            unknown = [at for at, fact in enumerate(facts) if fact is None and not self._equal(yes, yes | 1 << at)]
            number = len(ids)
            for at in unknown:
                fact = self.rules.facts[names[at]]
                fills = (
                    ("profiles", yes | 1 << at, list(range(number + 1))),
                    ("profiles", yes, list(range(number, -1, -1))),
                )
                unit.slots.append(Slot(tuple(ids), fact.name, fact.settled_by(), "fact", fills))
            if not unknown:
                known[yes] += number
            for at, name in enumerate(names):
                if self.rules.facts[name].type == "claim" and not facts[at]:
                    open_ = [1 << other for other, fact in enumerate(facts) if fact is None]
                    unit.claims.append(self._group_claim(name, 1 << at, yes, open_, ids))
        return known

    def _equal(self, one: int, other: int) -> bool:
        """Whether no count tells these two combinations apart."""
        verbs = [figure.verb for figure in self.condition.figures if isinstance(figure.verb, CountCoResidents)]
        return all(v.counts[one] == v.counts[other] and v.weighs[one] == v.weighs[other] for v in verbs
                   if v.counts[one] or v.counts[other])  # fmt: skip

    def _group_claim(self, name: str, bit: int, yes: int, unknown: list[int], ids: list[str]) -> Slot:
        """The claim that so many of these alike persons are, say, dependants; what is unknown of them, at either end."""
        fact, counts = self.rules.facts[name], range(len(ids) + 1)
        fills: list[FILL] = [("profiles", yes, [-n for n in counts] * (1 + len(unknown)))]
        fills.append(("profiles", yes | bit, list(counts) + [0 for _ in counts for _ in unknown]))
        fills += [("profiles", yes | bit | u, [0 for _ in counts] + list(counts)) for u in unknown]
        return Slot(tuple(ids), name, fact.settled_by(), "claim", tuple(fills))

    def decide(self, units: Sequence[Unit], rows: Sequence[int]) -> Decided:
        """Decide these units (whose rows stand at `rows`) in all completions of their slots."""
        sizes = [prod(slot.size for slot in unit.slots) for unit in units]
        starts = [0, *np.cumsum(sizes).tolist()]
        at = np.repeat(np.array(rows, np.int64), sizes)
        cells = {name: np.array(self.rows[name], np.int64).reshape(-1, self.places)[at] for name in self.names}
        cells["profiles"] = np.array(self.profiles, np.int64)[at]
        days = np.array(self.days, np.int64)[at]
        for unit, start, size in zip(units, starts, sizes, strict=False):
            below = size
            for slot in unit.slots:
                below //= slot.size
                pattern = np.arange(size) // below % slot.size
                for column, place, values in slot.fills:
                    if column == "profiles":
                        cells[column][start : start + size, place] += np.array(values)[pattern]
                    else:
                        cells[column][start : start + size, place] = np.array(values)[pattern]
        table = Table(cells, days[:, :1], days[:, 1:])
        return Decided(list(units), starts, table, *match(self.condition, table))

    def complete(self) -> tuple[Decided, set[int]]:
        """Every unit in every completion that can matter, and which units have more than can be looked at (those in one)."""
        over: set[int] = set()
        amounts = [at for at, unit in enumerate(self.units) if any(slot.kind == "amount" for slot in unit.slots)]
        trial = {at: replace(self.units[at], slots=[_ends(slot) for slot in self.units[at].slots]) for at in amounts}
        small = [at for at in amounts if prod(slot.size for slot in trial[at].slots) <= BOUND]
        if small and self.condition.sums:
            tried = self.decide([trial[at] for at in small], small)
            for n, at in enumerate(small):
                points = self._points(tried, n)
                self.units[at].slots = [
                    slot.at(points[axis]) if slot.kind == "amount" else slot
                    for axis, slot in enumerate(self.units[at].slots)
                ]
        for at, unit in enumerate(self.units):
            if prod(slot.size for slot in unit.slots) > BOUND:
                over.add(at)
        units = [
            replace(unit, slots=[_first(s) for s in unit.slots]) if at in over else unit
            for at, unit in enumerate(self.units)
        ]
        return self.decide(units, range(len(units))), over

    def _points(self, tried: Decided, at: int) -> dict[int, list[int]]:
        """Per slot of an amount: the values at either side of each gap between a sum and its bound, all else at its ends."""
        points: dict[int, list[int]] = {}
        for axis, slot in enumerate(tried.units[at].slots):
            if slot.kind != "amount":
                continue
            found: set[int] = set()
            for name in self.condition.sums:
                grid = tried.grid(at, _whole(tried.table.figures[name].num, tried))
                nil, most = grid.take([0], axis), grid.take([1], axis)
                for bound in self.condition.bounds:
                    gap: Ints = tried.grid(at, _whole(bound.read(tried.table).num, tried)).take([0], axis) - nil
                    slope: Ints = most - nil
                    reached = (gap >= 0) & (gap < slope)
                    for g, s in set(zip(gap[reached].tolist(), slope[reached].tolist(), strict=True)):
                        last = g * HIGHEST // s
                        found |= {last, last + 1} if s % HIGHEST == 0 else {last - 1, last, last + 1, last + 2}
            points[axis] = [*SURE, *sorted({p for p in found if 0 <= p <= HIGHEST} - set(SURE))]
        return points


def _whole(values: Ints, decided: Decided) -> Ints:
    return np.broadcast_to(values, (decided.starts[-1], 1))[:, 0]


def _ends(slot: Slot) -> Slot:
    return slot.at((0, HIGHEST)) if slot.kind == "amount" else slot


def _first(slot: Slot) -> Slot:
    return replace(slot, fills=tuple((column, place, values[:1]) for column, place, values in slot.fills))


def match(condition: Condition, table: Table) -> tuple[Ints, Ints, Ints]:
    """The column matcher: per row the rules that fired (a bit each), the worst of their outcomes, and the marks used."""
    rows = table.day.shape[0]
    for figure in condition.figures:
        table.figures[figure.name] = figure.verb.evaluate(table)
    fired, outcome, marks, looked = (np.zeros(rows, np.int64) for _ in range(4))
    bit = 0
    for rule in condition.rules:
        holds, used = _column(rule.when.holds(table), table)
        excepted: Bools = np.zeros(rows, np.bool_)
        looked |= used
        for exception in rule.unless:
            bit += 1
            also, also_used = _column(exception.when.holds(table), table)
            fires = holds & also
            excepted |= fires
            fired |= np.where(fires, 1 << bit, 0)
            outcome = np.maximum(outcome, np.where(fires, exception.then, MET))
            marks |= np.where(fires, used | also_used | exception.mark, 0)
        fires = holds & ~excepted
        bit_of_rule = bit - len(rule.unless)
        fired |= np.where(fires, 1 << bit_of_rule, 0)
        outcome = np.maximum(outcome, np.where(fires, rule.then, MET))
        marks |= np.where(fires, used | rule.mark, 0)
        bit += 1
    return fired, outcome, np.where(fired > 0, marks, looked)


def _column(held: tuple[Bools, Ints], table: Table) -> tuple[Bools, Ints]:
    """A test's answer as one value a row; of a thing that is not there nothing holds."""
    shape = (table.day.shape[0], 1)
    return np.broadcast_to(held[0], shape)[:, 0] & table.present[:, 0], np.broadcast_to(held[1], shape)[:, 0]
