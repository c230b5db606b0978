"""From households and rules to answers: columns decide every completion, durable_rules the household itself.

Same outcome in every completion: that outcome; otherwise to be investigated, and what differs is asked. The household itself
is its most favourable completion (it alone, where nothing is unknown): durable_rules says which rules decided it, and the two
matchers must agree on it, or nobody is decided.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import compress
from operator import itemgetter
from typing import Any

import numpy as np

from eligibility.domain import matcher
from eligibility.domain.claims import could_claim
from eligibility.domain.completions import Decided, Layout, Plan, portions
from eligibility.domain.facts import HIGHEST
from eligibility.domain.figures import Ints
from eligibility.domain.rulebook import MET, OUTCOMES, PLACEHOLDER, TO_INVESTIGATE, Condition, Rule, RuleBook
from eligibility.domain.source import Texts
from eligibility.domain.units import Batch, Household, Slot

Range = tuple[int, int | None]


class MatchersDisagree(Exception):
    """Columns and durable_rules decided the same completion differently; names the condition and the rules."""


class NoRuleInForce(Exception):
    """No condition holds on that day: a household that nothing was asked of has met nothing."""


@dataclass(slots=True)
class Result:
    """One condition of one household."""

    plan: Plan
    outcome: int = MET
    marks: int = 0
    over: bool = False  # there is more unknown than can be tried
    because: Sequence[str] = ()
    said: Sequence[tuple[Texts, str]] = ()  # what the deciding rules say, and of whom (a role)
    figures: dict[str, Range] = field(default_factory=dict)
    asks: Sequence[Slot] = ()
    claims: Sequence[Slot] = ()
    lacks: Sequence[str] = ()  # rows of figures that are not known

    @property
    def undecided(self) -> bool:
        return self.over or bool(self.lacks)


class Engine:
    """Rules, ready to decide by. `counts` tells how often the bound was met."""

    def __init__(self, rules: RuleBook) -> None:
        self.rules = rules
        self.matcher = matcher.Matcher(rules)
        self.plans = [Plan(condition, rules) for condition in rules.conditions]
        self.order = {name: at for at, name in enumerate(rules.facts)}
        self.words = {
            (language, key, name, role): words[key].format(fact=fact.title[language], person=words[role])
            for language, words in rules.texts.items() for role in ("applicant", "partner", "co_resident")
            for key in ("ask", "claim") for name, fact in rules.facts.items()
        }  # fmt: skip
        self.counts: Counter[str] = Counter()

    def decide(self, households: Sequence[Household]) -> list[dict[str, Any]]:
        """Decide households, plain dicts as `HouseholdToAssess.model_dump()` gives them: answers in the contract's shape.

        Money is in cents in the household and a decimal string in the answer.
        Raises `NoRuleInForce`, `MatchersDisagree`, `EngineFailed`.
        """
        if not households:
            return []
        batch = Batch(households, self.rules)
        asked = [(h["reference_date"].toordinal(), h["moment"], h["registered_on"]) for h in households]
        layouts = [Layout(plan, batch, [plan.condition.applies(*when) for when in asked]) for plan in self.plans]
        if len(households) > 1 and any(len(list(portions(layout.slots))) > 1 for layout in layouts):
            half = len(households) // 2  # more is unknown than can be looked at together
            return [*self.decide(households[:half]), *self.decide(households[half:])]
        results: list[list[Result]] = [[] for _ in households]
        told = Told(batch, len(households))
        for layout in layouts:
            for found in compress(results, layout.in_force):
                found.append(Result(layout.plan))
            if layout.units:
                decided, over = layout.complete()
                self._condition(layout, decided, over, results)
                told.tell(layout, decided, results)
        if nothing := [h["reference_date"] for h, found in zip(households, results, strict=True) if not found]:
            raise NoRuleInForce(f"no condition is in force on {nothing[0]}")
        for found, facts, by_columns in zip(results, told.facts(), told.fired, strict=True):
            fired = self.matcher.match(facts)
            if fired != by_columns:
                raise MatchersDisagree(f"durable_rules alone, or columns alone: {sorted(fired ^ by_columns)}")
            _because(found, fired, batch)
        return [self._answer(h, found) for h, found in zip(households, results, strict=True)]

    def _condition(self, layout: Layout, decided: Decided, over: set[int], results: Sequence[list[Result]]) -> None:
        """Fill the results of a condition."""
        plan, own = layout.plan, layout.households
        low, high = decided.over(np.minimum, decided.outcome), decided.over(np.maximum, decided.outcome)
        best, worst, marks = (np.zeros(len(results), np.int64) for _ in range(3))
        np.maximum.at(best, own, low)
        np.maximum.at(worst, own, high)
        settled = best == worst
        used = np.where(settled[own], decided.marks[decided.best], decided.over(np.bitwise_or, decided.marks))
        np.bitwise_or.at(marks, own, used)
        outcomes = np.where(settled, best, TO_INVESTIGATE).tolist()
        for found, outcome, mark in zip(results, outcomes, marks.tolist(), strict=True):
            if outcome or mark:
                found[-1].outcome, found[-1].marks = outcome, mark
        for at, lacks in _missing(decided).items():
            result = results[own[at]][-1]
            result.outcome, result.marks, result.lacks = TO_INVESTIGATE, 0, sorted(lacks.union(result.lacks))
        for n in sorted({int(own[at]) for at in over}):
            if not (result := results[n][-1]).lacks:
                self.counts["over_bound"] += 1
                result.outcome, result.over = TO_INVESTIGATE, True
                result.asks = [slot for at in layout.of_household(n) for slot in layout.slots.get(at, ())]
        for n in (~settled).nonzero()[0].tolist():
            if not (result := results[n][-1]).undecided:
                mine = layout.of_household(n)
                *_, second, worst_of_all = sorted([MET, MET, *low[mine].tolist()])
                result.asks = [
                    slot for at in mine
                    for slot in _differ(decided, at, second if low[at] == worst_of_all else worst_of_all)
                ]  # fmt: skip
        for name in plan.condition.show:
            values = decided.table.column(decided.table.figures[name].num)
            for at, (n, value) in enumerate(zip(layout.own, values[decided.best].tolist(), strict=True)):
                if not (result := results[n][-1]).undecided:
                    result.figures[name] = _range(decided, at, values) if at in decided.slots else (value, value)
        wanted = {
            n: results[n][-1].outcome for n in layout.own if not results[n][-1].undecided and results[n][-1].outcome
        }
        could, too_many = could_claim(layout, decided, low.tolist(), wanted)
        self.counts["over_bound"] += too_many
        for n, claims in could.items():
            results[n][-1].claims = claims

    def _answer(self, household: Household, results: Sequence[Result]) -> dict[str, Any]:
        """The answer in the contract's shape."""
        conditions: dict[str, Any] = {}
        asks: list[dict[str, Any]] = []
        claims: list[dict[str, Any]] = []
        say: dict[str, list[str]] = {"nl": [], "en": []}
        marks = bars = 0
        roles = {member["id"]: member["role"] for member in household["members"]}
        order = list(roles)
        for result in results:
            condition = result.plan.condition
            one: dict[str, Any] = {
                "outcome": OUTCOMES[result.outcome], "effect": condition.effect, "because": list(result.because),
            }  # fmt: skip
            if result.figures:
                one["figures"] = {name: _written(*range_) for name, range_ in result.figures.items()}
            conditions[condition.id] = one
            marks |= result.marks
            if condition.effect == "bar":
                bars = max(bars, result.outcome)
            if result.said or result.asks or result.claims or result.undecided:
                asks += self._wanted(condition, result.asks, order)
                claims += self._wanted(condition, result.claims, order)
                for language, sentences in say.items():
                    sentences += self._sentences(result, roles, language)
        return {
            "reference_date": household["reference_date"].isoformat(),
            "outcome": OUTCOMES[bars],
            "rules": self.rules.hash,
            "provisional": self.rules.marks.in_(marks) if marks else [],
            "conditions": conditions,
            "asks": asks,
            "could_claim": claims,
            "say": {language: list(dict.fromkeys(sentences)) for language, sentences in say.items()},
        }

    def _wanted(self, condition: Condition, slots: Sequence[Slot], order: Sequence[str]) -> list[dict[str, Any]]:
        """What is asked, or could be claimed: in the order of the members and of facts.yaml."""
        each = [(order.index(person), self.order[_fact(slot.fact)], slot) for slot in slots for person in slot.persons]
        return [
            {"condition": condition.id, "person": order[at], "fact": slot.fact, "proofs": list(slot.proofs)}
            for at, _, slot in sorted(each, key=itemgetter(0, 1))
        ]

    def _sentences(self, result: Result, roles: Mapping[str, str], language: str) -> list[str]:
        words, title = self.rules.texts[language], result.plan.condition.title[language]
        said = [words["missing"].format(title=title, figure=lack) for lack in result.lacks]
        if result.over:
            said.append(words["over"].format(title=title))
        if result.outcome != TO_INVESTIGATE or not (result.asks or said):
            said += [_said(say[language], result.figures, role, words) for say, role in result.said]
        for key, slots in (("ask", result.asks), ("claim", result.claims)):
            said += [self.words[language, key, _fact(s.fact), roles[person]] for s in slots for person in s.persons]
        return said


def fold(rules: Sequence[Rule], fired: Collection[str]) -> tuple[int, list[str]]:
    """The worst outcome of the rules that fired, and those that gave it, in the order of the file; met where none fired."""
    found = [rule for rule in rules if rule.id in fired]
    outcome = max([rule.then for rule in found], default=MET)
    return outcome, [rule.id for rule in found if rule.then == outcome]


class Told:
    """What durable_rules is told: every unit in its deciding completion, a fact a subject; and what columns say fires on it."""

    def __init__(self, batch: Batch, households: int) -> None:
        self.units = batch.units
        self.of: dict[str, list[matcher.Fact]] = {
            about: [{"kind": about, "unit": n} for n in range(len(units))] for about, units in batch.units.items()
        }
        self.fired: list[set[matcher.Fired]] = [set() for _ in range(households)]

    def tell(self, layout: Layout, decided: Decided, results: Sequence[list[Result]]) -> None:
        plan, best, table, key = layout.plan, decided.best, decided.table, layout.plan.condition.key
        present = table.present[best]
        if plan.some:
            candidates = self.units["each_candidate"]
            rows = [row for row, unit in enumerate(candidates) if layout.in_force[unit.household]]
            read = [np.broadcast_to(name.read(table).num, table.present.shape) for name in plan.some.values()]
            for row, *values in zip(rows, *(num[best][present].tolist() for num in read), strict=True):
                self.of["each_candidate"][row].update(zip(plan.some, values, strict=True))
        columns = [table.column(name.read(table).num)[best].tolist() for name in plan.own.values()]
        facts, names = self.of[plan.condition.about], (key, *plan.own)
        for row, n, there, bits, *values in zip(
            layout.rows,
            layout.own,
            present[:, 0].tolist(),
            decided.fired[best].tolist(),
            *columns,
            strict=True,
        ):
            if there and not results[n][-1].undecided:
                facts[row].update(zip(names, (1, *values), strict=True))
                if bits:
                    self.fired[n].update((key, row, rule.id) for at, rule in enumerate(plan.rules) if bits >> at & 1)

    def facts(self) -> list[list[matcher.Fact]]:
        """Of each household."""
        facts: list[list[matcher.Fact]] = [[] for _ in self.fired]
        for about, units in self.units.items():
            for unit, fact in zip(units, self.of[about], strict=True):
                facts[unit.household].append(fact)
        return facts


def _because(results: Sequence[Result], fired: set[matcher.Fired], batch: Batch) -> None:
    """What durable_rules says of each condition."""
    by_condition: dict[str, dict[str, list[int]]] = {}
    for key, unit, rule in fired:
        by_condition.setdefault(key, {}).setdefault(rule, []).append(unit)
    for result in results:
        condition = result.plan.condition
        if units := by_condition.get(condition.key):
            _, result.because = fold(result.plan.rules, units)
            subject = batch.units[condition.about]
            result.said = [
                (rule.say, subject[unit].persons[0]["role"])
                for rule in result.plan.rules if rule.say and rule.id in result.because for unit in sorted(units[rule.id])
            ]  # fmt: skip


def _differ(decided: Decided, at: int, rest: int) -> list[Slot]:
    """The slots of which two values, all else equal, give different outcomes, the other units being at their best (`rest`)."""
    grid = np.maximum(decided.grids([at])[0], rest)
    slots = decided.slots.get(at, ())
    return [slot for axis, slot in enumerate(slots) if (grid.max(axis) != grid.min(axis)).any()]


def _missing(decided: Decided) -> dict[int, set[str]]:
    """Per unit the rows of figures it lacks."""
    lacking: dict[int, set[str]] = {}
    for name, days, lacks in decided.table.missing:
        days = np.broadcast_to(days, lacks.shape)
        for row, place in np.argwhere(lacks):
            at = int(np.searchsorted(decided.starts, row, side="right")) - 1
            year = date.fromordinal(int(days[row, place])).year
            lacking.setdefault(at, set()).add(f"{name} {year}")
    return lacking


def _range(decided: Decided, at: int, values: Ints) -> Range:
    """From the least to the most a figure can be; no upper end where only an amount at its maximum gives it."""
    bounded = grid = decided.grids([at], values)[0]
    for axis, slot in enumerate(decided.slots.get(at, ())):
        if slot.kind == "amount" and slot.size > 1:
            bounded = np.delete(bounded, slot.fills[0][2].index(HIGHEST), axis)
    return int(grid.min()), int(grid.max()) if bounded.max() == grid.max() else None


def _euro(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _written(low: int, high: int | None) -> str | list[str | None]:
    return _euro(low) if low == high else [_euro(low), None if high is None else _euro(high)]


def _fact(label: str) -> str:
    return label.partition(".")[0].partition("[")[0]


def _said(template: str, figures: Mapping[str, Range], role: str, words: Mapping[str, str]) -> str:
    """A sentence with its amounts in the language's own form."""

    def amount(cents: int) -> str:
        whole = f"{cents // 100:,}"
        dutch = f"€ {whole.replace(',', '.')},{cents % 100:02d}"
        return dutch if words["language"] == "nl" else f"€{whole}.{cents % 100:02d}"

    def put(found: Any) -> str:
        left, right = found.groups()
        low, high = figures[left]
        if right:
            least, most = figures[right]
            low, high = low - (most if most is not None else low), None if high is None else high - least
        if low == high:
            return amount(low)
        if high is None:
            return words["at_least_amount"].format(low=amount(max(low, 0)))
        return words["between"].format(low=amount(max(low, 0)), high=amount(high))

    template = template.replace("{person}", words[role])
    return PLACEHOLDER.sub(put, template) if "{" in template else template
