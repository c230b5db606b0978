"""Figures: a closed set of verbs, each written once, over columns.

A column has a row for every completion of every household, and one place in the row for each candidate; what is said of the
household has a single place, so that the two combine by broadcasting. With every figure travel the marks of the law's
figures it used (a bit each), so a decision knows what in it is provisional. A figure is num ÷ den, exact until rounded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from eligibility.domain.facts import Column, Fact
from eligibility.domain.source import Node, meant

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
FOR_EVER = date.max.toordinal()
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

    def bit(self, name: str) -> int:
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

    def row(self, day: Ints, needed: Bools | bool, table: Table) -> Ints:
        """Which row holds on that day; where none does and one is needed, the table learns what it lacks."""
        at: Ints = self.starts.searchsorted(day, side="right") - 1
        if (outside := (at < 0) | (self.ends[at] < day)).any():
            if (lacks := outside & needed).any():
                table.missing.append((self.name, day, lacks))
            at = np.maximum(at, 0)
        return at


class Kind(NamedTuple):
    each: bool  # said of each candidate, not of the household
    money: bool


@dataclass(frozen=True)
class Name:
    """A name in a rule file: a figure, a fact of a candidate, or (first) of the applicant."""

    name: str
    kind: Kind
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

    tests: tuple[Test, ...]
    some: tuple[Test, ...] = ()

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
        year, amount, hides = (table.cells[f"{self.name}.{part}"] for part in ("year", "amount", "hides"))
        to = table.year - 1
        indexed = (year > 0) & (year != to) & table.present  # of last year: counts as it is
        if not indexed.any():
            return Value(amount, hides * self.nil_hides_older)
        at = self.index.row(_new_year(np.where(indexed, year, to)), indexed, table)
        row = self.index.row(_new_year(to), indexed.any(axis=1, keepdims=True), table)
        h = next(iter(self.index.columns.values()))
        marks = np.where(indexed, self.index.bits[at] | self.index.bits[row], 0) + hides * self.nil_hides_older
        return Value(np.where(indexed, amount * h[row], amount), marks, np.where(indexed, h[at], 1))


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
        *firsts, (_, otherwise) = self.branches
        result = _value(otherwise, table)
        for when, name in reversed(firsts):
            branch = _value(name, table)
            holds, marks = when.holds(table)
            den: Ints | int = 1
            if not (isinstance(branch.den, int) and isinstance(result.den, int)):
                den = np.where(holds, branch.den, result.den)
            result = Value(
                np.where(holds, branch.num, result.num), marks | np.where(holds, branch.marks, result.marks), den
            )
        return result


def _value(name: Name | int, table: Table) -> Value:
    return name.read(table) if isinstance(name, Name) else Value(np.array([[name]]))


@dataclass(frozen=True)
class Sum:
    """Over the candidates, exact, and then rounded once: half up, to the cent."""

    of: Name

    def evaluate(self, table: Table) -> Value:
        value = self.of.read(table)
        num = np.where(table.present, value.num, 0)
        total: Any = num[:, :1]
        below: Any = value.den
        if isinstance(below, int):
            total = num.sum(axis=1, keepdims=True)
        else:
            den = np.where(table.present, below, 1)
            below = den[:, :1]
            for at in range(1, num.shape[1]):
                total, below = total * den[:, at : at + 1] + num[:, at : at + 1] * below, below * den[:, at : at + 1]
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
    """Persons who move along and meet `counts`, those who also meet `weighs` as often as a parameter says.

    Co-residents are interchangeable: `profiles` counts them by the combination of their facts, bit i standing for fact i.
    """

    counts: tuple[bool, ...]
    weighs: tuple[bool, ...]
    weight: Parameter | None
    column: str

    def evaluate(self, table: Table) -> Value:
        plain = table.profiles @ self.plain
        if self.weight is None:
            return Value(plain)
        heavy = table.profiles @ self.heavy
        row = self.weight.row(table.day, heavy > 0, table)
        marks = np.where(heavy > 0, self.weight.bits[row], 0)
        return Value(plain + heavy * self.weight.columns[self.column][row], marks)

    @cached_property
    def plain(self) -> Ints:
        return np.array([[c and not w] for c, w in zip(self.counts, self.weighs, strict=True)], np.int64)

    @cached_property
    def heavy(self) -> Ints:
        return np.array([[c and w] for c, w in zip(self.counts, self.weighs, strict=True)], np.int64)


@dataclass(frozen=True)
class FromTable:
    """A column of the row of that day, plus columns times figures."""

    parameter: Parameter
    column: tuple[tuple[When, str], ...]
    plus: tuple[tuple[str, Name], ...]

    def evaluate(self, table: Table) -> Value:
        row = self.parameter.row(table.day, True, table)
        marks = self.parameter.bits[row]
        amount = self.parameter.columns[self.column[-1][1]][row]
        for when, column in reversed(self.column[:-1]):
            holds, used = when.holds(table)
            amount, marks = np.where(holds, self.parameter.columns[column][row], amount), marks | used
        for column, name in self.plus:
            times = name.read(table)
            amount, marks = amount + self.parameter.columns[column][row] * times.num, marks | times.marks
        return Value(amount, marks)


@dataclass(frozen=True)
class Figure:
    name: str
    kind: Kind
    verb: Verb
    names: frozenset[str]  # what it reads: figures, each.COLUMN, applicant.COLUMN, co_resident.FACT, fact.FACT


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


@dataclass
class Scope:
    """What a name may mean at this place of a file, and what has been used there so far."""

    facts: Mapping[str, Fact]
    parameters: Mapping[str, Parameter]
    marks: Marks
    columns: dict[str, Column]
    each: bool  # a rule about each candidate or thing: every fact is at hand
    figures: dict[str, Figure] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    @property
    def profile(self) -> tuple[str, ...]:
        """The co-residents' facts."""
        return tuple(name for name, fact in self.facts.items() if "co_resident" in fact.about)

    def name(self, node: Node, text: str | None = None, each: bool = False) -> Name:
        text = text if text is not None else node.text()
        first = text.startswith("applicant.")
        bare = text.removeprefix("applicant.")
        if not first and text in self.figures:
            found = Name(text, self.figures[text].kind, figure=True)
        elif bare in self.columns:
            column = self.columns[bare]
            found = Name(bare, Kind(not first, column.money), first=first, column=column)
            self.used.add(f"applicant.{bare}" if first else f"each.{bare}")
        else:
            raise node.wrong(f"unknown name `{text}`{meant(text, [*self.figures, *self.columns])}")
        if found.figure:
            self.used.add(text)
        if found.kind.each and not each and not self.each:
            raise node.wrong(f"`{text}` is said of each candidate: write applicant.…, or some_candidate: {{…}}")
        return found

    def when(self, node: Node, each: bool = False) -> When:
        tests: list[Test] = []
        some: list[Test] = []
        for key, wanted in node.mapping().items():
            if key == "some_candidate":
                for inner, value in wanted.mapping().items():
                    some += self._tests(self.name(value, inner, each=True), value)
            else:
                tests += self._tests(self.name(wanted, key, each), wanted)
        return When(tuple(tests), tuple(some))

    def _tests(self, left: Name, node: Node) -> list[Test]:
        if isinstance(node.value, dict):
            return [Test(left, op, self._right(left, value)) for op, value in node.keys((), [*COMPARISONS][:4]).items()]
        if isinstance(node.value, list):
            return [Test(left, "is", tuple(self._literal(left, item) for item in node.value))]
        return [Test(left, "is", self._literal(left, node))]

    def _right(self, left: Name, node: Node) -> Name | int:
        return self.name(node) if isinstance(node.value, str) else self._literal(left, node)

    def _literal(self, left: Name, node: Node) -> int:
        codes = left.column.codes if left.column else None
        if codes is not None:
            if node.value not in codes:
                words = [str(code).lower() for code in codes]
                raise node.wrong(f"unknown value `{node.value}` of {left.name}{meant(str(node.value), words)}")
            return codes[node.value]
        if isinstance(node.value, bool) or not isinstance(node.value, int | Decimal):
            raise node.wrong(f"a number is expected, not {node.value!r}")
        return scaled(node.value, 100 if left.kind.money else 1)

    def parameter(self, node: Node, name: str | None = None) -> Parameter:
        name = name if name is not None else node.text()
        if name not in self.parameters:
            raise node.wrong(f"unknown parameter `{name}`{meant(name, self.parameters)}")
        return self.parameters[name]

    def figure(self, name: str, node: Node) -> Figure:
        """Compile a figure; the one verb it has is the key it is known by."""
        verb = next((verb for verb in VERBS if verb in node.mapping()), None)
        if verb is None:
            raise node.wrong(f"figure `{name}` has no verb{meant(next(iter(node.mapping()), ''), VERBS)}")
        self.used = set()
        optional, make = VERBS[verb]
        spec = node.keys((verb,), ("about", "mark", *optional))
        each = self.each or ("about" in spec and bool(spec["about"].one_of(("each_candidate",), "subject")))
        kind, compiled = make(self, name, spec, each)
        self.figures[name] = Figure(name, kind, compiled, frozenset(self.used))
        return self.figures[name]


Made = tuple[Kind, Verb]


def scaled(number: Any, scale: int) -> int:
    """A number of a rule file as an integer: euro in cents, an index in hundredths (half up)."""
    return int((Decimal(number) * scale).to_integral_value(ROUND_HALF_UP))


def _latest(scope: Scope, name: str, spec: dict[str, Node], each: bool) -> Made:
    of = spec["latest"].keys(("of", "by", "years_back"), ("nil_hides_older",))
    for key in ("sum", "index", "none"):
        if key not in spec:
            raise spec["latest"].wrong(f"`{key}` is missing")
    assessments = [fact.name for fact in scope.facts.values() if fact.type == "assessments"]
    fact = scope.facts[of["of"].one_of(assessments, "list of assessments")]
    amounts = tuple(item.one_of(fact.amounts, "amount") for item in spec["sum"])
    index = spec["index"].keys(("by", "from", "to"))
    index["to"].one_of(("year_before_registration",), "year")
    low, high = (item.of(int, "a number of years") for item in of["years_back"])
    mark = of["nil_hides_older"].one_of("SDFK", "mark") if "nil_hides_older" in of else "S"
    scope.used.add(f"fact.{fact.name}")
    bit = scope.marks.bit(f"{name}.nil_hides_older") if mark in PROVISIONAL else 0
    return Kind(True, True), Latest(name, fact.name, (low, high), amounts, scope.parameter(index["by"]), bit)


def _years(scope: Scope, name: str, spec: dict[str, Node], each: bool) -> Made:
    return Kind(True, False), Years(scope.name(spec["years"], each=True))


def _per_year(scope: Scope, name: str, spec: dict[str, Node], each: bool) -> Made:
    of = spec["per_year"].keys(("amount", "months"))
    bit = scope.marks.bit(name) if "mark" in spec and spec["mark"].one_of("SDFK", "mark") in PROVISIONAL else 0
    return Kind(True, True), PerYear(scope.name(of["amount"], each=True), scope.name(of["months"], each=True), bit)


def _choose(scope: Scope, name: str, spec: dict[str, Node], each: bool) -> Made:
    branches: list[tuple[When, Name | int]] = []
    for when, node in _branches(scope, spec["choose"], each):
        branches.append((when, node.value if type(node.value) is int else scope.name(node, each=each)))
    money = any(isinstance(branch, Name) and branch.kind.money for _, branch in branches)
    return Kind(each, money), Choose(tuple(branches))


def _branches(scope: Scope, node: Node, each: bool) -> list[tuple[When, Node]]:
    """[{when, is}, …, {otherwise}]"""
    *firsts, last = node.items()
    pairs = [first.keys(("when", "is")) for first in firsts]
    otherwise = last.keys(("otherwise",))["otherwise"]
    return [(scope.when(pair["when"], each), pair["is"]) for pair in pairs] + [(When(()), otherwise)]


def _sum(scope: Scope, name: str, spec: dict[str, Node], each: bool) -> Made:
    for key, only in (("over", "candidates"), ("round", "cent")):
        if key not in spec:
            raise spec["sum"].wrong(f"`{key}` is missing: {key}: {only}")
        spec[key].one_of((only,), key)
    of = scope.name(spec["sum"], each=True)
    return Kind(False, of.kind.money), Sum(of)


def _count(scope: Scope, name: str, spec: dict[str, Node], each: bool) -> Made:
    of = spec["count"].one_of(("candidates", "co_residents"), "group")
    if of == "candidates":
        return Kind(False, False), CountCandidates(
            scope.when(spec["where"], each=True) if "where" in spec else When(())
        )
    counts = _profiles(scope, spec["where"]) if "where" in spec else (True,) * 2 ** len(scope.profile)
    if "weight" not in spec:
        return Kind(False, False), CountCoResidents(counts, (False,) * len(counts), None, "")
    weight = spec["weight"].keys(("when", "is"))
    parameter_name, _, column = weight["is"].text().partition(".")
    parameter = scope.parameter(weight["is"], parameter_name)
    if column not in parameter.columns:
        raise weight["is"].wrong(f"unknown column `{column}`{meant(column, parameter.columns)}")
    return Kind(False, False), CountCoResidents(counts, _profiles(scope, weight["when"]), parameter, column)


def _profiles(scope: Scope, node: Node) -> tuple[bool, ...]:
    wanted = {}
    for key, value in node.mapping().items():
        if key not in scope.profile:
            raise value.wrong(f"unknown fact of a co-resident `{key}`{meant(key, scope.profile)}")
        wanted[scope.profile.index(key)] = value.of(bool, "true or false")
        scope.used |= {f"co_resident.{key}"}
    return tuple(all(bool(p >> at & 1) == yes for at, yes in wanted.items()) for p in range(2 ** len(scope.profile)))


def _from(scope: Scope, name: str, spec: dict[str, Node], each: bool) -> Made:
    parameter = scope.parameter(spec["from"])
    if "column" not in spec:
        raise spec["from"].wrong("`column` is missing")
    columns = [(when, is_.one_of(parameter.columns, "column")) for when, is_ in _branches(scope, spec["column"], False)]
    plus = spec["plus"].keys((), parameter.columns) if "plus" in spec else {}
    named = tuple((column, scope.name(node)) for column, node in plus.items())
    return Kind(False, parameter.unit == "euro"), FromTable(parameter, tuple(columns), named)


PROVISIONAL = ("K", "F")
VERBS: dict[str, tuple[tuple[str, ...], Callable[[Scope, str, dict[str, Node], bool], Made]]] = {
    "latest": (("sum", "index", "none"), _latest),
    "years": ((), _years),
    "per_year": ((), _per_year),
    "choose": ((), _choose),
    "count": (("where", "weight"), _count),
    "from": (("column", "plus"), _from),
    "sum": (("over", "round"), _sum),
}
