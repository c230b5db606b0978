"""What is unknown is filled in, at the values that can matter; what then differs is what must be asked.

A unit is what a condition decides: the household, one candidate, or one real right. Its slots are its unknown facts; its
completions are the grid of their values, a row each: one row where nothing is unknown. Amounts are tried at one cent, nil and
the maximum, and at either side of every gap between a sum and what it is compared with: no other amount can change an
outcome. Co-residents who are alike are interchangeable, so their number is enumerated, not who of them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from math import prod
from operator import or_
from typing import Any

import numpy as np

from eligibility.domain.facts import FULL_YEAR, HIGHEST, NEW_YEAR, SURE, UNKNOWN
from eligibility.domain.figures import Bools, Ints, Table
from eligibility.domain.rulebook import MET, Condition, RuleBook
from eligibility.domain.units import PROFILES, Batch, Household, Slot, Unit

BOUND = 1 << 15  # completions of one unit; beyond it the condition is to be investigated
Look = tuple[int, frozenset[str]]
ROWS = 1 << 16  # completions in one table: some twenty megabytes; in a larger one each takes up to three times as long


@dataclass
class Decided:
    """Units of a condition in all completions of their slots: a row each, in the order of the grid of each unit.

    slots: by unit, where it has any; alike: the units whose slots fill the same columns; starts: each unit's first row, and
    the end. What the rules give is found when it is looked at.
    """

    condition: Condition
    slots: Mapping[int, Sequence[Slot]]
    alike: Sequence[list[int]]
    starts: Ints
    table: Table

    @cached_property
    def fires(self) -> Bools:
        """The column matcher: by rule and row, whether it fires."""
        rules, table = self.condition.all_rules, self.table
        fires = np.empty((len(rules), len(table.day)), np.bool_)
        for at, rule in enumerate(rules):
            fires[at] = table.column(rule.when.holds(table)[0])
        fires &= table.present[:, 0]  # of a thing that is not there nothing holds
        at = 0
        for rule in self.condition.rules:
            excuses = slice(at + 1, at + 1 + len(rule.unless))
            fires[excuses] &= fires[at]
            fires[at] &= ~fires[excuses].any(axis=0)
            at = excuses.stop
        return fires

    @cached_property
    def fired(self) -> Ints:
        """The rules that fired, a bit each, by row."""
        return np.asarray(self.condition.bits @ self.fires)

    @cached_property
    def outcome(self) -> Ints:
        """The worst of their outcomes, by row."""
        return np.asarray((self.fires * self.condition.then).max(axis=0))

    def grids(self, units: Sequence[int], values: Ints | None = None) -> Ints:
        """The outcomes (or other values) of the completions of units that are alike: an axis for the units, and one per slot."""
        sizes = [slot.size for slot in self.slots.get(units[0], ())]
        values = self.outcome if values is None else values
        grids: Ints = values[self.starts[units][:, None] + np.arange(prod(sizes))].reshape([len(units), *sizes])
        return grids

    @cached_property
    def best(self) -> Ints:
        """The row of each unit's most favourable completion."""
        best = self.starts[:-1].copy()
        for units in self.alike:
            best[units] += self.grids(units).reshape(len(units), -1).argmin(axis=1)
        return best


class Layout:
    """The units of a condition in columns, and what is unknown of them (slots, by unit)."""

    def __init__(self, condition: Condition, batch: Batch, in_force: Sequence[bool]) -> None:
        """rows: the places of the units that it is in force for, among those of its subject."""
        units = batch.units[condition.about]
        self.condition, self.batch, self.in_force = condition, batch, in_force
        self.rows = [n for n, unit in enumerate(units) if in_force[unit.household]]
        self.units = [units[row] for row in self.rows]
        self.own = [unit.household for unit in self.units]
        self.households = np.array(self.own, np.int64)
        self.slots: dict[int, list[Slot]] = {}
        self.known: Sequence[int] = ()
        if not self.units:
            self.block: Ints = np.zeros((len(condition.names), len(condition.reads), 0), np.int64)
            return
        self.block, open_ = self._read()
        for at, unit in enumerate(self.units):
            if unit.thing == UNKNOWN:
                self.slots[at] = [self._thing_or_none(unit)]
        if open_:
            for at, place, column in np.argwhere(self.block.transpose(2, 1, 0) == UNKNOWN).tolist():
                self.slots.setdefault(at, []).append(self._slot(self.units[at], place, condition.names[column]))
        if condition.co_residents:
            for at, n in enumerate(self.own):
                if batch.open[n]:
                    self.slots[at] = self.slots.get(at, []) + batch.open[n]
        self.known = [at for at in range(len(self.units)) if at not in self.slots]

    def _read(self) -> tuple[Ints, bool]:
        """The columns of the units, (columns, places, units), and whether something in them is unknown.

        Of a thing that may not be there nothing is known.
        """
        condition, years, cells = self.condition, (self.batch.days[:, 0] // FULL_YEAR).tolist(), list[int]()
        there, nothing = [1, *[0] * (len(condition.names) - 1)], [0] * len(condition.names)
        for unit in self.units:
            for place, reads in enumerate(condition.reads):
                if place >= len(unit.persons):
                    cells += nothing
                elif unit.thing == UNKNOWN:
                    cells += there
                else:
                    person = unit.persons[place]
                    of = person[condition.list.name][unit.thing] if condition.list else person
                    cells += 1, *[read(of) for read in reads]
                    for verb in condition.reading:
                        cells += verb.read(person, years[unit.household])
        block = np.array(cells, np.int64).reshape(-1, len(condition.reads), len(condition.names))
        return block.transpose(2, 1, 0).copy(), UNKNOWN in cells

    def of_household(self, n: int) -> range:
        """The units of a household."""
        return range(bisect_left(self.own, n), bisect_right(self.own, n))

    def _thing_or_none(self, unit: Unit) -> Slot:
        """Where it is not known what a candidate has: nothing, or one thing of any kind."""
        assert self.condition.list is not None
        fact, person = self.condition.list, unit.persons[0]
        kind, kinds = next(iter(fact.fields.items()))
        fills = ("present", 0, (0,) + (1,) * len(kinds)), (kind, 0, tuple(range(len(kinds) + 1)))
        return Slot((person["id"],), fact.name, fact.settled_by({fact.proofs_by or "": ""}), "fact", fills)

    def _slot(self, unit: Unit, place: int, name: str) -> Slot:
        """The slot of a column that is unknown."""
        person, year = unit.persons[place], int(self.batch.days[unit.household, 0]) // FULL_YEAR
        if verb := self.condition.readers.get(name):
            fills = tuple((f"{verb.name} {part}", place, values) for part, values in verb.unknown(year).items())
            return Slot((person["id"],), verb.fact, self.condition.facts[verb.fact].settled_by(), "amount", fills)
        column = self.condition.columns[name]
        fact = self.condition.facts[column.fact]
        label, made = unit.declared(fact, place)
        values = column.tried
        if fact.type == "date":
            values = tuple(max(1, year - age) * FULL_YEAR + NEW_YEAR for age in self.condition.ages or [0])
        proof = column.kind == "pending"
        proofs = fact.settled_by(made if proof else None)
        label = f"{label}.proof" if proof else label
        return Slot((person["id"],), label, proofs, column.kind, ((name, place, values),))

    def decide_layout(self, units: Sequence[int], slots: Mapping[int, Sequence[Slot]]) -> Decided:
        """Decide these units in all completions of their slots (by place in `units`)."""
        alike: dict[Any, list[int]] = {}
        for n, of in slots.items():
            alike.setdefault(tuple([(slot.kind, len(slot.persons), slot.filled) for slot in of]), []).append(n)
        starts, households, block = np.arange(len(units) + 1), self.households, self.block
        if alike or len(units) < len(self.units):
            sizes = np.ones(len(units), np.int64)
            for same in alike.values():
                sizes[same] = size(slots[same[0]])
            starts = np.concatenate(([0], sizes.cumsum()))
            at = np.array(units).repeat(sizes)
            households, block = households[at], block[:, :, at]
        days, profiles = self.batch.days[households], self.batch.profiles[households]
        for same in alike.values():
            of = slots[same[0]]
            shape = [len(same), *(slot.size for slot in of)]
            rows = starts[same][:, None] + np.arange(prod(shape[1:]))
            for axis, slot in enumerate(of):
                along = [slot.size if other == axis else 1 for other in range(len(of))]
                for fill, (column, place, _) in enumerate(slot.fills):
                    values = [slots[n][axis].fills[fill][2] for n in same]
                    filled = np.broadcast_to(np.reshape(values, [-1, *along]), shape).reshape(rows.shape)
                    if column == PROFILES:
                        profiles[rows, place] += filled
                    else:
                        block[self.condition.names.index(column), place, rows] = filled
        # a column's rows lie side by side in memory, for its places are few
        cells = dict(zip(self.condition.names, block.transpose(0, 2, 1), strict=True))
        table = Table(cells, profiles, days, cells["present"] > 0)
        for figure in self.condition.figures:
            table.figures[figure.name] = figure.by.evaluate(table)
        return Decided(self.condition, slots, list(alike.values()) or [list(range(len(units)))], starts, table)

    def _try_amounts(self) -> None:
        """Give the slots of amounts the values that can matter, where the rest may take any."""
        ends = {at: [slot.at((0, HIGHEST)) if slot.kind == "amount" else slot for slot in slots]
                for at, slots in self.slots.items() if any(slot.kind == "amount" for slot in slots)}  # fmt: skip
        for part in self.portions({at: slots for at, slots in ends.items() if size(slots) <= BOUND}):
            tried = self.decide_layout(part, {n: ends[at] for n, at in enumerate(part)})
            for n, at in enumerate(part):
                self.slots[at] = [
                    slot.at(self._points(tried, n, axis)) if slot.kind == "amount" else slot
                    for axis, slot in enumerate(self.slots[at])
                ]

    def bounded(self) -> tuple[dict[int, list[Slot]], set[int]]:
        """The slots of each unit; and the units with more completions than can be looked at, whose slots have one value."""
        if self.condition.sums and self.slots:
            self._try_amounts()
        over = {at for at, slots in self.slots.items() if size(slots) > BOUND}
        return {at: [slot.only(0) for slot in of] if at in over else of for at, of in self.slots.items()}, over

    def complete(self) -> tuple[Decided, set[int]]:
        """Every unit in every completion that can matter, and which units have more than can be looked at (those in one)."""
        slots, over = self.bounded()
        return self.decide_layout(range(len(self.units)), slots), over

    def portions(self, slots: Mapping[int, Sequence[Slot]]) -> Iterator[list[int]]:
        """The units, as many at a time as can be decided together; those of a household are."""
        part: list[int] = []
        rows = 0
        for at in sorted(slots):
            if part and rows + size(slots[at]) > ROWS and self.own[at] != self.own[part[-1]]:
                yield part
                part, rows = [], 0
            part.append(at)
            rows += size(slots[at])
        if part:
            yield part

    def _points(self, tried: Decided, at: int, axis: int) -> list[int]:
        """An amount's values at either side of each gap between a sum and its bound, all else at its ends."""
        found: set[int] = set()
        for name in self.condition.sums:
            grid = tried.grids([at], tried.table.column(tried.table.figures[name].num))[0]
            nil, most = grid.take([0], axis), grid.take([1], axis)
            for bound in self.condition.bounds:
                gap: Ints = tried.grids([at], tried.table.column(bound.read(tried.table).num))[0].take([0], axis) - nil
                slope: Ints = most - nil
                reached = (gap >= 0) & (gap < slope)
                for g, s in set(zip(gap[reached].tolist(), slope[reached].tolist(), strict=True)):
                    last = g * HIGHEST // s
                    found |= {last, last + 1} if s % HIGHEST == 0 else {last - 1, last, last + 1, last + 2}
        return [*SURE, *sorted({p for p in found if 0 <= p <= HIGHEST} - set(SURE))]


def lay_out(condition: Condition, households: Sequence[Household], at: Sequence[int], rules: RuleBook) -> Layout:
    """The units that the condition alone has of those households, whatever its days."""
    return Layout(condition, Batch(households, rules), [n in at for n in range(len(households))])


def size(slots: Sequence[Slot]) -> int:
    """How many completions a unit with these slots has."""
    return prod(slot.size for slot in slots)


def marks(condition: Condition, table: Table, fired: Ints) -> Ints:
    """Per row what is provisional in its decision: what the rules that fired looked at; where none did, what all rules do."""
    found = np.zeros(len(fired), np.int64)
    for bits in set(fired.tolist()):
        mark, names = _looked_at(condition.looks, condition.looked, bits)
        marked: Any = reduce(or_, [table.figures[name].marks for name in names], mark)
        if not isinstance(marked, int) or marked:
            found = np.where(fired == bits, table.column(marked), found)
    return found


@cache
def _looked_at(looks: tuple[Look, ...], looked: frozenset[str], fired: int) -> Look:
    """The marks of the rules that fired, a bit each, and the figures they looked at; where none did, all rules looked."""
    of = [look for at, look in enumerate(looks) if fired >> at & 1] or [(0, looked)]
    return reduce(or_, [mark for mark, _ in of]), frozenset[str]().union(*(names for _, names in of))


@cache
def fold(thens: tuple[int, ...], fired: int) -> tuple[int, list[int]]:
    """The worst outcome (`thens`) of the rules that fired, a bit each, and the places of those that gave it; else met."""
    of = [at for at in range(len(thens)) if fired >> at & 1]
    outcome = max([thens[at] for at in of], default=MET)
    return outcome, [at for at in of if thens[at] == outcome]
