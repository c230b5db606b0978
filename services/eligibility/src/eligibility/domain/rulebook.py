"""A folder of rule files, compiled: facts, parameters through time, and conditions with their figures and rules.

Everything that can be wrong in a rule file is found here, before anybody is decided by it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from eligibility.domain.facts import Column, Fact, compile_facts
from eligibility.domain.figures import (
    FOR_EVER,
    PROVISIONAL,
    Choose,
    Figure,
    FromTable,
    Marks,
    Name,
    Parameter,
    Scope,
    Sum,
    Test,
    When,
    scaled,
)  # fmt: skip
from eligibility.domain.source import Node, WrongRuleFile, all_of, meant

MET, TO_INVESTIGATE, NOT_MET = 0, 1, 2
OUTCOMES = ("met", "to_investigate", "not_met")  # from good to bad: the worst decides
MOMENTS = ("registration", "update", "allocation")
SCALES = {"euro": 100, "index": 100, "persons": 1}
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
    spared: tuple[int, tuple[str, ...]] | None
    figures: tuple[Figure, ...]
    nodes: Mapping[str, Node]  # where each figure stands
    show: tuple[str, ...]
    rules: tuple[Rule, ...]
    columns: tuple[Column, ...]
    applicant_only: frozenset[str]
    facts: tuple[Fact, ...]  # that the outcome can depend on
    co_residents: bool
    place: Node

    def all_rules(self) -> list[Rule]:
        return [rule for first in self.rules for rule in first.all()]

    def whens(self) -> Iterator[When]:
        for rule in self.all_rules():
            yield rule.when
        for figure in self.figures:
            yield from _whens(figure)

    def tests(self) -> list[Test]:
        return [test for when in self.whens() for test in when.tests + when.some]

    @property
    def sums(self) -> list[str]:
        return [figure.name for figure in self.figures if isinstance(figure.verb, Sum)]

    @property
    def bounds(self) -> list[Name]:
        """What amounts are compared with."""
        names = {test.right.name: test.right for test in self.tests() if isinstance(test.right, Name)}
        return [name for name in names.values() if name.kind.money and not name.kind.each]

    def holds_on(self, day: int) -> bool:
        return self.start <= day <= self.end

    def applies(self, day: int, moment: str, registered_on: date | None) -> bool:
        if not self.holds_on(day):
            return False
        if self.spared is None or registered_on is None:
            return True
        return not (moment in self.spared[1] and registered_on.toordinal() < self.spared[0])


@dataclass(frozen=True)
class RuleBook:
    facts: Mapping[str, Fact]
    parameters: Mapping[str, Parameter]
    places: Mapping[str, Node]  # where each parameter stands
    conditions: tuple[Condition, ...]
    marks: Marks
    hash: str

    @property
    def profile(self) -> tuple[str, ...]:
        return tuple(name for name, fact in self.facts.items() if "co_resident" in fact.about)


def compile_rules(documents: Mapping[str, list[Node]], hash_: str) -> RuleBook:
    """documents: relative path → the documents of that file. Raises `WrongRuleFile`."""
    for name in ("facts.yaml", "figures.yaml"):
        if len(documents.get(name, ())) != 1:
            raise WrongRuleFile(f"{name}:1: this file is missing, or is not one document")
    root = documents["facts.yaml"][0].keys(("conditions", "facts"))
    facts, marks = compile_facts(root["facts"]), Marks()
    order = root["conditions"].texts()
    parameters: dict[str, Parameter] = {}
    places: dict[str, Node] = {}
    nodes = _in(documents, "parameters/")
    for node, parameter in zip(nodes, all_of(lambda node: _parameter(node, marks), nodes), strict=True):
        if parameter.name in parameters:
            raise node.wrong(f"parameter `{parameter.name}` stands in another file too")
        parameters[parameter.name], places[parameter.name] = parameter, node
    shared = documents["figures.yaml"][0].keys(("figures",))["figures"]
    conditions = all_of(
        lambda node: _condition(node, order, facts, parameters, marks, shared), _in(documents, "conditions/")
    )
    if missing := [id_ for id_ in order if id_ not in {condition.id for condition in conditions}]:
        raise root["conditions"].wrong(f"no file gives condition `{missing[0]}`")
    conditions.sort(key=lambda condition: (order.index(condition.id), condition.start))
    _check_periods(conditions)
    if len(marks.names) > 62:
        raise root["facts"].wrong("more than 62 provisional figures and rules: they no longer fit a mask")
    return RuleBook(facts, parameters, places, tuple(conditions), marks, hash_)


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


def _period(node: Node) -> tuple[int, int]:
    spec = node.keys(("from", "through"))
    start, end = spec["from"].day(), spec["through"].day()
    if start is None:
        raise spec["from"].wrong("a first day is expected, such as 2024-01-01")
    if end is not None and end < start:
        raise spec["through"].wrong(f"{end} lies before {start}")
    return start.toordinal(), end.toordinal() if end else FOR_EVER


def _parameter(node: Node, marks: Marks) -> Parameter:
    spec = node.keys(("parameter", "title", "unit", "source", "known_until", "columns", "rows"), ("mark", "times"))
    name, columns = spec["parameter"].text(), spec["columns"].texts()
    spec["title"].in_two_languages()
    _source(spec)
    unit = spec["unit"].one_of(SCALES, "unit")
    times = spec["times"].value if "times" in spec else 1
    starts: list[int] = []
    ends: list[int] = []
    bits: list[int] = []
    rows: list[list[int]] = []
    for row in spec["rows"]:
        yearly = "year" in row.mapping()
        given = row.keys(("year", *columns) if yearly else ("from", "through", *columns), ("mark",))
        if yearly:
            year = given["year"].of(int, "a year")
            start, end, label = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal(), str(year)
        else:
            start, end = _period(Node({key: given[key] for key in ("from", "through")}, row.file, row.line))
            label = str(date.fromordinal(start).year)
        if starts and start != ends[-1] + 1:
            raise row.wrong(f"this row {'overlaps' if start <= ends[-1] else 'leaves a gap after'} the one before it")
        mark = given.get("mark") or spec.get("mark")
        if mark is None:
            raise row.wrong("`mark` is missing: S (seen), D (deck), F (formula) or K (to be confirmed)")
        provisional = mark.one_of("SDFK", "mark") in PROVISIONAL
        bits.append(marks.bit(f"{name}.{label}" if "mark" in given else name) if provisional else 0)
        starts.append(start)
        ends.append(end)
        rows.append([_number(given[column], times, SCALES[unit]) for column in columns])
    until = spec["known_until"].day()
    if not rows or ends[-1] != (until.toordinal() if until else FOR_EVER):
        raise spec["known_until"].wrong("the last row ends on another day than `known_until`")
    by_column = {column: np.array([row[at] for row in rows], np.int64) for at, column in enumerate(columns)}
    return Parameter(name, unit, np.array(starts), np.array(ends), by_column, np.array(bits, np.int64))


def _number(node: Node, times: object, scale: int) -> int:
    if isinstance(node.value, bool | str) or not hasattr(node.value, "__mul__"):
        raise node.wrong(f"a number in plain digits is expected, not {node.value!r}")
    return scaled(node.value * times, scale)  # type: ignore[operator]


def _condition(
    node: Node,
    order: tuple[str, ...],
    facts: Mapping[str, Fact],
    parameters: Mapping[str, Parameter],
    marks: Marks,
    shared: Node,
) -> Condition:
    spec = node.keys(
        ("condition", "title", "source", "valid", "about", "effect", "rules"), ("figures", "show", "spared")
    )
    id_ = spec["condition"].one_of(order, "condition (facts.yaml names them)")
    things = {f"each_{fact.each}": fact for fact in facts.values() if fact.each}
    about = spec["about"].one_of(("household", "each_candidate", *things), "subject")
    of_a_thing = things.get(about)
    subjects = (
        [of_a_thing] if of_a_thing else [f for f in facts.values() if f.type != "list" and "candidate" in f.about]
    )
    columns = {column.name: column for fact in subjects for column in fact.columns()}
    _source(spec)
    start, end = _period(spec["valid"])
    scope = Scope(facts, parameters, marks, columns, each=about != "household")
    nodes = {
        **(shared.mapping() if about == "household" else {}),
        **(spec["figures"].mapping() if "figures" in spec else {}),
    }
    for name, figure in nodes.items():
        for when in _whens(scope.figure(name, figure)):
            _check_when(when, figure)
    scope.used = set()
    rules = tuple(all_of(lambda rule: _rule(rule, id_, scope), spec["rules"]))
    show = spec["show"].texts() if "show" in spec else ()
    for name in show:
        if name not in scope.figures:
            raise spec["show"].wrong(f"unknown figure `{name}`{meant(name, scope.figures)}")
    needed = scope.used | set(show)
    for figure_ in reversed(scope.figures.values()):
        if figure_.name in needed:
            needed |= figure_.names
    reads = {column.name: {f"each.{column.name}", f"applicant.{column.name}"} & needed for column in columns.values()}
    needed |= {f"fact.{column.fact}" for column in columns.values() if reads[column.name]}
    spared = spec["spared"].keys(("registered_before", "moments")) if "spared" in spec else None
    before = spared["registered_before"].of(date, "a day") if spared else None
    return Condition(
        id_,
        f"{id_}@{start}",
        spec["title"].in_two_languages(),
        about,
        spec["effect"].one_of(("bar", "duty"), "effect"),
        start,
        end,
        (before.toordinal(), tuple(moment.one_of(MOMENTS, "moment") for moment in spared["moments"]))
        if spared and before
        else None,
        tuple(figure for figure in scope.figures.values() if figure.name in needed),
        nodes,
        show,
        rules,
        tuple(column for column in columns.values() if f"fact.{column.fact}" in needed),
        frozenset(name for name, read in reads.items() if read == {f"applicant.{name}"}),
        tuple(f for f in facts.values() if f"fact.{f.name}" in needed or f == of_a_thing),
        any(name.startswith("co_resident.") for name in needed),
        node,
    )


def _whens(figure: Figure) -> Iterator[When]:
    if isinstance(figure.verb, Choose | FromTable):
        branches = figure.verb.branches if isinstance(figure.verb, Choose) else figure.verb.column
        yield from (branch[0] for branch in branches)


def _check_when(when: When, node: Node) -> None:
    """Completions try amounts at nil and at what figures they are compared with: nothing else may be compared with."""
    tests = when.tests + when.some
    if any(test.left.kind.money and isinstance(test.right, int) and test.right for test in tests):
        raise node.wrong("an amount of the law stands in parameters/, where its year and source are said")
    if any(test.right == () for test in tests):
        raise node.wrong("an empty list: nothing is one of these")


def _rule(node: Node, condition: str, scope: Scope, exception: bool = False) -> Rule:
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
        for names in PLACEHOLDER.findall(text):
            for name in filter(None, names):
                if name != "person" and name not in scope.figures:
                    raise spec["say"].wrong(f"unknown figure `{name}`{meant(name, scope.figures)}")
                scope.used.add(name)
    mark = scope.marks.bit(id_) if "mark" in spec and spec["mark"].one_of("SDFK", "mark") in PROVISIONAL else 0
    exceptions = (
        tuple(_rule(one, condition, scope, exception=True) for one in spec["unless"]) if "unless" in spec else ()
    )
    when = scope.when(spec["when"])
    _check_when(when, spec["when"])
    return Rule(id_, when, then, mark, say, node, exceptions)
