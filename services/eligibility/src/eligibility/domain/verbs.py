"""The verbs of the rule language: one class each, which reads, computes, describes and explains itself. Nothing else names one.

A new verb is a subclass of `Verb`: its fields are the keys that may stand in a figure, the first of them the one it is known by.
Completions try amounts at nil and where a sum meets what it is compared with, and days at the ages that are compared with:
nothing else may be compared, or a household could be decided by an amount that was never tried.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema

from eligibility.domain.facts import FULL_YEAR, NEW_YEAR, SURE, UNKNOWN, Column, Fact, profile
from eligibility.domain.figures import COMPARISONS, Ints, Marks, Name, Table, Test, Value, When, first
from eligibility.domain.parameters import Parameter
from eligibility.domain.source import Mark, Node, Placed, Shape, Words, meant

MILLION = 10**6


@dataclass(frozen=True)
class Figure:
    """each, money: as of `Name`; names: what it reads, as figures, each.COLUMN, applicant.COLUMN, co_resident.FACT, fact.FACT."""

    name: str
    each: bool
    money: bool
    by: "Verb"
    names: frozenset[str]
    tests: tuple[Test, ...]


@dataclass
class Scope:
    """The names that can be written at this place of a file, and those used and tested there so far."""

    facts: Mapping[str, Fact]
    parameters: Mapping[str, Parameter]
    marks: Marks
    columns: Mapping[str, Column] = field(default_factory=dict)
    each: bool = False  # a rule about each candidate or thing: every fact is at hand
    figures: dict[str, Figure] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    tests: list[Test] = field(default_factory=list)

    def name(self, node: Node, text: str | None = None, each: bool = False) -> Name:
        text = str(node.value if text is None else text)
        first, bare = text.startswith("applicant."), text.removeprefix("applicant.")
        if text in self.figures:
            of = self.figures[text]
            found = Name(text, of.each, of.money, figure=True)
            self.used.add(text)
        elif bare in self.columns:
            column = self.columns[bare]
            found = Name(bare, not first, column.money, first=first, column=column)
            self.used.add(f"applicant.{bare}" if first else f"each.{bare}")
        else:
            raise node.wrong(f"unknown name `{text}`{meant(text, [*self.figures, *self.columns])}")
        if found.each and not each and not self.each:
            raise node.wrong(f"`{text}` is a value of each candidate: write applicant.…, or some_candidate: {{…}}")
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
        self.tests += tests + some
        return When(tuple(tests), tuple(some))

    def _tests(self, left: Name, node: Node) -> list[Test]:
        if node.value in ([], {}):
            raise node.wrong("an empty list: nothing is one of these" if node.value == [] else "nothing is compared")
        if isinstance(node.value, dict):
            return [Test(left, op, self._right(left, value)) for op, value in node.mapping().items()]
        if isinstance(node.value, list):
            return [Test(left, "is", tuple(self._literal(left, item) for item in node))]
        return [Test(left, "is", self._literal(left, node))]

    def _right(self, left: Name, node: Node) -> Name | int:
        if not isinstance(node.value, str):
            return self._literal(left, node)
        right = self.name(node)
        if not (left.figure and right.figure) or left.each or right.each or left.money != right.money:
            raise node.wrong(f"`{left.name}` and `{right.name}` are not two amounts, or two numbers, of the household")
        return right

    def _literal(self, left: Name, node: Node) -> int:
        codes = left.column.codes if left.column else None
        if codes is not None:
            if not isinstance(node.value, str | bool) or node.value not in codes:
                words = [str(code).lower() for code in codes]
                raise node.wrong(f"unknown value `{node.value}` of {left.name}{meant(str(node.value), words)}")
            return codes[node.value]
        if left.money and node.number():
            raise node.wrong("an amount of the law stands in parameters/, where its year and source are said")
        if left.column and self.facts[left.column.fact].type == "date":
            raise node.wrong(f"a day is not compared with a number: say `years: {left.name}`")
        return node.whole()

    def column(self, node: Node, fits: Callable[[Column], bool], what: str) -> Name:
        found = self.name(node, each=True)
        if found.column is None or not fits(found.column):
            raise node.wrong(f"`{found.name}` is not {what}")
        return found

    def figure(self, name: str, verb: "Verb") -> None:
        """Bind a figure: from here on its name may be used."""
        self.used, self.tests, verb._name = set(), [], name
        each, money = verb.bind(self, name)
        # else pydantic looks each of them up anew, at every evaluation
        vars(verb).update(verb.__pydantic_private__ or {})
        self.figures[name] = Figure(name, each, money, verb, frozenset(self.used), tuple(self.tests))


VALUE = {"type": ["string", "boolean", "number"]}
COMPARED = {one: {"type": ["number", "string"]} for one in COMPARISONS if one != "is"}
TESTS: dict[str, Any] = {
    "type": "object",
    "description": "All must hold. A name is a value, one of a list of values, or compared with a number or a figure.",
    "properties": {"some_candidate": {"type": "object", "minProperties": 1, "description": "All of it of one of them."}},
    "additionalProperties": {"anyOf": [
        VALUE, {"type": "array", "minItems": 1, "items": VALUE},
        {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": COMPARED},
    ]},
}  # fmt: skip


def _compared(tests: Any) -> Any:
    """Refuses unknown comparisons; the names are resolved by the scope."""
    for name, wanted in tests.items() if isinstance(tests, dict) else ():
        if name == "some_candidate":
            _compared(wanted)
        elif isinstance(wanted, Placed):
            wanted.node.keys((), COMPARED)
    return tests


Tests = Annotated[dict[str, Any], BeforeValidator(_compared), WithJsonSchema(TESTS)]
EachCandidate = Literal["each_candidate"]


class Branch(Shape):
    """The value `is` where `when` holds; the last branch is `otherwise`."""

    when: Tests | None = None
    is_: str | int | None = Field(None, alias="is")
    otherwise: str | int | None = None
    """The value where no branch before it holds."""


Branches = Annotated[list[Branch], Field(json_schema_extra={"minItems": 1})]


class Verb(Shape):
    """How a figure is computed.

    says: what it does, in both languages, where texts.yaml has no `verb_KEY`. parts: the columns that it reads itself of each
    candidate, from its `fact`. counts_years, sums: what it is compared with tells at which days, or amounts, an outcome may turn.
    """

    known: ClassVar[dict[str, type["Verb"]]] = {}
    key: ClassVar[str] = ""
    says: ClassVar[Mapping[str, str]] = {}
    parts: ClassVar[tuple[str, ...]] = ()
    counts_years: ClassVar[bool] = False
    sums: ClassVar[bool] = False
    _name: str = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        name, key = next(iter(cls.model_fields.items()))
        cls.key = key.alias or name
        Verb.known[cls.key] = cls

    @classmethod
    def kind_of(cls, node: Node) -> Any:
        if cls is not Verb:
            return cls
        key = next((key for key in Verb.known if key in node.mapping()), None)
        if key is None:
            raise node.wrong(f"a figure has no verb{meant(next(iter(node.mapping()), ''), Verb.known)}")
        return Verb.known[key]

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        """Resolve its names. Returns two flags: a value of each candidate, an amount in cents. Raises `WrongRuleFile`."""
        raise NotImplementedError

    def evaluate(self, table: Table) -> Value:
        raise NotImplementedError

    def chosen(self, table: Table) -> list[str] | None:
        """The figures or numbers chosen, of a verb that chooses."""
        return None

    def rows(self, table: Table, day: int) -> Iterator[tuple[Parameter, int, Iterable[str]]]:
        """The rows of the law's figures that it used: parameter, a day of the row, columns."""
        yield from ()

    @property
    def name(self) -> str:
        """That of the figure."""
        return self._name

    @property
    def fact(self) -> str:
        """The fact that it reads itself."""
        return ""

    @property
    def parameters(self) -> list[Parameter]:
        return [one for one in (self.__pydantic_private__ or {}).values() if isinstance(one, Parameter)]

    @property
    def kinds(self) -> Sequence[Ints]:
        """Of a count of co-residents: 1 for each combination of their facts that counts alike."""
        return ()

    def read(self, person: Mapping[str, Any], year: int) -> Sequence[int]:
        """The values of its parts."""
        return ()

    def unknown(self, year: int) -> Mapping[str, tuple[int, ...]]:
        """The values tried in each part where the fact is unknown; the first part is the unknown amount."""
        return {}


class LatestOf(Shape):
    of: str
    """The fact that holds the assessments."""
    by: Literal["year"]
    years_back: list[int] = Field(
        json_schema_extra={"minItems": 2, "maxItems": 2, "items": {"type": "integer", "minimum": 0}}
    )
    """The youngest and the oldest that count, in years before the year of the test."""
    nil_hides_older: Mark | None = None
    """The mark of: the most recent counts, also one of nil."""


class Index(Shape):
    by: str
    """The parameter."""
    of: Literal["year"] = Field(alias="from")
    to: Literal["year_before_registration"]


class Latest(Verb):
    """Of each candidate the most recent assessment, its amounts summed and brought to the year of the test."""

    latest: LatestOf
    sum: Words
    """The kinds of income that count."""
    index: Index
    """By which index, from the year of the assessment to the year before that of the test; the factor has six decimals."""
    about: EachCandidate | None = None
    parts = ("year", "amount", "hides")
    _index: Parameter
    _bit: int

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        assessments = [fact.name for fact in scope.facts.values() if fact.type == "assessments"]
        fact = scope.facts[self.under("latest", "of").one_of(assessments, "list of assessments")]
        for item in self.under("sum"):
            item.one_of(fact.amounts, "amount")
        back, by = self.under("latest", "years_back"), self.under("index", "by")
        if len(years := self.latest.years_back) != 2 or not 0 <= years[0] <= years[1]:
            raise back.wrong("the youngest and the oldest year are expected, such as [1, 3]")
        self._index = scope.parameters[by.one_of(scope.parameters, "parameter")]
        if self._index.spec.unit != "index":
            raise by.wrong(f"`{self._index.name}` is no index, but in {self._index.spec.unit}")
        scope.used.add(f"fact.{fact.name}")
        self._bit = scope.marks.bit(f"{name}.nil_hides_older", self.latest.nil_hides_older)
        return True, True

    @property
    def fact(self) -> str:
        return self.latest.of

    def read(self, person: Mapping[str, Any], year: int) -> Sequence[int]:
        """The year that counts (0: none), its amount, and whether that is nil and hides an older one that is not."""
        if (incomes := person[self.latest.of]) is None:
            return 0, UNKNOWN, 0
        low, high = year - self.latest.years_back[1], year - self.latest.years_back[0]
        counted = sorted([one for one in incomes if low <= one["year"] <= high], key=itemgetter("year"), reverse=True)
        amounts = [sum([one[name] for name in self.sum]) for one in counted]
        return (counted[0]["year"], amounts[0], int(not amounts[0] and any(amounts))) if counted else (0, 0, 0)

    def unknown(self, year: int) -> Mapping[str, tuple[int, ...]]:
        return {"amount": SURE, "year": (year - 1,) * len(SURE)}

    def evaluate(self, table: Table) -> Value:
        year, amount, hides = (table.cells[f"{self._name} {part}"] for part in self.parts)
        to = table.day // FULL_YEAR - 1
        indexed = (year > 0) & (year != to) & table.present  # of last year: counts as it is
        if not indexed.any():
            return Value(amount, hides * self._bit)
        at = self._index.row(np.where(indexed, year, to) * FULL_YEAR + NEW_YEAR, indexed, table)
        row = self._index.row(to * FULL_YEAR + NEW_YEAR, indexed.any(axis=1, keepdims=True), table)
        h = next(iter(self._index.columns.values()))
        factor = np.where(indexed, (2 * MILLION * h[row] + h[at]) // (2 * h[at]), MILLION)  # six decimals, half up
        marks = np.where(indexed, self._index.bits[at] | self._index.bits[row], 0) + hides * self._bit
        return Value(amount * factor, marks, MILLION)

    def rows(self, table: Table, day: int) -> Iterator[tuple[Parameter, int, Iterable[str]]]:
        last = day // FULL_YEAR - 1
        years = {int(year) for year in np.unique(table.cells[f"{self._name} year"])} - {0, last}
        for year in sorted(years | ({last} if years else set())):
            yield self._index, year * FULL_YEAR + NEW_YEAR, self._index.columns


class Years(Verb):
    """Full years from a date to the day of the test."""

    years: str
    """The date."""
    about: EachCandidate | None = None
    counts_years = True
    _of: Name

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        self._of = scope.column(self.under("years"), lambda column: scope.facts[column.fact].type == "date", "a date")
        return True, False

    def evaluate(self, table: Table) -> Value:
        return Value((table.day - self._of.read(table).num) // FULL_YEAR)


class Months(Shape):
    amount: str
    months: str


class PerYear(Verb):
    """The income of some months, brought to a year: × 12 ÷ months."""

    per_year: Months
    about: EachCandidate | None = None
    mark: Mark | None = None
    _amount: Name
    _months: Name
    _bit: int

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        of = self.per_year
        self._amount = scope.column(of.under("amount"), lambda column: column.money, "an amount")
        self._months = scope.column(of.under("months"), lambda c: c.name.endswith(".months"), "a number of months")
        self._bit = scope.marks.bit(name, self.mark)
        return True, True

    def evaluate(self, table: Table) -> Value:
        months = np.maximum(self._months.read(table).num, 1)
        return Value(self._amount.read(table).num * 12, self._bit, months)


class Choose(Verb):
    """The first branch that holds; its marks, and those of the tests up to it."""

    choose: Branches
    about: EachCandidate | None = None
    _branches: list[tuple[When, Name | int]]

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        each = scope.each or self.about is not None
        self._branches = [
            (when, scope.name(node, each=each) if isinstance(node.value, str) else node.whole())
            for when, node in _bound(scope, self.under("choose"), self.choose, each)
        ]
        money = any(isinstance(to, Name) and to.money for _, to in self._branches)
        given = (to.money and to.column and not each if isinstance(to, Name) else to for _, to in self._branches)
        if money and any(given):
            raise self.under("choose").wrong("an amount stands in parameters/, or is the sum over the candidates")
        return each, money

    def evaluate(self, table: Table) -> Value:
        targets = (to for _, to in self._branches)
        values = [to.read(table) if isinstance(to, Name) else Value(np.array([[to]])) for to in targets]
        return first(self._branches, values, table)

    def chosen(self, table: Table) -> list[str]:
        return [to.name if isinstance(to, Name) else str(to) for to in _came_to(self._branches, table)]


class Weight(Shape):
    when: Tests
    """Of whom."""
    is_: str = Field(alias="is")
    """For how many: parameter.column."""


class Count(Verb):
    """How many persons move along; some co-residents may count for more."""

    count: Literal["candidates", "co_residents"]
    where: Tests | None = None
    """Which of them."""
    weight: Weight | None = None
    _where: When
    _plain: Ints  # co-residents are interchangeable: 1 for each combination of their facts that counts for one,
    _heavy: Ints  # or as often as a column of a parameter says
    _weight: Parameter | None = None
    _column: str = ""

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        if self.count == "candidates":
            if self.weight or scope.each:
                raise self.place.wrong("candidates are counted of the household, and each counts for one")
            self._where = scope.when(self.under("where"), each=True) if self.where is not None else When()
            return False, False
        counted = _profiles(scope, self.under("where") if self.where is not None else None)
        self._heavy = counted * 0
        if self.weight:
            columns = {f"{name}.{column}": (p, column) for name, p in scope.parameters.items() for column in p.columns}
            self._weight, self._column = columns[self.weight.under("is").one_of(columns, "column")]
            self._heavy = counted * _profiles(scope, self.weight.under("when"))
        self._plain = counted - self._heavy
        return False, False

    @property
    def kinds(self) -> Sequence[Ints]:
        return (self._plain, self._heavy) if self.count == "co_residents" else ()

    def evaluate(self, table: Table) -> Value:
        if self.count == "candidates":
            holds = table.present & self._where.holds(table)[0]
            return Value(holds.sum(axis=1, keepdims=True, dtype=np.int64))
        plain, heavy = table.profiles @ self._plain[:, None], table.profiles @ self._heavy[:, None]
        if self._weight is None or not heavy.any():
            return Value(plain)
        row = self._weight.row(table.day, heavy > 0, table)
        marks = np.where(heavy > 0, self._weight.bits[row], 0)
        return Value(plain + heavy * self._weight.columns[self._column][row], marks)

    def rows(self, table: Table, day: int) -> Iterator[tuple[Parameter, int, Iterable[str]]]:
        if self._weight and (table.profiles @ self._heavy).any():
            yield self._weight, day, self._weight.columns


class FromTable(Verb):
    """A column of the row of that day, plus columns times figures."""

    parameter: str = Field(alias="from")
    column: Branches
    plus: dict[str, str] = {}
    _parameter: Parameter
    _branches: list[tuple[When, str]]
    _plus: list[tuple[str, Name]]

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        self._parameter = scope.parameters[self.under("from").one_of(scope.parameters, "parameter")]
        columns, bound = self._parameter.columns, _bound(scope, self.under("column"), self.column)
        self._branches = [(when, node.one_of(columns, "column")) for when, node in bound]
        plus = self.under("plus").keys((), columns) if self.plus else {}
        self._plus = [(column, scope.name(node)) for column, node in plus.items()]
        return False, self._parameter.spec.unit == "euro"

    def evaluate(self, table: Table) -> Value:
        row = self._parameter.row(table.day, True, table)
        values = [Value(self._parameter.columns[column][row]) for _, column in self._branches]
        amount, marks, _ = first(self._branches, values, table)
        marks = marks | self._parameter.bits[row]
        for column, name in self._plus:
            times = name.read(table)
            amount, marks = amount + self._parameter.columns[column][row] * times.num, marks | times.marks
        return Value(amount, marks)

    def rows(self, table: Table, day: int) -> Iterator[tuple[Parameter, int, Iterable[str]]]:
        yield self._parameter, day, (*_came_to(self._branches, table), *self.plus)


class Sum(Verb):
    """Over the candidates, exact, and then rounded once: half up, to the cent."""

    sum: str
    """The amount of each candidate that is summed."""
    over: Literal["candidates"]
    round: Literal["cent"]
    """Once, at the end, half up."""
    sums = True
    _of: Name

    def bind(self, scope: Scope, name: str) -> tuple[bool, bool]:
        self._of = scope.name(self.under("sum"), each=True)
        if scope.each or not self._of.each or not self._of.money:
            raise self.under("sum").wrong("the sum of what is no amount of each candidate, or not for the household")
        return False, True

    def evaluate(self, table: Table) -> Value:
        num, marks, den = self._of.read(table)
        below: Any = den
        if not isinstance(den, int):
            below = np.lcm.reduce(np.where(table.present, den, 1), axis=1, keepdims=True)
        total = np.where(table.present, num * (below // den), 0).sum(axis=1, keepdims=True)
        if not isinstance(marks, int):
            marks = np.bitwise_or.reduce(np.where(table.present, marks, 0), axis=1, keepdims=True)
        return Value((2 * total + below) // (2 * below), marks)


def _bound(scope: Scope, node: Node, branches: Sequence[Branch], each: bool = False) -> Iterator[tuple[When, Node]]:
    """[{when, is}, …, {otherwise}]"""
    if not branches:
        raise node.wrong("a list that ends with {otherwise: …} is expected")
    for branch in branches[:-1]:
        branch.place.keys(("when", "is"))
        yield scope.when(branch.under("when"), each), branch.under("is")
    yield When(), branches[-1].place.keys(("otherwise",))["otherwise"]


def _came_to(branches: Sequence[tuple[When, Any]], table: Table) -> list[Any]:
    """The targets of the first branches that hold, over all completions and persons, each once."""
    open_, found = table.present, dict[Any, None]()
    for when, target in branches:
        holds = open_ & when.holds(table)[0]
        if holds.any():
            found[target] = None
        open_ = open_ & ~holds
    return list(found)


def _profiles(scope: Scope, node: Node | None) -> Ints:
    """1 for each combination of the co-residents' facts that is meant."""
    names = profile(scope.facts)
    wanted = node.keys((), names) if node else {}
    for value in wanted.values():
        if not isinstance(value.value, bool):
            raise value.wrong(f"true or false is expected, not {value.value!r}")
    scope.used |= {f"co_resident.{name}" for name in wanted}
    yes = [(names.index(name), value.value) for name, value in wanted.items()]
    return np.array([all(bool(p >> at & 1) == is_ for at, is_ in yes) for p in range(2 ** len(names))], np.int64)
