"""A folder of rule files, compiled: facts, parameters through time, and conditions with their figures and rules.

Everything that can be wrong in a rule file is found here, before anybody is decided by it.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
from pydantic import Field

from eligibility.domain.facts import Fact, FactsFile, columns_of, compile_facts, day_number, lists, profile
from eligibility.domain.figures import Marks, Name, When
from eligibility.domain.parameters import ONE_DAY, Parameter, days
from eligibility.domain.source import Mark, Node, Period, Shape, Source, Texts, WrongRuleFile, all_of, meant
from eligibility.domain.verbs import Scope, Tests, Verb

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


class Rule:
    """When it holds, the outcome is `then`, unless an exception holds as well: then its outcome is."""

    def __init__(self, spec: ExceptionFile, of: ConditionFile, scope: Scope) -> None:
        self.spec, self.id, self.say, self.place = spec, spec.id, spec.say, spec.place
        if not spec.id.startswith(f"{of.condition}."):
            raise spec.under("id").wrong(f"a rule of `{of.condition}` is called `{of.condition}.…`, not `{spec.id}`")
        self.then = OUTCOMES.index(spec.then)
        if self.then != MET and spec.say is None:
            raise spec.place.wrong(f"`say` is missing: {spec.then} is explained")
        for text in spec.say.model_dump().values() if spec.say else ():
            names = [name for pair in PLACEHOLDER.findall(text.replace("{person}", "")) for name in pair if name]
            if unknown := [name for name in names if name not in of.show]:
                known = meant(unknown[0], (*of.show, "person"))
                raise spec.under("say").wrong(f"unknown figure `{unknown[0]}` (not in `show`){known}")
            if {*"{}"} & {*PLACEHOLDER.sub("", text)}:
                raise spec.under("say").wrong("in braces stands {person}, {figure} or {figure - figure}")
        self.when, self.mark = scope.when(spec.under("when")), scope.marks.bit(spec.id, spec.mark)
        self.figures = frozenset(name.name for name in When(self.when.tests).names() if name.figure)
        self.unless = [Rule(one, of, scope) for one in getattr(spec, "unless", ())]

    def all(self) -> list["Rule"]:
        return [self, *self.unless]


class Condition:
    """One period of a condition, ready to decide by.

    about: the household, or the thing each of which is decided: the worst counts;
    figures, tests, columns, looked_at: what the outcome can depend on; names: of a unit's columns, with those that a figure
    reads itself (readers); looks: by rule its mark, and the figures that it looks at.
    """

    def __init__(self, spec: ConditionFile, order: list[str], household: Scope) -> None:
        """household: what a condition of the household can name before its own figures: those of figures.yaml."""
        self.spec, self.place, self.title, self.effect, self.show = spec, spec.place, spec.title, spec.effect, spec.show
        self.id = spec.under("condition").one_of(order, "condition (facts.yaml names them)")
        facts = self.facts = household.facts
        things = lists(facts)
        about = self.about = spec.under("about").one_of(("household", "each_candidate", *things), "subject")
        thing = self.list = things.get(about)
        columns = columns_of([thing]) if thing else household.columns
        self.start, self.end = map(day_number, days(spec.valid))
        self.key = f"{self.id}@{self.start}"
        shared = dict(household.figures) if about == "household" else {}
        scope = replace(household, columns=columns, each=about != "household", figures=shared)
        for name, verb in spec.figures.items():
            scope.figure(name, verb)
        scope.used, scope.tests = set(), []
        for shown in spec.under("show") if spec.show else ():
            figure = scope.figures[shown.one_of(scope.figures, "figure")]
            if scope.each or figure.each or not figure.money:
                raise shown.wrong(f"`{figure.name}` is no amount of the household: nothing else is shown")
        self.rules = all_of(lambda rule: Rule(rule, spec, scope), spec.rules)
        if not self.rules:
            raise spec.under("rules").wrong("no rule: this condition would be met by everybody")
        needed, tests = scope.used | set(spec.show), scope.tests
        self.tests = tests
        for needs in reversed(scope.figures.values()):
            if needs.name in needed:
                needed |= needs.names
                tests += needs.tests
        self.figures = [figure for figure in scope.figures.values() if figure.name in needed]
        read = {name: {f"each.{name}", f"applicant.{name}"} & needed for name in columns}
        used = {name.removeprefix("fact.") for name in needed if name.startswith("fact.")}
        used |= {columns[name].fact for name, by in read.items() if by}
        self.columns = {name: column for name, column in columns.items() if column.fact in used}
        self.applicant_only = {name for name, by in read.items() if by == {f"applicant.{name}"}}
        self.looked_at = [fact for fact in facts.values() if fact.name in used or fact is thing]
        self.co_residents = any(name.startswith("co_resident.") for name in needed)
        self.all_rules = [rule for first in self.rules for rule in first.all()]
        self.thens = tuple(rule.then for rule in self.all_rules)
        self.then = np.array(self.thens)[:, None]
        self.bits = 1 << np.arange(len(self.thens))
        self.saying = sum(1 << at for at, rule in enumerate(self.all_rules) if rule.say)
        self.looks = tuple([(rule.mark, of.figures | rule.figures) for of in self.rules for rule in of.all()])
        self.looked = frozenset[str]().union(*(rule.figures for rule in self.rules))
        verbs = [figure.by for figure in self.figures]
        self.sums = [verb.name for verb in verbs if verb.sums]
        compared = {test.right.name: test.right for test in tests if isinstance(test.right, Name)}
        self.bounds = [name for name in compared.values() if name.money]  # the amounts that others are compared with
        years = {verb.name for verb in verbs if verb.counts_years}
        self.ages = sorted({age for test in tests if isinstance(test.right, int) and test.left.name in years
                            for age in (test.right - 1, test.right) if age >= 0})  # fmt: skip
        self.claimable = [c for c in self.columns.values() if c.kind == "pending" or facts[c.fact].type == "claim"]
        self.reading = [verb for verb in verbs if verb.parts]
        self.readers = {f"{verb.name} {part}": verb for verb in verbs for part in verb.parts}
        self.names = ["present", *self.columns, *self.readers]
        reads = [column.read for column in self.columns.values()]
        of_partner = [(lambda _: 0) if name in self.applicant_only else c.read for name, c in self.columns.items()]
        self.reads = [reads, of_partner] if self.about == "household" else [reads]

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
    conditions: list[Condition]
    marks: Marks
    texts: Mapping[str, Mapping[str, str]]  # beside the rules' own: language → key → text
    hash: str
    profile: tuple[str, ...]  # the co-residents' facts

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
    for parameter in all_of(lambda node: Parameter(node, marks), _in(documents, "parameters/")):
        if parameters.setdefault(parameter.name, parameter) is not parameter:
            raise parameter.spec.place.wrong(f"parameter `{parameter.name}` stands in another file too")
    of_candidates = [fact for fact in facts.values() if fact.type != "list" and "candidate" in fact.about]
    household, order = Scope(facts, parameters, marks, columns_of(of_candidates)), root.conditions
    for name, verb in FiguresFile.parse(documents["figures.yaml"][0]).figures.items():
        household.figure(name, verb)
    files = _in(documents, "conditions/")
    conditions = all_of(lambda node: Condition(ConditionFile.parse(node), order, household), files)
    if missing := [id_ for id_ in order if id_ not in {condition.id for condition in conditions}]:
        raise root.under("conditions").wrong(f"no file gives condition `{missing[0]}`")
    conditions.sort(key=lambda condition: (order.index(condition.id), condition.start))
    _check_periods(conditions)
    if len(marks.names) > 62:
        raise root.under("facts").wrong("more than 62 provisional figures and rules: they no longer fit a mask")
    return RuleBook(facts, parameters, conditions, marks, texts, hash_, profile(facts))


def _in(documents: Mapping[str, list[Node]], folder: str) -> list[Node]:
    return [node for name, nodes in documents.items() if name.startswith(folder) for node in nodes]


def _check_periods(conditions: list[Condition]) -> None:
    for before, after in itertools.pairwise(conditions):
        (_, end), (start, _) = days(before.spec.valid), days(after.spec.valid)
        if before.id == after.id and start - end != ONE_DAY:
            what = "overlaps" if start <= end else "leaves a gap after"
            raise after.place.wrong(f"this period of `{after.id}` {what} the one before it")
    for condition in conditions:
        ids = [rule.id for rule in condition.all_rules]
        for at, rule in enumerate(condition.all_rules):
            if rule.id in ids[:at]:
                raise rule.place.wrong(f"rule `{rule.id}` stands here twice")
