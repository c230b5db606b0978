"""From households and rules to answers: columns decide every completion, durable_rules the household itself.

Same outcome in every completion: that outcome; otherwise to be investigated, and what differs is asked. The household itself
is its most favourable completion (it alone, where nothing is unknown): durable_rules says which rules decided it, and the two
matchers must agree on it, or nobody is decided.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from eligibility.domain import matcher
from eligibility.domain.completions import BOUND, Decided, Household, Layout, Slot, Unit, lay_out
from eligibility.domain.facts import HIGHEST
from eligibility.domain.figures import Ints, Name
from eligibility.domain.rulebook import MET, NOT_MET, OUTCOMES, PLACEHOLDER, TO_INVESTIGATE, Condition, Rule, RuleBook

ROLES = {
    "nl": {"applicant": "aanvrager", "partner": "partner", "co_resident": "medebewoner"},
    "en": {"applicant": "applicant", "partner": "partner", "co_resident": "co-resident"},
}
SENTENCES = {
    "nl": {
        "ask": "Nog te onderzoeken: {fact} ({person}).",
        "missing": "{title}: nog te onderzoeken, want de figuur {figure} is nog niet bekend.",
        "over": "{title}: nog te onderzoeken, want er is te veel onbekend.",
        "claim": "Kan nog aangevoerd worden: {fact} ({person}).",
        "between": "tussen {low} en {high}",
        "above": "minstens {low}",
    },
    "en": {
        "ask": "Still to be investigated: {fact} ({person}).",
        "missing": "{title}: to be investigated, because the figure {figure} is not known yet.",
        "over": "{title}: to be investigated, because too much is unknown.",
        "claim": "Could still be claimed: {fact} ({person}).",
        "between": "between {low} and {high}",
        "above": "at least {low}",
    },
}
Range = tuple[int, int | None]


class MatchersDisagree(Exception):
    """Columns and durable_rules decided the same completion differently; names the condition and the rules."""


class NoRuleInForce(Exception):
    """No condition holds on that day: a household that nothing was asked of has met nothing."""


@dataclass
class Result:
    """One condition of one household."""

    condition: Condition
    outcome: int = MET
    because: list[str] = field(default_factory=list)
    said: list[tuple[Rule, str]] = field(default_factory=list)  # what the deciding rules say, and of whom (a role)
    figures: dict[str, Range] = field(default_factory=dict)
    asks: list[Slot] = field(default_factory=list)
    claims: list[Slot] = field(default_factory=list)
    marks: int = 0
    lacks: list[str] = field(default_factory=list)
    over: bool = False
    units: list[int] = field(default_factory=list)

    @property
    def undecided(self) -> bool:
        """A row of figures is missing, or there is more unknown than can be tried."""
        return bool(self.lacks) or self.over


class Engine:
    """Rules, ready to decide by. `counts` tells how often the bound was met."""

    def __init__(self, rules: RuleBook) -> None:
        self.rules = rules
        self.matcher = matcher.Matcher(rules)
        self.counts: Counter[str] = Counter()

    @cached_property
    def order(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.rules.facts)}

    def decide(self, households: Sequence[Household]) -> list[dict[str, Any]]:
        results: list[list[Result]] = [[] for _ in households]
        messages: list[list[matcher.Message]] = [[] for _ in households]
        days = [h["reference_date"].toordinal() for h in households]
        columns: list[tuple[Condition, Decided, list[int], dict[int, Result]]] = []
        for condition in self.rules.conditions:
            at = [n for n, h in enumerate(households) if condition.applies(days[n], h["moment"], h["registered_on"])]
            if not at:
                continue
            layout = lay_out(condition, households, at, self.rules)
            own = {n: Result(condition) for n in at}
            for n, result in own.items():
                results[n].append(result)
            if layout.units:
                decided, over = layout.complete()
                rows = self._condition(layout, decided, over, own)
                columns.append((condition, decided, rows, own))
                _tell(condition, decided, rows, own, messages)
        if nothing := [h["reference_date"] for h, found in zip(households, results, strict=True) if not found]:
            raise NoRuleInForce(f"no condition is in force on {nothing[0]}")
        fired = [self.matcher.match(parts) for parts in messages]
        for condition, decided, rows, own in columns:
            _because(condition, decided, rows, own, fired)
        return [self._answer(h, found) for h, found in zip(households, results, strict=True)]

    def _condition(self, layout: Layout, decided: Decided, over: set[int], own: Mapping[int, Result]) -> list[int]:
        """Fill the results of a condition; gives each unit's deciding row: its most favourable completion."""
        starts, units = decided.starts, decided.units
        low = np.minimum.reduceat(decided.outcome, starts[:-1])
        high = np.maximum.reduceat(decided.outcome, starts[:-1])
        rows = [start + int(np.argmin(decided.outcome[start:end])) for start, end in itertools.pairwise(starts)]
        for at, unit in enumerate(units):
            own[unit.household].units.append(at)
        lacking = _missing(decided)
        for result in own.values():
            mine = result.units
            best = max((int(low[at]) for at in mine), default=MET)
            worst = max((int(high[at]) for at in mine), default=MET)
            result.lacks = sorted({lack for at in mine for lack in lacking.get(at, ())})
            result.over = any(at in over for at in mine)
            result.outcome = best if best == worst and not result.undecided else TO_INVESTIGATE
            for at in mine:
                part = slice(starts[at], starts[at + 1]) if best != worst else slice(rows[at], rows[at] + 1)
                result.marks |= int(np.bitwise_or.reduce(decided.marks[part]))
            if result.lacks:
                result.marks = 0
            elif result.over:
                self.counts["over_bound"] += 1
                result.asks = [slot for at in mine for slot in layout.units[at].slots]
            elif best != worst:
                for at in mine:
                    rest = max((int(low[other]) for other in mine if other != at), default=MET)
                    result.asks += _differ(decided, at, rest)
            if not result.undecided:
                for at in mine:
                    for name in result.condition.show:
                        result.figures[name] = _range(decided, at, name)
                result.claims = self._could_claim(layout, decided, result, low)
        return rows

    def _could_claim(self, layout: Layout, decided: Decided, result: Result, low: Ints) -> list[Slot]:
        """The claims that are in some smallest set of claims that, interpreted, would (or could) make the condition met.

        What is unknown is taken at its best; only where the condition is nil are pending claims taken as rejected, since with
        them it may be met already.
        """
        claims: list[Slot] = []
        for at in result.units:
            unit = layout.units[at]
            nil = result.outcome == TO_INVESTIGATE and (_if_rejected(decided, at) == TO_INVESTIGATE).all()
            if not nil and (result.outcome != NOT_MET or low[at] == MET):
                continue
            known = [_last(slot) if nil and slot.kind == "pending" else slot for slot in unit.slots]
            trial = Unit(unit.household, unit.persons, unit.thing, [*known, *unit.claims])
            if not unit.claims:
                return []
            if prod(slot.size for slot in trial.slots) > BOUND:
                self.counts["over_bound"] += 1
                claims += unit.claims
                continue
            tried = layout.decide([trial], [at])
            met = (tried.grid(0) == MET).any(axis=tuple(range(len(known))))
            if not met.any():
                return []
            for axis, slot in enumerate(unit.claims):
                made = met.take(range(1, slot.size), axis).any(axis) & ~met.take(0, axis)
                claims += [slot] if made.any() else []
        return claims

    def _answer(self, household: Household, results: Sequence[Result]) -> dict[str, Any]:
        """The answer in the contract's shape."""
        conditions: dict[str, Any] = {}
        asks: list[dict[str, Any]] = []
        claims: list[dict[str, Any]] = []
        marks = 0
        say: dict[str, list[str]] = {"nl": [], "en": []}
        roles = {member["id"]: member["role"] for member in household["members"]}
        order = list(roles)
        for result in results:
            id_ = result.condition.id
            one: dict[str, Any] = {
                "outcome": OUTCOMES[result.outcome], "effect": result.condition.effect, "because": result.because,
            }  # fmt: skip
            if result.figures:
                one["figures"] = {name: _written(range_) for name, range_ in result.figures.items()}
            conditions[id_] = one
            marks |= result.marks
            for told, slots in ((asks, result.asks), (claims, result.claims)):
                told += [
                    {"condition": id_, "person": person, "fact": slot.fact, "proofs": list(slot.proofs)}
                    for person, slot in sorted(
                        ((person, slot) for slot in slots for person in slot.persons),
                        key=lambda one: (order.index(one[0]), self.order[_fact(one[1].fact)]),
                    )
                ]
            for language, sentences in say.items():
                sentences += self._sentences(result, roles, language)
        bars = [result.outcome for result in results if result.condition.effect == "bar"]
        return {
            "reference_date": household["reference_date"].isoformat(),
            "outcome": OUTCOMES[max(bars, default=MET)],
            "rules": self.rules.hash,
            "provisional": self.rules.marks.in_(marks),
            "conditions": conditions,
            "asks": asks,
            "could_claim": claims,
            "say": say,
        }

    def _sentences(self, result: Result, roles: Mapping[str, str], language: str) -> list[str]:
        words, titles = SENTENCES[language], result.condition.title
        said = [words["missing"].format(title=titles[language], figure=lack) for lack in result.lacks]
        if result.over:
            said.append(words["over"].format(title=titles[language]))
        known = result.outcome != TO_INVESTIGATE or not (result.asks or said)
        for rule, role in result.said if known else ():
            if rule.say:
                said.append(_said(rule.say[language], result.figures, ROLES[language][role], language))
        for key, slots in (("ask", result.asks), ("claim", result.claims)):
            for slot in slots:
                fact = self.rules.facts[_fact(slot.fact)].title[language]
                people = dict.fromkeys(ROLES[language][roles[person]] for person in slot.persons)
                said += [words[key].format(fact=fact, person=person) for person in people]
        return list(dict.fromkeys(said))


def decide(households: Sequence[Household], rules: "RuleBook | Engine") -> list[dict[str, Any]]:
    """Decide households: plain dicts as `HouseholdToAssess.model_dump()` gives them; answers in the contract's shape, JSON-ready.

    Money is in cents in the household and a decimal string in the answer.
    Raises `NoRuleInForce`, `MatchersDisagree`, `EngineFailed`.
    """
    return (rules if isinstance(rules, Engine) else Engine(rules)).decide(households)


def fold(rules: Sequence[Rule], fired: set[str]) -> tuple[int, list[str]]:
    """The worst outcome of the rules that fired, and those that gave it, in the order of the file; met where none fired."""
    outcome = max((rule.then for rule in rules if rule.id in fired), default=MET)
    return outcome, [rule.id for rule in rules if rule.id in fired and rule.then == outcome]


def _tell(
    condition: Condition,
    decided: Decided,
    rows: Sequence[int],
    own: Mapping[int, Result],
    messages: list[list[matcher.Message]],
) -> None:
    """Put the deciding completion of every unit in the engine's words."""
    of_unit, of_some = matcher.names_in(condition, some=False), matcher.names_in(condition, some=True)
    at = np.array(rows)

    def taken(names: set[Name]) -> dict[str, list[list[int]]]:
        size = decided.starts[-1]
        read = {matcher.property_of(name): name.read(decided.table).num for name in names}
        return {name: np.broadcast_to(num, (size, num.shape[1]))[at].tolist() for name, num in read.items()}

    unit_values, some_values = taken(of_unit), taken(of_some)
    present = decided.table.present[at].tolist()
    for n, unit in enumerate(decided.units):
        if own[unit.household].undecided or not present[n][0]:
            continue
        parts = messages[unit.household]
        parts.append(matcher.message(condition, n, {name: values[n][0] for name, values in unit_values.items()}))
        if some_values:
            for place, there in enumerate(present[n]):
                if there:
                    values = {name: values[n][place] for name, values in some_values.items()}
                    parts.append(matcher.candidate(condition, n, place, values))


def _because(
    condition: Condition,
    decided: Decided,
    rows: Sequence[int],
    own: Mapping[int, Result],
    fired: Sequence[set[matcher.Fired]],
) -> None:
    """What durable_rules says of each unit; columns must have said the same."""
    rules = condition.all_rules()
    for n, result in own.items():
        if result.undecided:
            continue
        by_unit = {
            at: {rule for key, unit, rule in fired[n] if key == condition.key and unit == at} for at in result.units
        }
        for at, ids in by_unit.items():
            bits = int(decided.fired[rows[at]])
            if ids != {rule.id for bit, rule in enumerate(rules) if bits >> bit & 1}:
                raise MatchersDisagree(f"{condition.key}: durable_rules {sorted(ids)}, columns {bits:b}")
        _, result.because = fold(rules, set().union(*by_unit.values()))
        result.said = [
            (rule, decided.units[at].persons[0]["role"])
            for rule in rules for at, ids in by_unit.items() if rule.id in ids and rule.id in result.because
        ]  # fmt: skip


def _differ(decided: Decided, at: int, rest: int) -> list[Slot]:
    """The slots of which two values, all else equal, give different outcomes, the other units being at their best (`rest`)."""
    grid = np.maximum(decided.grid(at), rest)
    return [
        slot for axis, slot in enumerate(decided.units[at].slots) if (grid.max(axis) != grid.min(axis)).any()
    ]  # fmt: skip


def _if_rejected(decided: Decided, at: int) -> Ints:
    grid = decided.grid(at)
    for axis, slot in enumerate(decided.units[at].slots):
        if slot.kind == "pending":
            grid = grid.take([slot.size - 1], axis)
    return grid


def _last(slot: Slot) -> Slot:
    return replace(slot, fills=tuple((column, place, values[-1:]) for column, place, values in slot.fills))


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


def _range(decided: Decided, at: int, name: str) -> Range:
    """From the least to the most it can be; no upper end where only an amount at its maximum gives it."""
    values = np.broadcast_to(decided.table.figures[name].num, (decided.starts[-1], 1))[:, 0]
    grid = decided.grid(at, values)
    bounded = grid
    for axis, slot in enumerate(decided.units[at].slots):
        if slot.kind == "amount" and slot.size > 1:
            bounded = np.delete(bounded, slot.fills[0][2].index(HIGHEST), axis)
    return int(grid.min()), int(grid.max()) if bounded.max() == grid.max() else None


def _euro(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _written(range_: Range) -> str | list[str | None]:
    low, high = range_
    return _euro(low) if low == high else [_euro(low), None if high is None else _euro(high)]


def _fact(label: str) -> str:
    return label.partition(".")[0].partition("[")[0]


def _said(template: str, figures: Mapping[str, Range], person: str, language: str) -> str:
    """A sentence with its amounts in the language's own form."""

    def amount(cents: int) -> str:
        whole = f"{cents // 100:,}"
        return f"€ {whole.replace(',', '.')},{cents % 100:02d}" if language == "nl" else f"€{whole}.{cents % 100:02d}"

    def put(found: Any) -> str:
        left, right = found.group(1), found.group(2)
        if left == "person":
            return person
        low, high = figures[left]
        if right:
            least, most = figures[right]
            low, high = low - (most if most is not None else low), None if high is None else high - least
        if low == high:
            return amount(low)
        words = SENTENCES[language]
        if high is None:
            return words["above"].format(low=amount(max(low, 0)))
        return words["between"].format(low=amount(max(low, 0)), high=amount(high))

    return PLACEHOLDER.sub(put, template)
