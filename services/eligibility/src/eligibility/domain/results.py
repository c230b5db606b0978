"""Results: what each condition decides of each household of a batch, from its units and their completions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress

import numpy as np

from eligibility.domain.claims import could_claim
from eligibility.domain.completions import Decided, Layout, fold, marks
from eligibility.domain.facts import FULL_YEAR, HIGHEST, SURE
from eligibility.domain.figures import Ints
from eligibility.domain.rulebook import MET, TO_INVESTIGATE, Condition
from eligibility.domain.units import Slot, Unit

Range = tuple[int, int | None]


@dataclass(slots=True)
class Result:
    """One condition of one household."""

    condition: Condition
    low: int = MET
    high: int = MET
    marks: int = 0
    over: bool = False  # there is more unknown than can be tried
    bits: int = 0  # the rules that decided, a bit each,
    fired: list[tuple[int, Unit, int]] = field(default_factory=list)  # and by unit those that decided it
    figures: dict[str, Range] | None = None
    asks: Sequence[Slot] = ()
    answers: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # by pending proof: interpreted, rejected
    claims: Sequence[Slot] = ()
    lacks: frozenset[str] = frozenset()  # rows of figures that are not known

    @property
    def undecided(self) -> bool:
        return self.over or bool(self.lacks)

    @property
    def outcome(self) -> int:
        return self.low if self.low == self.high and not self.over and not self.lacks else TO_INVESTIGATE

    def given(self, proof: tuple[str, str]) -> Sequence[int]:
        """The outcome where that pending proof, of a person, is interpreted, and where it is rejected."""
        return [self.outcome] * 2 if self.lacks else self.answers.get(proof) or [self.outcome] * 2

    def take(self, at: int, unit: Unit, bits: int, best: int, worst: int) -> None:
        """One more unit: the rules that decide it, its most and its least favourable outcome."""
        self.low, self.high = max(self.low, best), max(self.high, worst)
        if bits:
            self.bits |= bits
            self.fired.append((at, unit, bits))


class Results:
    """Of one condition: `by` household. low, nil: by unit its most favourable outcome, and those that are nil at best.

    too_many: how often more was unknown, or could be claimed, than can be tried.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout, self.condition, self.own = layout, layout.condition, layout.own
        self.by: Mapping[int, Result] = defaultdict(partial(Result, layout.condition))
        self.low, self.nil, self.too_many = [MET] * len(layout.own), set[int](), 0

    def known(self, known: Decided, fired: Sequence[int]) -> None:
        """The units without unknowns, by the rules that durable_rules fired (a bit each)."""
        condition, table, low = self.condition, known.table, self.low
        marked = marks(condition, table, np.array(fired)).tolist()
        shown = [table.column(table.figures[name].num).tolist() for name in condition.show]
        for at, bits, mark, *values in zip(self.layout.known, fired, marked, *shown, strict=True):
            if bits or mark or values:
                result, (low[at], _) = self.by[self.own[at]], fold(condition.thens, bits)
                result.take(at, self.layout.units[at], bits, low[at], low[at])
                result.marks |= mark
                if values:
                    result.figures = {name: (value, value) for name, value in zip(condition.show, values, strict=True)}
                if low[at] == TO_INVESTIGATE:
                    self.nil.add(at)
        self._missing(known, self.layout.known)

    def unknown(self) -> None:
        """The other units, by columns in all their completions."""
        slots, over = self.layout.bounded()
        for part in self.layout.portions(slots):
            self._decided(self.layout.decide_layout(part, {n: slots[at] for n, at in enumerate(part)}), part)
        for n in {self.own[at] for at in over}:
            if not (result := self.by[n]).lacks:
                self.too_many += 1
                result.over = True
                result.asks = [slot for at in self.layout.of_household(n) for slot in self.layout.slots.get(at, ())]

    def claims(self) -> None:
        """What could be claimed of those in which it is not met: once all units are decided."""
        if wanted := {n: one.outcome for n, one in self.by.items() if one.high != MET and not one.undecided}:
            could, too_many = could_claim(self.layout, self.low, self.nil, wanted)
            self.too_many += too_many
            for n, claims in could.items():
                self.by[n].claims = claims

    def _decided(self, decided: Decided, part: Sequence[int]) -> None:
        """part: the units that were decided, by place in the layout."""
        condition, by, own = self.condition, self.by, [self.own[at] for at in part]
        marked = marks(condition, decided.table, decided.fired)
        first = decided.starts[:-1]
        least, most = (reduce.reduceat(decided.outcome, first).tolist() for reduce in (np.minimum, np.maximum))
        marks_of = marked[decided.best].tolist(), np.bitwise_or.reduceat(marked, first).tolist()
        for at, n, bits, best, worst in zip(part, own, decided.fired[decided.best].tolist(), least, most, strict=True):
            if bits or worst:
                self.low[at] = best
                by[n].take(at, self.layout.units[at], bits, best, worst)
        for n, best, all_ in zip(own, *marks_of, strict=True):
            if all_:
                by[n].marks |= best if by[n].low == by[n].high else all_
        self._missing(decided, part)
        for units in decided.alike:
            slots, grid = decided.slots[units[0]], decided.grids(units)
            shown = [decided.table.column(decided.table.figures[name].num) for name in condition.show]
            ranges = [_ranges(decided.grids(units, values), slots) for values in shown]
            for n, *of in zip(units, *ranges, strict=True) if shown else ():
                by[own[n]].figures = dict(zip(condition.show, of, strict=True))
            for axis, slot in enumerate(slots, 1):
                if slot.kind == "pending":
                    grid = grid.take([slot.size - 1], axis)
            rejected = (grid == TO_INVESTIGATE).reshape(len(units), -1).all(axis=1)
            self.nil.update(part[n] for n in compress(units, rejected.tolist()))
        self._ask(decided, part, most)

    def _ask(self, decided: Decided, part: Sequence[int], worst: Sequence[int]) -> None:
        """Ask what could change the outcome of a household, and tell what either decision on a pending proof gives."""
        asks: dict[int, list[Slot]] = {}
        at_worst = dict(zip(part, worst, strict=True))
        high = [at_worst.get(at, known) for at, known in enumerate(self.low)]
        others = [self._others(part, outcomes) for outcomes in (self.low, high)]
        for units in decided.alike:
            grid = decided.grids(units)
            least, most = (outcomes[units, None] for outcomes in others)
            of_household = np.maximum(grid.reshape(len(units), -1), least).reshape(grid.shape)
            for n, differs in zip(units, _differ(of_household), strict=True):
                asks[n] = list(compress(decided.slots[n], differs))
            for axis, slot in enumerate(decided.slots[units[0]], 1):
                if slot.kind == "pending":
                    either = np.moveaxis(grid, axis, 1).reshape(len(units), slot.size, -1)
                    low, high_ = np.maximum(either.min(2), least), np.maximum(either.max(2), most)
                    for n, outcomes in zip(units, np.where(low == high_, low, TO_INVESTIGATE).tolist(), strict=True):
                        of = decided.slots[n][axis - 1]
                        self.by[self.own[part[n]]].answers[of.persons[0], of.fact] = outcomes
        for n in sorted(asks):
            result = self.by[self.own[part[n]]]
            if result.low != result.high and not result.lacks:
                result.asks = [*result.asks, *asks[n]]

    def _others(self, part: Sequence[int], outcomes: Sequence[int]) -> Ints:
        """By unit of the part, the worst outcome of the other units of its household. outcomes: of all units."""
        own = self.own
        of = {n: [outcomes[at] for at in self.layout.of_household(n)] for n in {own[at] for at in part}}
        worst = {n: sorted([MET, MET, *all_])[-2:] for n, all_ in of.items()}
        return np.array([worst[own[at]][outcomes[at] < worst[own[at]][1]] for at in part])

    def _missing(self, decided: Decided, part: Sequence[int]) -> None:
        """Note which rows of figures the results lack."""
        for name, days, lacks in decided.table.missing:
            for row, _ in np.argwhere(lacks).tolist():
                year = np.broadcast_to(days, lacks.shape)[row].max() // FULL_YEAR
                unit = part[int(decided.starts.searchsorted(row, side="right")) - 1]
                self.by[self.own[unit]].lacks |= {f"{name} {year}"}


def _differ(grids: Ints) -> list[tuple[bool, ...]]:
    """By unit (the first axis), the slots of which two values, all else equal, give different outcomes."""
    differs = (grids.max(axis) != grids.min(axis) for axis in range(1, grids.ndim))
    return list(zip(*(one.reshape(len(grids), -1).any(axis=1).tolist() for one in differs), strict=True))


def _ranges(grids: Ints, slots: Sequence[Slot]) -> list[Range]:
    """By unit, from the least to the most a figure can be; no upper end where only an amount at its maximum gives it."""
    if not slots:
        return list(zip(*[grids.tolist()] * 2, strict=True))
    bounded = grids
    for axis, slot in enumerate(slots, 1):
        if slot.kind == "amount" and slot.size > 1:
            bounded = np.delete(bounded, SURE.index(HIGHEST), axis)
    axes = tuple(range(1, grids.ndim))
    least, most, most_bounded = grids.min(axes).tolist(), grids.max(axes).tolist(), bounded.max(axes).tolist()
    return [(low, high if high == end else None) for low, high, end in zip(least, most, most_bounded, strict=True)]
