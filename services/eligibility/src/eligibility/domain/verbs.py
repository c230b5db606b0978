"""How figures and `when` are written: the keys of each verb, what a name may mean, and what is refused.

Completions try amounts at nil and where a sum meets what it is compared with, and days at the ages that are compared with:
nothing else may be compared, or a household could be decided by an amount that was never tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from eligibility.domain.facts import Column, Fact, profile
from eligibility.domain.figures import (
    COMPARISONS,
    Choose,
    CountCandidates,
    CountCoResidents,
    Figure,
    FromTable,
    Ints,
    Latest,
    Marks,
    Name,
    Parameter,
    PerYear,
    Sum,
    Test,
    Verb,
    When,
    Years,
)
from eligibility.domain.source import Node, meant

Made = tuple[bool, bool, Verb]  # said of each candidate, in cents


@dataclass
class Scope:
    """What a name may mean at this place of a file, and what has been used and tested there so far."""

    facts: Mapping[str, Fact]
    parameters: Mapping[str, Parameter]
    marks: Marks
    columns: Mapping[str, Column] = field(default_factory=dict)
    each: bool = False  # a rule about each candidate or thing: every fact is at hand
    figures: dict[str, Figure] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    tests: list[Test] = field(default_factory=list)

    def name(self, node: Node, text: str | None = None, each: bool = False) -> Name:
        text = text if text is not None else node.text()
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
        self.tests += tests + some
        return When(tuple(tests), tuple(some))

    def _tests(self, left: Name, node: Node) -> list[Test]:
        if node.value in ([], {}):
            raise node.wrong("an empty list: nothing is one of these" if node.value == [] else "nothing is compared")
        if isinstance(node.value, dict):
            return [Test(left, op, self._right(left, value)) for op, value in node.keys((), [*COMPARISONS][:4]).items()]
        if isinstance(node.value, list):
            return [Test(left, "is", tuple(self._literal(left, item) for item in node.value))]
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

    def figure(self, name: str, node: Node) -> Figure:
        """Compile a figure; the one verb it has is the key it is known by."""
        verb = next((verb for verb in VERBS if verb in node.mapping()), None)
        if verb is None:
            raise node.wrong(f"figure `{name}` has no verb{meant(next(iter(node.mapping()), ''), VERBS)}")
        required, optional, make = VERBS[verb]
        spec = node.keys((verb, *required), optional)
        self.used, self.tests = set(), []
        each, money, by = make(self, name, spec)
        self.figures[name] = Figure(name, verb, each, money, by, frozenset(self.used), tuple(self.tests), node)
        return self.figures[name]


def _latest(scope: Scope, name: str, spec: dict[str, Node]) -> Made:
    of = spec["latest"].keys(("of", "by", "years_back"), ("nil_hides_older",))
    index = spec["index"].keys(("by", "from", "to"))
    _only(spec | {"by": of["by"], "from": index["from"], "to": index["to"]}, about="each_candidate", **YEARS)
    assessments = [fact.name for fact in scope.facts.values() if fact.type == "assessments"]
    fact = scope.facts[of["of"].one_of(assessments, "list of assessments")]
    amounts = tuple(item.one_of(fact.amounts, "amount") for item in spec["sum"])
    years = tuple(item.whole() for item in of["years_back"])
    if len(years) != 2 or not 0 <= years[0] <= years[1]:
        raise of["years_back"].wrong("the youngest and the oldest year are expected, such as [1, 3]")
    parameter = scope.parameters[index["by"].one_of(scope.parameters, "parameter")]
    if parameter.unit != "index":
        raise index["by"].wrong(f"`{parameter.name}` is no index, but in {parameter.unit}")
    scope.used.add(f"fact.{fact.name}")
    bit = scope.marks.bit(f"{name}.nil_hides_older", of.get("nil_hides_older"))
    return True, True, Latest(name, fact.name, (years[0], years[1]), amounts, parameter, bit)


def _years(scope: Scope, name: str, spec: dict[str, Node]) -> Made:
    _only(spec, about="each_candidate")
    born_on = scope.column(spec["years"], lambda column: scope.facts[column.fact].type == "date", "a date")
    return True, False, Years(born_on)


def _per_year(scope: Scope, name: str, spec: dict[str, Node]) -> Made:
    _only(spec, about="each_candidate")
    of = spec["per_year"].keys(("amount", "months"))
    amount = scope.column(of["amount"], lambda column: column.money, "an amount")
    months = scope.column(of["months"], lambda column: column.name.endswith(".months"), "a number of months")
    return True, True, PerYear(amount, months, scope.marks.bit(name, spec.get("mark")))


def _choose(scope: Scope, name: str, spec: dict[str, Node]) -> Made:
    _only(spec, about="each_candidate")
    each = scope.each or "about" in spec
    branches: list[tuple[When, Name | int]] = []
    for when, node in _branches(scope, spec["choose"], each):
        branches.append((when, scope.name(node, each=each) if isinstance(node.value, str) else node.whole()))
    money = any(isinstance(to, Name) and to.money for _, to in branches)
    if money and any(to.money and to.column and not each if isinstance(to, Name) else to for _, to in branches):
        raise spec["choose"].wrong("an amount stands in parameters/, or is the sum over the candidates")
    return each, money, Choose(tuple(branches))


def _sum(scope: Scope, name: str, spec: dict[str, Node]) -> Made:
    _only(spec, over="candidates", round="cent")
    of = scope.name(spec["sum"], each=True)
    if scope.each or not of.each or not of.money:
        raise spec["sum"].wrong("the sum of what is no amount of each candidate, or not for the household")
    return False, True, Sum(of)


def _count(scope: Scope, name: str, spec: dict[str, Node]) -> Made:
    of = spec["count"].one_of(("candidates", "co_residents"), "group")
    if of == "candidates":
        if "weight" in spec or scope.each:
            raise spec["count"].wrong("candidates are counted of the household, and each counts for one")
        return False, False, CountCandidates(scope.when(spec["where"], each=True) if "where" in spec else When())
    counts = _profiles(scope, spec.get("where"))
    if "weight" not in spec:
        return False, False, CountCoResidents(counts, counts * 0)
    weight = spec["weight"].keys(("when", "is"))
    columns = {f"{name}.{column}": (p, column) for name, p in scope.parameters.items() for column in p.columns}
    parameter, column = columns[weight["is"].one_of(columns, "column")]
    heavy = counts * _profiles(scope, weight["when"])
    return False, False, CountCoResidents(counts - heavy, heavy, parameter, column)


def _profiles(scope: Scope, node: Node | None) -> Ints:
    """1 for each combination of the co-residents' facts that is meant."""
    names = profile(scope.facts)
    wanted = node.keys((), names) if node else {}
    scope.used |= {f"co_resident.{name}" for name in wanted}
    yes = [(names.index(name), value.of(bool, "true or false")) for name, value in wanted.items()]
    return np.array([all(bool(p >> at & 1) == is_ for at, is_ in yes) for p in range(2 ** len(names))], np.int64)


def _from(scope: Scope, name: str, spec: dict[str, Node]) -> Made:
    parameter = scope.parameters[spec["from"].one_of(scope.parameters, "parameter")]
    branches = [(when, is_.one_of(parameter.columns, "column")) for when, is_ in _branches(scope, spec["column"])]
    plus = spec["plus"].keys((), parameter.columns) if "plus" in spec else {}
    times = [(column, scope.name(node)) for column, node in plus.items()]
    return False, parameter.unit == "euro", FromTable(parameter, tuple(branches), tuple(times))


def _branches(scope: Scope, node: Node, each: bool = False) -> list[tuple[When, Node]]:
    """[{when, is}, …, {otherwise}]"""
    if not node.items():
        raise node.wrong("a list that ends with {otherwise: …} is expected")
    *firsts, last = node
    pairs = [first.keys(("when", "is")) for first in firsts]
    otherwise = last.keys(("otherwise",))["otherwise"]
    return [(scope.when(pair["when"], each), pair["is"]) for pair in pairs] + [(When(), otherwise)]


def _only(spec: Mapping[str, Node], **words: str) -> None:
    """Keys that may say one thing: they are there for the reader."""
    for key, word in words.items():
        if key in spec:
            spec[key].one_of((word,), key)


YEARS = {"by": "year", "from": "year", "to": "year_before_registration"}
VERBS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Scope, str, dict[str, Node]], Made]]] = {
    "latest": (("sum", "index"), ("about",), _latest),
    "years": ((), ("about",), _years),
    "per_year": ((), ("about", "mark"), _per_year),
    "choose": ((), ("about",), _choose),
    "count": ((), ("where", "weight"), _count),
    "from": (("column",), ("plus",), _from),
    "sum": (("over", "round"), (), _sum),
}
"""Each verb: the keys it needs, those it may have, and how it is read."""
