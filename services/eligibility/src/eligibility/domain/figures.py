"""Figures: a closed set of verbs, each written once, over columns.

A column has a row for every completion of every household, and one place in the row for each candidate; what is said of the
household has a single place, so that the two combine by broadcasting. With every figure travel the marks of the law's
figures it used (a bit each), so a decision knows what in it is provisional. A figure is num ÷ den, exact until rounded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from eligibility.domain.facts import Column
from eligibility.domain.source import Node

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
FOR_EVER = date.max.toordinal()
MILLION = 10**6
PROVISIONAL = ("K", "F")
COMPARISONS: dict[str, Callable[[Ints, Ints | int], Bools]] = {
    "above": np.greater, "at_least": np.greater_equal, "at_most": np.less_equal, "below": np.less, "is": np.equal,
}  # fmt: skip


class Value(NamedTuple):
    """Marks and denominator are plain integers where they are the same everywhere: mostly."""

    num: Ints
    marks: Ints | int = 0
    den: Ints | int = 1


@dataclass
class Table:
    """Completions as columns. cells: (rows, places) by name; profiles: (rows, combinations of the co-residents' facts)."""

    cells: Mapping[str, Ints]
    profiles: Ints
    year: Ints
    day: Ints
    present: Bools
    figures: dict[str, Value] = field(default_factory=dict)
    missing: list[tuple[str, Ints, Bools]] = field(default_factory=list)

    def column(self, num: Any) -> Any:
        """A value of the unit itself, one a row."""
        return num[:, 0] if np.shape(num) == self.day.shape else np.broadcast_to(num, self.day.shape)[:, 0]


class Marks:
    """The names of what is provisional, a bit each."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def bit(self, name: str, mark: Node | None) -> int:
        """Nothing where the mark says that it is sure."""
        if mark is None or mark.one_of("SDFK", "mark") not in PROVISIONAL:
            return 0
        if name not in self.names:
            self.names.append(name)
        return 1 << self.names.index(name)

    def in_(self, bits: int) -> list[str]:
        return [name for at, name in enumerate(self.names) if bits >> at & 1]


@dataclass(frozen=True)
class Parameter:
    """A figure of the law through time. Each row holds from its start through its end, both included (ordinals)."""

    name: str
    unit: str
    starts: Ints
    ends: Ints
    columns: Mapping[str, Ints]
    bits: Ints
    place: Node

    def row(self, day: Ints, needed: Bools | bool, table: Table) -> Ints:
        """Which row holds on that day; where none does and one is needed, the table learns what it lacks."""
        at: Ints = self.starts.searchsorted(day, side="right") - 1
        if (outside := (at < 0) | (self.ends[at] < day)).any():
            if (lacks := outside & needed).any():
                table.missing.append((self.name, day, lacks))
            at = np.maximum(at, 0)
        return at


@dataclass(frozen=True)
class Name:
    """A name in a rule file: a figure, a fact of a candidate, or (first) of the applicant.

    each: said of each candidate, not of the household; money: in cents.
    """

    name: str
    each: bool
    money: bool
    figure: bool = False
    first: bool = False
    column: Column | None = None

    def read(self, table: Table) -> Value:
        if self.figure:
            return table.figures[self.name]
        cells = table.cells[self.name]
        return Value(cells[:, :1] if self.first else cells)


@dataclass(frozen=True)
class Test:
    left: Name
    comparison: str
    right: Name | int | tuple[int, ...]

    def holds(self, table: Table) -> tuple[Bools, Ints | int]:
        left = self.left.read(table)
        if isinstance(self.right, Name):
            right = self.right.read(table)
            return COMPARISONS[self.comparison](left.num, right.num), left.marks | right.marks
        if isinstance(self.right, tuple):
            held: Any = np.equal(left.num[..., None], self.right).any(axis=-1)
            return held, left.marks
        return COMPARISONS[self.comparison](left.num, self.right), left.marks


@dataclass(frozen=True)
class When:
    """Every test holds and, where there are tests of a candidate, some candidate meets all of those."""

    tests: tuple[Test, ...] = ()
    some: tuple[Test, ...] = ()

    def names(self) -> list[Name]:
        names = [name for test in self.tests + self.some for name in (test.left, test.right)]
        return [name for name in names if isinstance(name, Name)]

    def holds(self, table: Table) -> tuple[Any, Ints | int]:
        holds: Any = True
        marks: Ints | int = 0
        for test in self.tests:
            held, used = test.holds(table)
            holds, marks = held if holds is True else holds & held, marks | used
        if self.some:
            of_one = table.present
            for test in self.some:
                of_one = of_one & test.holds(table)[0]
            holds = of_one.any(axis=1, keepdims=True) & holds
        return holds, marks


class Verb(Protocol):
    def evaluate(self, table: Table) -> Value: ...


@dataclass(frozen=True)
class Latest:
    """The most recent assessment of each candidate, its amounts summed, brought to the year of the test."""

    name: str
    fact: str
    years_back: tuple[int, int]
    amounts: tuple[str, ...]
    index: Parameter
    nil_hides_older: int

    def evaluate(self, table: Table) -> Value:
        year, amount, hides = (table.cells[f"{self.name} {part}"] for part in ("year", "amount", "hides"))
        to = table.year - 1
        indexed = (year > 0) & (year != to) & table.present  # of last year: counts as it is
        if not indexed.any():
            return Value(amount, hides * self.nil_hides_older)
        at = self.index.row(_new_year(np.where(indexed, year, to)), indexed, table)
        row = self.index.row(_new_year(to), indexed.any(axis=1, keepdims=True), table)
        h = next(iter(self.index.columns.values()))
        factor = np.where(indexed, (2 * MILLION * h[row] + h[at]) // (2 * h[at]), MILLION)  # six decimals, half up
        marks = np.where(indexed, self.index.bits[at] | self.index.bits[row], 0) + hides * self.nil_hides_older
        return Value(amount * factor, marks, MILLION)


@dataclass(frozen=True)
class Years:
    """Full years from a day to the day of the test."""

    of: Name

    def evaluate(self, table: Table) -> Value:
        (born_month, born), (month, day) = _month_day(self.of.read(table).num), _month_day(table.day)
        return Value((month - born_month - (day < born)) // 12)


@dataclass(frozen=True)
class PerYear:
    """The income of some months, brought to a year."""

    amount: Name
    months: Name
    mark: int

    def evaluate(self, table: Table) -> Value:
        months = np.maximum(self.months.read(table).num, 1)
        return Value(self.amount.read(table).num * 12, self.mark, months)


@dataclass(frozen=True)
class Choose:
    """The first branch that holds; its marks, and those of the tests up to it."""

    branches: tuple[tuple[When, Name | int], ...]

    def evaluate(self, table: Table) -> Value:
        values = (
            name.read(table) if isinstance(name, Name) else Value(np.array([[name]])) for _, name in self.branches
        )
        return _first(self.branches, list(values), table)


@dataclass(frozen=True)
class Sum:
    """Over the candidates, exact, and then rounded once: half up, to the cent."""

    of: Name

    def evaluate(self, table: Table) -> Value:
        value = self.of.read(table)
        num = np.where(table.present, value.num, 0)
        below: Any = value.den
        if not isinstance(below, int):
            den = np.where(table.present, below, 1)
            below = np.lcm.reduce(den, axis=1, keepdims=True)
            num = num * (below // den)
        total = num.sum(axis=1, keepdims=True)
        marks = value.marks
        if not isinstance(marks, int):
            marks = np.bitwise_or.reduce(np.where(table.present, marks, 0), axis=1, keepdims=True)
        return Value((2 * total + below) // (2 * below), marks)


@dataclass(frozen=True)
class CountCandidates:
    where: When

    def evaluate(self, table: Table) -> Value:
        holds = table.present & self.where.holds(table)[0]
        return Value(holds.sum(axis=1, keepdims=True, dtype=np.int64))


@dataclass(frozen=True)
class CountCoResidents:
    """Persons who move along, those who count for more (heavy) as often as a column of a parameter says.

    Co-residents are interchangeable: `profiles` counts them by the combination of their facts, bit i standing for fact i.
    plain, heavy: 1 for each combination that counts so.
    """

    plain: Ints
    heavy: Ints
    weight: Parameter | None = None
    column: str = ""

    def evaluate(self, table: Table) -> Value:
        plain = table.profiles @ self.plain[:, None]
        if self.weight is None:
            return Value(plain)
        heavy = table.profiles @ self.heavy[:, None]
        row = self.weight.row(table.day, heavy > 0, table)
        marks = np.where(heavy > 0, self.weight.bits[row], 0)
        return Value(plain + heavy * self.weight.columns[self.column][row], marks)


@dataclass(frozen=True)
class FromTable:
    """A column of the row of that day, plus columns times figures."""

    parameter: Parameter
    branches: tuple[tuple[When, str], ...]
    plus: tuple[tuple[str, Name], ...]

    def evaluate(self, table: Table) -> Value:
        row = self.parameter.row(table.day, True, table)
        values = [Value(self.parameter.columns[column][row]) for _, column in self.branches]
        amount, marks, _ = _first(self.branches, values, table)
        marks = marks | self.parameter.bits[row]
        for column, name in self.plus:
            times = name.read(table)
            amount, marks = amount + self.parameter.columns[column][row] * times.num, marks | times.marks
        return Value(amount, marks)


@dataclass(frozen=True)
class Figure:
    """verb, names: how it is written, and what it reads: figures, each.COLUMN, applicant.COLUMN, co_resident.FACT, fact.FACT."""

    name: str
    verb: str
    each: bool
    money: bool
    by: Verb
    names: frozenset[str]
    tests: tuple[Test, ...]
    place: Node

    @property
    def parameters(self) -> list[Parameter]:
        return [one for one in vars(self.by).values() if isinstance(one, Parameter)]


def _first(branches: Sequence[tuple[When, Any]], values: Sequence[Value], table: Table) -> Value:
    result = values[-1]
    for (when, _), branch in zip(branches[-2::-1], values[-2::-1], strict=True):
        holds, marks = when.holds(table)
        num, own, den = map(partial(_where, holds), branch, result)
        result = Value(num, marks | own, den)
    return result


def _where(holds: Any, one: Any, other: Any) -> Any:
    return one if one is other else np.where(holds, one, other)


def _new_year(year: Ints) -> Ints:
    """The ordinal of 1 January: 365 days a year and the leap days before it."""
    before = year - 1
    result: Ints = before * 365 + before // 4 - before // 100 + before // 400 + 1
    return result


def _month_day(ordinal: Ints) -> tuple[Ints, Ints]:
    """Month, counted through the years, and day of the month (from 0)."""
    days = (ordinal - date(1970, 1, 1).toordinal()).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    return months.astype(np.int64), (days - months).astype(np.int64)
