"""Figures over columns: what the verbs compute with (`verbs.py`), and what rules compare.

A column has a row for every completion of every household, and one place in the row for each candidate; a figure of the
household has a single place, so that the two combine by broadcasting. With every figure travel the marks of the law's
figures it used (a bit each), so a decision knows what in it is provisional. A figure is num ÷ den, exact until rounded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eligibility.domain.facts import Column

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
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
    day: Ints
    present: Bools
    figures: dict[str, Value] = field(default_factory=dict)
    missing: list[tuple[str, Ints, Bools]] = field(default_factory=list)

    def column(self, num: Any) -> Any:
        """A value of the unit itself, one a row."""
        return num[:, 0] if getattr(num, "shape", ()) == self.day.shape else np.broadcast_to(num, self.day.shape)[:, 0]

    def wide(self, num: Ints) -> Ints:
        """One value a row and place."""
        return num if num.shape == self.present.shape else np.broadcast_to(num, self.present.shape)


class Marks:
    """The names of what is provisional, a bit each."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def bit(self, name: str, mark: str | None) -> int:
        """Nothing where the mark says that it is sure."""
        if mark not in PROVISIONAL:
            return 0
        if name not in self.names:
            self.names.append(name)
        return 1 << self.names.index(name)

    def in_(self, bits: int) -> list[str]:
        return [name for at, name in enumerate(self.names) if bits >> at & 1]


@dataclass(frozen=True)
class Name:
    """A name in a rule file: a figure, a fact of a candidate, or (first) of the applicant.

    each: a value of each candidate, not of the household; money: in cents.
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


def first(branches: Sequence[tuple[When, Any]], values: Sequence[Value], table: Table) -> Value:
    """The value of the first branch that holds; its marks, and those of the tests up to it."""
    if len(branches) == 1:
        return values[0]
    found: Any = values[0]
    holds, marks = branches[0][0].holds(table)
    if holds is not True and not holds.all():
        other = first(branches[1:], values[1:], table)
        both = zip(found, other, strict=True)
        found = [a if a is b else np.where(holds, a, b) for a, b in both] if holds.any() else other
    num, own, den = found
    return Value(num, marks | own, den)
