"""A folder of rule files, compiled: facts, parameters through time, and conditions with their figures and rules.

Everything that can be wrong in a rule file is found here, before anybody is decided by it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

import numpy as np

from eligibility.domain.facts import HIGHEST, Column, Fact, compile_facts, profile
from eligibility.domain.figures import FOR_EVER, CountCoResidents, Figure, Marks, Name, Parameter, Sum, Test, When
from eligibility.domain.source import Node, WrongRuleFile, all_of, meant
from eligibility.domain.verbs import Scope

MET, TO_INVESTIGATE, NOT_MET = 0, 1, 2
OUTCOMES = ("met", "to_investigate", "not_met")  # from good to bad: the worst decides
MOMENTS = ("registration", "update", "allocation")
UNITS = {
    "euro": (100, 1, HIGHEST),
    "index": (100, 10_00, 200_00),
    "persons": (1, 1, 100),
}  # scale, and the least and the most: int64 holds sums of the highest amounts, indexed by the highest factor
PLACEHOLDER = re.compile(r"\{(\w+)(?: - (\w+))?\}")


@dataclass(frozen=True)
class Rule:
    """When it holds, the outcome is `then`, unless an exception holds as well: then its outcome is."""

    id: str
    when: When
    then: int
    mark: int
    say: Mapping[str, str] | None
    place: Node
    unless: tuple["Rule", ...] = ()

    def all(self) -> Iterator["Rule"]:
        yield self
        yield from self.unless


@dataclass(frozen=True)
class Condition:
    """One period of a condition. about: the household, or the thing each of which is decided and the worst counts."""

    id: str
    key: str
    title: Mapping[str, str]
    about: str
    effect: str
    start: int
    end: int
    spared: tuple[date, tuple[str, ...]] | None
    figures: tuple[Figure, ...]
    show: tuple[str, ...]
    rules: tuple[Rule, ...]
    tests: tuple[Test, ...]  # of its rules and figures
    columns: tuple[Column, ...]
    applicant_only: frozenset[str]
    facts: tuple[Fact, ...]  # that the outcome can depend on
    co_residents: bool
    place: Node

    def all_rules(self) -> list[Rule]:
        return [rule for first in self.rules for rule in first.all()]

    @property
    def sums(self) -> list[str]:
        return [figure.name for figure in self.figures if isinstance(figure.by, Sum)]

    @property
    def bounds(self) -> list[Name]:
        """What amounts are compared with."""
        names = {test.right.name: test.right for test in self.tests if isinstance(test.right, Name)}
        return [name for name in names.values() if name.money]

    def holds_on(self, day: int) -> bool:
        return self.start <= day <= self.end

    def applies(self, day: int, moment: str, registered_on: date | None) -> bool:
        """Whether it is in force on that day, and who was registered then is not spared it."""
        if self.spared is None or registered_on is None:
            return self.holds_on(day)
        before, moments = self.spared
        return self.holds_on(day) and (moment not in moments or registered_on >= before)


@dataclass(frozen=True)
class RuleBook:
    facts: Mapping[str, Fact]
    parameters: Mapping[str, Parameter]
    conditions: tuple[Condition, ...]
    marks: Marks
    hash: str

    @cached_property
    def profile(self) -> tuple[str, ...]:
        """The co-residents' facts."""
        return profile(self.facts)

    @cached_property
    def lists(self) -> Mapping[str, Fact]:
        """The facts that are lists, by the subject that their things are."""
        return {f"each_{fact.each}": fact for fact in self.facts.values() if fact.each}

    def tells_apart(self, one: int, other: int) -> bool:
        """Whether some count does: two combinations of the co-residents' facts."""
        counts = [f.by for c in self.conditions for f in c.figures if isinstance(f.by, CountCoResidents)]
        return any(kind[one] != kind[other] for count in counts for kind in (count.plain, count.heavy))


def compile_rules(documents: Mapping[str, list[Node]], hash_: str) -> RuleBook:
    """documents: relative path → the documents of that file. Raises `WrongRuleFile`."""
    for name in ("facts.yaml", "figures.yaml"):
        if len(documents.get(name, ())) != 1:
            raise WrongRuleFile(f"{name}:1: this file is missing, or is not one document")
    root = documents["facts.yaml"][0].keys(("conditions", "facts"))
    facts, marks = compile_facts(root["facts"]), Marks()
    order = root["conditions"].texts()
    parameters: dict[str, Parameter] = {}
    for parameter in all_of(lambda node: _parameter(node, marks), _in(documents, "parameters/")):
        if parameters.setdefault(parameter.name, parameter) is not parameter:
            raise parameter.place.wrong(f"parameter `{parameter.name}` stands in another file too")
    shared = documents["figures.yaml"][0].keys(("figures",))["figures"]
    anywhere = Scope(facts, parameters, marks)
    conditions = all_of(lambda node: _condition(node, order, shared, anywhere), _in(documents, "conditions/"))
    if missing := [id_ for id_ in order if id_ not in {condition.id for condition in conditions}]:
        raise root["conditions"].wrong(f"no file gives condition `{missing[0]}`")
    conditions.sort(key=lambda condition: (order.index(condition.id), condition.start))
    _check_periods(conditions)
    if len(marks.names) > 62:
        raise root["facts"].wrong("more than 62 provisional figures and rules: they no longer fit a mask")
    return RuleBook(facts, parameters, tuple(conditions), marks, hash_)


def _in(documents: Mapping[str, list[Node]], folder: str) -> list[Node]:
    return [node for name, nodes in documents.items() if name.startswith(folder) for node in nodes]


def _check_periods(conditions: list[Condition]) -> None:
    for before, after in itertools.pairwise(conditions):
        if before.id == after.id and after.start != before.end + 1:
            what = "overlaps" if after.start <= before.end else "leaves a gap after"
            raise after.place.wrong(f"this period of `{after.id}` {what} the one before it")
    for condition in conditions:
        ids = [rule.id for rule in condition.all_rules()]
        for at, rule in enumerate(condition.all_rules()):
            if rule.id in ids[:at]:
                raise rule.place.wrong(f"rule `{rule.id}` stands here twice")


def _source(spec: Mapping[str, Node]) -> None:
    """The article may be unknown yet (null), but not unsaid; and it is text: 6.10 would become 6.1."""
    article = spec["source"].keys(("act", "article"))["article"]
    if article.value is not None and not isinstance(article.value, str):
        raise article.wrong(f'quote the article: "{article.value}"')


def _period(spec: Mapping[str, Node]) -> tuple[int, int]:
    start, end = spec["from"].of(date, "a first day, such as 2024-01-01,"), spec["through"].day()
    if end is not None and end < start:
        raise spec["through"].wrong(f"{end} lies before {start}")
    return start.toordinal(), end.toordinal() if end else FOR_EVER


def _parameter(node: Node, marks: Marks) -> Parameter:
    spec = node.keys(("parameter", "title", "unit", "source", "known_until", "columns", "rows"), ("mark", "times"))
    name, columns = spec["parameter"].text(), spec["columns"].texts()
    spec["title"].in_two_languages()
    _source(spec)
    unit = spec["unit"].one_of(UNITS, "unit")
    starts: list[int] = []
    ends: list[int] = []
    bits: list[int] = []
    rows: list[list[int]] = []
    for row in spec["rows"]:
        yearly = "year" in row.mapping()
        given = row.keys(("year", *columns) if yearly else ("from", "through", *columns), ("mark",))
        start, end = _year(given["year"]) if yearly else _period(given)
        if starts and start != ends[-1] + 1:
            raise row.wrong(f"this row {'overlaps' if start <= ends[-1] else 'leaves a gap after'} the one before it")
        if "mark" not in given and "mark" not in spec:
            raise row.wrong("`mark` is missing: S (seen), D (deck), F (formula) or K (to be confirmed)")
        label = f"{name}.{date.fromordinal(start).year}" if "mark" in given else name
        bits.append(marks.bit(label, given.get("mark") or spec["mark"]))
        starts.append(start)
        ends.append(end)
        rows.append([_scaled(given[column], *UNITS[unit], spec.get("times")) for column in columns])
    until = spec["known_until"].day()
    if not rows or ends[-1] != (until.toordinal() if until else FOR_EVER):
        raise spec["known_until"].wrong("the last row ends on another day than `known_until`")
    by_column = {column: np.array([row[at] for row in rows], np.int64) for at, column in enumerate(columns)}
    return Parameter(name, unit, np.array(starts), np.array(ends), by_column, np.array(bits, np.int64), node)


def _year(node: Node) -> tuple[int, int]:
    if not date.min.year <= (year := node.of(int, "a year")) <= date.max.year:
        raise node.wrong(f"there is no year {year}")
    return date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()


def _scaled(node: Node, scale: int, least: int, most: int, times: Node | None) -> int:
    """A number as an integer: euro in cents, an index in hundredths. What is multiplied is rounded, half up; nothing else is."""
    exact = Decimal(node.number()) * scale * (times.number() if times else 1)
    number = int(exact.to_integral_value(ROUND_HALF_UP))
    if not least <= number <= most or (number != exact and not times):
        raise node.wrong(f"`{node.value}` is nil or too small, too large, or finer than the unit")
    return number


def _condition(node: Node, order: tuple[str, ...], shared: Node, anywhere: Scope) -> Condition:
    """anywhere: what every condition can name."""
    facts = anywhere.facts
    required = ("condition", "title", "source", "valid", "about", "effect", "rules")
    spec = node.keys(required, ("figures", "show", "spared"))
    id_ = spec["condition"].one_of(order, "condition (facts.yaml names them)")
    things = {f"each_{fact.each}": [fact] for fact in facts.values() if fact.each}
    about = spec["about"].one_of(("household", "each_candidate", *things), "subject")
    of = things.get(about) or [fact for fact in facts.values() if fact.type != "list" and "candidate" in fact.about]
    columns = {column.name: column for fact in of for column in fact.columns()}
    _source(spec)
    start, end = _period(spec["valid"].keys(("from", "through")))
    scope = Scope(facts, anywhere.parameters, anywhere.marks, columns, each=about != "household")
    for figures in ([shared] if about == "household" else []) + ([spec["figures"]] if "figures" in spec else []):
        for name, figure in figures.mapping().items():
            scope.figure(name, figure)
    scope.used, scope.tests = set(), []
    show = spec["show"].texts() if "show" in spec else ()
    for name in show:
        if name not in scope.figures:
            raise spec["show"].wrong(f"unknown figure `{name}`{meant(name, scope.figures)}")
        if scope.each or scope.figures[name].each or not scope.figures[name].money:
            raise spec["show"].wrong(f"`{name}` is no amount of the household: nothing else is shown")
    rules = tuple(all_of(lambda rule: _rule(rule, id_, scope, show), spec["rules"]))
    if not rules:
        raise spec["rules"].wrong("no rule: this condition would be met by everybody")
    needed, tests = scope.used | set(show), scope.tests
    for needs in reversed(scope.figures.values()):
        if needs.name in needed:
            needed |= needs.names
            tests += needs.tests
    read = {column.name: {f"each.{column.name}", f"applicant.{column.name}"} & needed for column in columns.values()}
    used = {name.removeprefix("fact.") for name in needed if name.startswith("fact.")}
    used |= {column.fact for column in columns.values() if read[column.name]}
    return Condition(
        id_,
        f"{id_}@{start}",
        spec["title"].in_two_languages(),
        about,
        spec["effect"].one_of(("bar", "duty"), "effect"),
        start,
        end,
        _spared(spec["spared"].keys(("registered_before", "moments"))) if "spared" in spec else None,
        tuple(figure for figure in scope.figures.values() if figure.name in needed),
        show,
        rules,
        tuple(tests),
        tuple(column for column in columns.values() if column.fact in used),
        frozenset(name for name, by in read.items() if by == {f"applicant.{name}"}),
        tuple(fact for fact in facts.values() if fact.name in used or about == f"each_{fact.each}"),
        any(name.startswith("co_resident.") for name in needed),
        node,
    )


def _spared(spec: Mapping[str, Node]) -> tuple[date, tuple[str, ...]]:
    return spec["registered_before"].of(date, "a day"), tuple(
        moment.one_of(MOMENTS, "moment") for moment in spec["moments"]
    )


def _rule(node: Node, condition: str, scope: Scope, show: tuple[str, ...], exception: bool = False) -> Rule:
    spec = node.keys(("id", "when", "then"), ("say", "mark", "source", *(() if exception else ("unless",))))
    id_ = spec["id"].text()
    if not id_.startswith(f"{condition}."):
        raise spec["id"].wrong(f"a rule of `{condition}` is called `{condition}.…`, not `{id_}`")
    if "source" in spec:
        _source(spec)
    then = OUTCOMES.index(spec["then"].one_of(OUTCOMES, "outcome"))
    if then != MET and "say" not in spec:
        raise node.wrong(f"`say` is missing: {OUTCOMES[then]} is explained")
    say = spec["say"].in_two_languages() if "say" in spec else None
    for text in (say or {}).values():
        names = [name for pair in PLACEHOLDER.findall(text.replace("{person}", "")) for name in pair if name]
        if unknown := [name for name in names if name not in show]:
            raise spec["say"].wrong(
                f"unknown figure `{unknown[0]}` (not in `show`){meant(unknown[0], (*show, 'person'))}"
            )
        if {*"{}"} & {*PLACEHOLDER.sub("", text)}:
            raise spec["say"].wrong("in braces stands {person}, {figure} or {figure - figure}")
    return Rule(
        id_,
        scope.when(spec["when"]),
        then,
        scope.marks.bit(id_, spec.get("mark")),
        say,
        node,
        tuple(_rule(one, condition, scope, show, exception=True) for one in spec.get("unless", ())),
    )
