"""A folder of rule files, compiled: facts, parameters through time, and conditions with their figures and rules.

Everything that can be wrong in a rule file is found here, before anybody is decided by it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from operator import attrgetter
from typing import Literal

from pydantic import Field

from eligibility.domain.facts import Column, Fact, FactsFile, compile_facts, profile
from eligibility.domain.figures import Marks, Name, Test, When
from eligibility.domain.parameters import Parameter, compile_parameter, ordinals
from eligibility.domain.source import Mark, Node, Period, Shape, Source, Texts, WrongRuleFile, all_of, meant
from eligibility.domain.verbs import Figure, Scope, Tests, Verb

MET, TO_INVESTIGATE, NOT_MET = 0, 1, 2
OUTCOMES = ("met", "to_investigate", "not_met")  # from good to bad: the worst decides
PLACEHOLDER = re.compile(r"\{(\w+)(?: - (\w+))?\}")


class ExceptionFile(Shape):
    """An exception: where it holds, its outcome takes the place of the rule's."""

    id: str = Field(json_schema_extra={"pattern": r"^[a-z_]+\.[a-z0-9_]+$"})
    """condition.name: the name that stands in a decision."""
    source: Source | None = None
    """Its own; else that of the condition."""
    mark: Mark | None = None
    when: Tests
    then: Literal["met", "to_investigate", "not_met"]
    say: Texts | None = None
    """The sentence of the decision. {figure}, {figure - figure} and {person} are filled in."""


class RuleFile(ExceptionFile):
    """A rule: when it holds, and what is then decided."""

    unless: list[ExceptionFile] = []
    """Exceptions: where one holds, its outcome takes the place of the rule's."""


class Spared(Shape):
    """Households registered before that day are not tested at these moments."""

    registered_before: date
    moments: list[Literal["registration", "update", "allocation"]] = Field(min_length=1)


class ConditionFile(Shape):
    """One period of a condition: what is looked at, and what is decided."""

    condition: str
    """Its name; facts.yaml names them all."""
    title: Texts
    source: Source
    valid: Period
    about: str
    """The subject decided by itself: household, each_candidate, or each_… of a list of facts.yaml; the worst counts."""
    effect: Literal["bar", "duty"]
    """bar: without it nobody is registered; duty: it is owed, and bars nobody."""
    spared: Spared | None = None
    figures: dict[str, Verb] = {}
    """The figures of this condition, beside those of figures.yaml."""
    show: list[str] = []
    """The figures that stand in a decision: amounts of the household."""
    rules: list[RuleFile]
    """The worst of the rules that hold decides; where none does, the condition is met."""


class FiguresFile(Shape):
    """Figures that more than one condition looks at."""

    figures: dict[str, Verb]


@dataclass(frozen=True)
class Rule:
    """When it holds, the outcome is `then`, unless an exception holds as well: then its outcome is."""

    spec: ExceptionFile
    when: When
    then: int
    mark: int
    unless: tuple["Rule", ...] = ()

    id, say, place = (property(attrgetter(f"spec.{key}")) for key in ("id", "say", "place"))

    def all(self) -> Iterator["Rule"]:
        yield self
        yield from self.unless


@dataclass(frozen=True)
class Condition:
    """One period of a condition. about: the household, or the thing each of which is decided and the worst counts."""

    spec: ConditionFile
    key: str
    start: int
    end: int
    figures: tuple[Figure, ...]
    rules: tuple[Rule, ...]
    tests: tuple[Test, ...]  # of its rules and figures
    columns: tuple[Column, ...]
    applicant_only: frozenset[str]
    facts: tuple[Fact, ...]  # that the outcome can depend on
    co_residents: bool

    id, about, effect, show, place, title = (
        property(attrgetter(f"spec.{key}")) for key in ("condition", "about", "effect", "show", "place", "title")
    )

    def all_rules(self) -> list[Rule]:
        return [rule for first in self.rules for rule in first.all()]

    @property
    def sums(self) -> list[str]:
        return [figure.name for figure in self.figures if figure.by.sums]

    @property
    def bounds(self) -> list[Name]:
        """The amounts that others are compared with."""
        names = {test.right.name: test.right for test in self.tests if isinstance(test.right, Name)}
        return [name for name in names.values() if name.money]

    def holds_on(self, day: int) -> bool:
        return self.start <= day <= self.end

    def applies(self, day: int, moment: str, registered_on: date | None) -> bool:
        """In force on that day, and not spared for a household registered then."""
        to, since = self.spec.spared, registered_on
        spared = to and since and moment in to.moments and since < to.registered_before
        return self.start <= day <= self.end and not spared


@dataclass(frozen=True)
class RuleBook:
    facts: Mapping[str, Fact]
    parameters: Mapping[str, Parameter]
    conditions: tuple[Condition, ...]
    marks: Marks
    texts: Mapping[str, Mapping[str, str]]  # beside the rules' own: language → key → text
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
        """True where some count differs between two combinations of the co-residents' facts."""
        return any(k[one] != k[other] for c in self.conditions for figure in c.figures for k in figure.by.kinds)


def compile_rules(documents: Mapping[str, list[Node]], texts: Mapping[str, Mapping[str, str]], hash_: str) -> RuleBook:
    """documents: relative path → the documents of that file. Raises `WrongRuleFile`."""
    for name in ("facts.yaml", "figures.yaml"):
        if len(documents.get(name, ())) != 1:
            raise WrongRuleFile(f"{name}:1: this file is missing, or is not one document")
    root, marks = FactsFile.parse(documents["facts.yaml"][0]), Marks()
    facts = compile_facts(root)
    parameters: dict[str, Parameter] = {}
    for parameter in all_of(lambda node: compile_parameter(node, marks), _in(documents, "parameters/")):
        if parameters.setdefault(parameter.name, parameter) is not parameter:
            raise parameter.spec.place.wrong(f"parameter `{parameter.name}` stands in another file too")
    anywhere = Scope(facts, parameters, marks)

    def condition(node: Node) -> Condition:
        shared = FiguresFile.parse(documents["figures.yaml"][0])  # anew: a figure is bound to the condition it is in
        return _condition(ConditionFile.parse(node), order, shared.figures, anywhere)

    order = root.conditions
    conditions = all_of(condition, _in(documents, "conditions/"))
    if missing := [id_ for id_ in order if id_ not in {condition.id for condition in conditions}]:
        raise root.under("conditions").wrong(f"no file gives condition `{missing[0]}`")
    conditions.sort(key=lambda condition: (order.index(condition.id), condition.start))
    _check_periods(conditions)
    if len(marks.names) > 62:
        raise root.under("facts").wrong("more than 62 provisional figures and rules: they no longer fit a mask")
    return RuleBook(facts, parameters, tuple(conditions), marks, texts, hash_)


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


def _condition(spec: "ConditionFile", order: list[str], shared: Mapping[str, Verb], anywhere: Scope) -> Condition:
    """anywhere: what every condition can name."""
    facts = anywhere.facts
    id_ = spec.under("condition").one_of(order, "condition (facts.yaml names them)")
    things = {f"each_{fact.each}": [fact] for fact in facts.values() if fact.each}
    about = spec.under("about").one_of(("household", "each_candidate", *things), "subject")
    of = things.get(about) or [fact for fact in facts.values() if fact.type != "list" and "candidate" in fact.about]
    columns = {column.name: column for fact in of for column in fact.columns()}
    start, end = ordinals(spec.valid)
    scope = Scope(facts, anywhere.parameters, anywhere.marks, columns, each=about != "household")
    for name, verb in {**(shared if about == "household" else {}), **spec.figures}.items():
        scope.figure(name, verb)
    scope.used, scope.tests = set(), []
    for name in spec.show:
        if name not in scope.figures:
            raise spec.under("show").wrong(f"unknown figure `{name}`{meant(name, scope.figures)}")
        if scope.each or scope.figures[name].each or not scope.figures[name].money:
            raise spec.under("show").wrong(f"`{name}` is no amount of the household: nothing else is shown")
    rules = tuple(all_of(lambda rule: _rule(rule, spec, scope), spec.rules))
    if not rules:
        raise spec.under("rules").wrong("no rule: this condition would be met by everybody")
    needed, tests = scope.used | set(spec.show), scope.tests
    for needs in reversed(scope.figures.values()):
        if needs.name in needed:
            needed |= needs.names
            tests += needs.tests
    read = {column.name: {f"each.{column.name}", f"applicant.{column.name}"} & needed for column in columns.values()}
    used = {name.removeprefix("fact.") for name in needed if name.startswith("fact.")}
    used |= {column.fact for column in columns.values() if read[column.name]}
    return Condition(
        spec,
        f"{id_}@{start}",
        start,
        end,
        tuple(figure for figure in scope.figures.values() if figure.name in needed),
        rules,
        tuple(tests),
        tuple(column for column in columns.values() if column.fact in used),
        frozenset(name for name, by in read.items() if by == {f"applicant.{name}"}),
        tuple(fact for fact in facts.values() if fact.name in used or about == f"each_{fact.each}"),
        any(name.startswith("co_resident.") for name in needed),
    )


def _rule(spec: "ExceptionFile", of: "ConditionFile", scope: Scope) -> Rule:
    if not spec.id.startswith(f"{of.condition}."):
        raise spec.under("id").wrong(f"a rule of `{of.condition}` is called `{of.condition}.…`, not `{spec.id}`")
    then = OUTCOMES.index(spec.then)
    if then != MET and spec.say is None:
        raise spec.place.wrong(f"`say` is missing: {OUTCOMES[then]} is explained")
    for text in spec.say.model_dump().values() if spec.say else ():
        names = [name for pair in PLACEHOLDER.findall(text.replace("{person}", "")) for name in pair if name]
        if unknown := [name for name in names if name not in of.show]:
            known = meant(unknown[0], (*of.show, "person"))
            raise spec.under("say").wrong(f"unknown figure `{unknown[0]}` (not in `show`){known}")
        if {*"{}"} & {*PLACEHOLDER.sub("", text)}:
            raise spec.under("say").wrong("in braces stands {person}, {figure} or {figure - figure}")
    when, mark = scope.when(spec.under("when")), scope.marks.bit(spec.id, spec.mark)
    return Rule(spec, when, then, mark, tuple(_rule(one, of, scope) for one in getattr(spec, "unless", ())))
