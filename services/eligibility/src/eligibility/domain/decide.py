"""From households and rules to answers: durable_rules decides what has no unknown, columns everything else.

A unit without unknowns is decided by the rules that durable_rules left firing, folded. Of one with unknowns the columns decide
every completion: the same outcome in all of them is the outcome, otherwise it is to be investigated, what differs is asked, and
the reasons are those of its most favourable completion. Figures are the columns' in both; `compare` holds the two side by side.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from itertools import compress
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from eligibility.domain.claims import could_claim
from eligibility.domain.completions import Decided, Layout, Plan, fold, marks
from eligibility.domain.facts import HIGHEST, SURE
from eligibility.domain.figures import Ints, Table
from eligibility.domain.matcher import Matcher, names_in, property_of, template
from eligibility.domain.rulebook import MET, OUTCOMES, PLACEHOLDER, TO_INVESTIGATE, Condition, RuleBook
from eligibility.domain.units import Batch, Household, Slot, Unit

Range = tuple[int, int | None]


class NoRuleInForce(Exception):
    """No condition holds on that day: a household that nothing was asked of has met nothing."""


class Difference(NamedTuple):
    """What the two matchers say otherwise of a unit. household: its place among those compared; the ids of rules."""

    household: int
    condition: str
    by_durable_rules: list[str]
    by_columns: list[str]


@dataclass(slots=True)
class Result:
    """One condition of one household."""

    plan: Plan
    low: int = MET
    high: int = MET
    marks: int = 0
    over: bool = False  # there is more unknown than can be tried
    bits: int = 0  # the rules that decided, a bit each,
    fired: list[tuple[int, Unit, int]] = field(default_factory=list)  # and by unit those that decided it
    figures: dict[str, Range] | None = None
    asks: Sequence[Slot] = ()
    answers: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # by pending proof: interpreted, rejected
    claims: Sequence[Slot] = ()
    lacks: frozenset[str] = frozenset()  # rows of figures that are not known

    @property
    def undecided(self) -> bool:
        return self.over or bool(self.lacks)

    @property
    def outcome(self) -> int:
        return self.low if self.low == self.high and not self.over and not self.lacks else TO_INVESTIGATE

    def given(self, proof: tuple[str, str]) -> Sequence[int]:
        """The outcome where that pending proof, of a person, is interpreted, and where it is rejected."""
        return [self.outcome] * 2 if self.lacks else self.answers.get(proof) or [self.outcome] * 2

    def take(self, at: int, unit: Unit, bits: int, best: int, worst: int) -> None:
        """One more unit: the rules that decide it, its most and its least favourable outcome."""
        self.low, self.high = max(self.low, best), max(self.high, worst)
        if bits:
            self.bits |= bits
            self.fired.append((at, unit, bits))


class Engine:
    """Rules, ready to decide by. `counts` tells how often the bound was met."""

    def __init__(self, rules: RuleBook) -> None:
        self.rules = rules
        self.matcher = Matcher(rules)
        self.plans = [Plan(condition, rules) for condition in rules.conditions]
        self.facts = [Facts(plan.condition) for plan in self.plans]
        self.bit = {(p.condition.key, rule.id): 1 << at for p in self.plans for at, rule in enumerate(p.rules)}
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
        Raises `NoRuleInForce`, `EngineFailed`.
        """
        results: list[list[Result]] = [[] for _ in households]
        for layout, known, fired in self._match(households):
            met, by = Result(layout.plan), defaultdict[int, Result](partial(Result, layout.plan))
            if layout.units:
                self._condition(layout, known, fired, by)
            for n, found in enumerate(results):
                if layout.in_force[n]:
                    found.append(by.get(n, met))
        if nothing := [h["reference_date"] for h, found in zip(households, results, strict=True) if not found]:
            raise NoRuleInForce(f"no condition is in force on {nothing[0]}")
        return [self._answer(h, found) for h, found in zip(households, results, strict=True)]

    def compare(self, households: Sequence[Household]) -> list[Difference]:
        """Where columns decide what durable_rules decides of these households by other rules, or to another outcome."""
        found = []
        for layout, known, fired in self._match(households):
            plan = layout.plan
            if known is None:
                continue
            for at, one, bits, outcome in zip(
                layout.known, fired, known.fired.tolist(), known.outcome.tolist(), strict=True
            ):
                if (one, fold(plan.thens, one)[0]) != (bits, outcome):
                    both = [[r.id for n, r in enumerate(plan.rules) if by >> n & 1] for by in (one, bits)]
                    found.append(Difference(layout.own[at], plan.condition.id, *both))
        return found

    def _match(self, households: Sequence[Household]) -> list[tuple[Layout, Decided | None, list[int]]]:
        """Each condition; what is known in it, with its figures; and the rules that durable_rules fires on that, a bit each."""
        if not households:
            return []
        batch = Batch(households, self.rules)
        when = [(h["reference_date"].toordinal(), h["moment"], h["registered_on"]) for h in households]
        layouts = [Layout(plan, batch, [plan.condition.applies(*one) for one in when]) for plan in self.plans]
        told = {about: [""] * len(units) for about, units in batch.units.items()}
        known: list[Decided | None] = []
        for facts, layout in zip(self.facts, layouts, strict=True):
            known.append(layout.decide_layout(layout.known, {}) if layout.known else None)
            if decided := known[-1]:
                facts.tell(layout, decided.table, told)
        of: list[list[str]] = [[] for _ in households]
        for about, units in batch.units.items():
            for row, (unit, fact) in enumerate(zip(units, told[about], strict=True)):
                if fact:
                    of[unit.household].append(f'{{"unit":{row},"kind":"{about}"{fact}')
        fired: dict[tuple[str, int], int] = defaultdict(int)
        for facts_of in filter(None, of):
            for key, row, rule in self.matcher.match(facts_of):
                fired[key, row] |= self.bit[key, rule]
        found = []
        for layout, decided in zip(layouts, known, strict=True):
            key, rows = layout.plan.condition.key, layout.rows
            found.append((layout, decided, [fired.get((key, rows[at]), 0) for at in layout.known]))
        return found

    def _condition(
        self, layout: Layout, known: Decided | None, fired: Sequence[int], by: Mapping[int, Result]
    ) -> None:  # fmt: skip
        """Fill the results of a condition, by household: its units without unknowns first, as durable_rules decides them."""
        own, low, nil = layout.own, [MET] * len(layout.own), set[int]()
        if known:
            self._known(layout, known, fired, low, nil, by)
        if layout.slots:
            slots, over = layout.bounded()
            for part in layout.portions(slots):
                decided = layout.decide_layout(part, {n: slots[at] for n, at in enumerate(part)})
                self._decided(layout, decided, part, low, nil, by)
            for n in {own[at] for at in over}:
                if not (result := by[n]).lacks:
                    self.counts["over_bound"] += 1
                    result.over = True
                    result.asks = [slot for at in layout.of_household(n) for slot in layout.slots.get(at, ())]
        if wanted := {n: one.outcome for n, one in by.items() if one.high != MET and not one.undecided}:
            could, too_many = could_claim(layout, low, nil, wanted)
            self.counts["over_bound"] += too_many
            for n, claims in could.items():
                by[n].claims = claims

    def _known(
        self, layout: Layout, known: Decided, fired: Sequence[int], low: list[int], nil: set[int], by: Mapping[int, Result]
    ) -> None:  # fmt: skip
        """Fill the results of the units without unknowns."""
        plan, table, own = layout.plan, known.table, layout.own
        marked = marks(plan, table, np.array(fired)).tolist()
        shown = [table.column(table.figures[name].num).tolist() for name in plan.show]
        for at, bits, mark, *values in zip(layout.known, fired, marked, *shown, strict=True):
            if bits or mark or values:
                result, (low[at], _) = by[own[at]], fold(plan.thens, bits)
                result.take(at, layout.units[at], bits, low[at], low[at])
                result.marks |= mark
                if values:
                    result.figures = {name: (value, value) for name, value in zip(plan.show, values, strict=True)}
                if low[at] == TO_INVESTIGATE:
                    nil.add(at)
        _missing(known, [own[at] for at in layout.known], by)

    def _decided(
        self, layout: Layout, decided: Decided, part: Sequence[int], low: list[int], nil: set[int], by: Mapping[int, Result]
    ) -> None:  # fmt: skip
        """Fill the results of units (`part`, by place in the layout) that columns decided in all their completions."""
        plan, own = layout.plan, [layout.own[at] for at in part]
        marked = marks(plan, decided.table, decided.fired)
        least, most = (decided.over(reduced, decided.outcome).tolist() for reduced in (np.minimum, np.maximum))
        marks_of = marked[decided.best].tolist(), decided.over(np.bitwise_or, marked).tolist()
        for at, n, bits, best, worst in zip(part, own, decided.fired[decided.best].tolist(), least, most, strict=True):
            if bits or worst:
                low[at] = best
                by[n].take(at, layout.units[at], bits, best, worst)
        for n, best, all_ in zip(own, *marks_of, strict=True):
            if all_:
                by[n].marks |= best if by[n].low == by[n].high else all_
        _missing(decided, own, by)
        for units in decided.alike:
            slots, grid = decided.slots[units[0]], decided.grids(units)
            shown = [decided.table.column(decided.table.figures[name].num) for name in plan.show]
            ranges = [_ranges(decided.grids(units, values), slots) for values in shown]
            for n, *of in zip(units, *ranges, strict=True) if shown else ():
                by[own[n]].figures = dict(zip(plan.show, of, strict=True))
            for axis, slot in enumerate(slots, 1):
                if slot.kind == "pending":
                    grid = grid.take([slot.size - 1], axis)
            rejected = (grid == TO_INVESTIGATE).reshape(len(units), -1).all(axis=1)
            nil.update(part[n] for n in compress(units, rejected.tolist()))
        at_worst = dict(zip(part, most, strict=True))
        high = [at_worst.get(at, known) for at, known in enumerate(low)]
        _ask(decided, own, (_others(layout, part, low), _others(layout, part, high)), by)

    def _answer(self, household: Household, results: Sequence[Result]) -> dict[str, Any]:
        """The answer in the contract's shape."""
        conditions: dict[str, Any] = {}
        asks: list[dict[str, Any]] = []
        claims: list[dict[str, Any]] = []
        say: dict[str, list[str]] = {"nl": [], "en": []}
        marked = bars = 0
        roles = {member["id"]: member["role"] for member in household["members"]}
        order = list(roles)
        for result in results:
            plan, outcome, undecided = result.plan, result.outcome, result.undecided
            because = () if undecided or not result.bits else fold(plan.thens, result.bits)[1]
            one = {
                "outcome": OUTCOMES[outcome],
                "effect": plan.effect,
                "because": [plan.rules[at].id for at in because],
            }
            if result.figures and not undecided:
                one["figures"] = {name: _written(*result.figures[name]) for name in plan.show}
            conditions[plan.id] = one
            if not result.lacks:
                marked |= result.marks
            if outcome > bars and plan.effect == "bar":
                bars = outcome
            if undecided or result.asks or result.claims or result.bits & plan.saying:
                asks += self._wanted(plan, result.asks, order)
                claims += self._wanted(plan, result.claims, order)
                for language, sentences in say.items():
                    sentences += self._sentences(result, because, roles, language)
        for ask in asks:
            if answers := _answers(ask, results):
                ask["answers"] = answers
        return {
            "reference_date": household["reference_date"].isoformat(),
            "outcome": OUTCOMES[bars],
            "rules": self.rules.hash,
            "provisional": self.rules.marks.in_(marked) if marked else [],
            "conditions": conditions,
            "asks": asks,
            "could_claim": claims,
            "say": {language: list(dict.fromkeys(sentences)) for language, sentences in say.items()},
        }

    def _wanted(self, plan: Plan, slots: Sequence[Slot], order: Sequence[str]) -> list[dict[str, Any]]:
        """What is asked, or could be claimed: in the order of the members and of facts.yaml."""
        each = [(order.index(person), self.order[_fact(slot.fact)], slot) for slot in slots for person in slot.persons]
        return [
            {"condition": plan.id, "person": order[at], "fact": slot.fact, "proofs": list(slot.proofs)}
            for at, _, slot in sorted(each, key=itemgetter(0, 1))
        ]

    def _sentences(self, result: Result, because: Sequence[int], roles: Mapping[str, str], language: str) -> list[str]:
        words, title = self.rules.texts[language], result.plan.condition.title[language]
        said = [words["missing"].format(title=title, figure=lack) for lack in sorted(result.lacks)]
        if result.over:
            said.append(words["over"].format(title=title))
        if result.outcome != TO_INVESTIGATE or not (result.asks or said):
            for rule, at in ((result.plan.rules[at], at) for at in because):
                for _, unit, bits in sorted(result.fired, key=itemgetter(0)) if rule.say else ():
                    if bits >> at & 1:
                        said.append(_said(rule.say[language], result.figures or {}, unit.persons[0]["role"], words))
        for key, slots in (("ask", result.asks), ("claim", result.claims)):
            said += [self.words[language, key, _fact(s.fact), roles[person]] for s in slots for person in s.persons]
        return said


class Facts:
    """What durable_rules is told of a condition."""

    def __init__(self, condition: Condition) -> None:
        self.own, self.some = (list(names_in(condition, some)) for some in (False, True))
        self.fact = template([condition.key]) % 1 + template(property_of(condition, name) for name in self.own)
        self.of_candidate = template(property_of(condition, name) for name in self.some)

    def tell(self, layout: Layout, table: Table, told: Mapping[str, list[str]]) -> None:
        """told: by subject, what each is told."""
        columns = [table.column(name.read(table).num).tolist() for name in self.own]
        facts = told[layout.plan.condition.about]
        for at, *values in zip(layout.known, *columns, strict=True):
            facts[layout.rows[at]] += self.fact % tuple(values)
        if self.some:
            candidates = told["each_candidate"]
            columns = [table.wide(name.read(table).num).tolist() for name in self.some]
            for at, *places in zip(layout.known, *columns, strict=True):
                first = layout.batch.applicants[layout.own[at]]
                for place in range(len(layout.units[at].persons)):
                    candidates[first + place] += self.of_candidate % tuple([values[place] for values in places])


def _ask(decided: Decided, own: Sequence[int], others: tuple[Ints, Ints], by: Mapping[int, Result]) -> None:
    """Ask what could change the outcome of a household, and tell what either decision on a pending proof gives.

    others: by unit, the least and the worst outcome of the other units of its household.
    """
    asks: dict[int, list[Slot]] = {}
    for units in decided.alike:
        grid = decided.grids(units)
        least, most = (outcomes[units, None] for outcomes in others)
        for n, differs in zip(
            units, _differ(np.maximum(grid.reshape(len(units), -1), least).reshape(grid.shape)), strict=True
        ):
            asks[n] = list(compress(decided.slots[n], differs))
        for axis, slot in enumerate(decided.slots[units[0]], 1):
            if slot.kind == "pending":
                either = np.moveaxis(grid, axis, 1).reshape(len(units), slot.size, -1)
                best, worst = np.maximum(either.min(2), least), np.maximum(either.max(2), most)
                for n, outcomes in zip(units, np.where(best == worst, best, TO_INVESTIGATE).tolist(), strict=True):
                    of = decided.slots[n][axis - 1]
                    by[own[n]].answers[of.persons[0], of.fact] = outcomes
    for n in sorted(asks):
        result = by[own[n]]
        if result.low != result.high and not result.lacks:
            result.asks = [*result.asks, *asks[n]]


def _others(layout: Layout, part: Sequence[int], outcomes: Sequence[int]) -> Ints:
    """By unit of the part, the worst outcome of the other units of its household. outcomes: of all units."""
    own = layout.own
    worst = {
        n: sorted([MET, MET, *(outcomes[at] for at in layout.of_household(n))])[-2:] for n in {own[at] for at in part}
    }
    return np.array([worst[own[at]][outcomes[at] < worst[own[at]][1]] for at in part])


def _differ(grids: Ints) -> list[tuple[bool, ...]]:
    """By unit (the first axis), the slots of which two values, all else equal, give different outcomes."""
    differs = [
        (grids.max(axis) != grids.min(axis)).reshape(len(grids), -1).any(axis=1).tolist()
        for axis in range(1, grids.ndim)
    ]
    return list(zip(*differs, strict=True))


def _missing(decided: Decided, own: Sequence[int], by: Mapping[int, Result]) -> None:
    """Note which rows of figures the results lack. own: the households of the units that were decided."""
    for name, days, lacks in decided.table.missing:
        for row, _ in np.argwhere(lacks).tolist():
            year = date.fromordinal(int(np.broadcast_to(days, lacks.shape)[row].max())).year
            by[own[int(decided.starts.searchsorted(row, side="right")) - 1]].lacks |= {f"{name} {year}"}


def _ranges(grids: Ints, slots: Sequence[Slot]) -> list[Range]:
    """By unit, from the least to the most a figure can be; no upper end where only an amount at its maximum gives it."""
    if not slots:
        return list(zip(*[grids.tolist()] * 2, strict=True))
    bounded = grids
    for axis, slot in enumerate(slots, 1):
        if slot.kind == "amount" and slot.size > 1:
            bounded = np.delete(bounded, SURE.index(HIGHEST), axis)
    axes = tuple(range(1, grids.ndim))
    least, most, most_bounded = grids.min(axes).tolist(), grids.max(axes).tolist(), bounded.max(axes).tolist()
    return [(low, high if high == end else None) for low, high, end in zip(least, most, most_bounded, strict=True)]


def _answers(ask: Mapping[str, Any], results: Sequence[Result]) -> dict[str, dict[str, str]] | None:
    """What either decision on a pending proof gives; none where more is unknown than can be tried."""
    proof = ask["person"], ask["fact"]
    of = [result for result in results if proof in result.answers]
    if not of or any(result.over for result in of):
        return None
    own = next(result for result in of if result.plan.id == ask["condition"]).given(proof)
    bars = [result.given(proof) for result in results if result.plan.effect == "bar"]
    return {
        decision: {"condition": OUTCOMES[own[at]], "outcome": OUTCOMES[max((one[at] for one in bars), default=MET)]}
        for at, decision in enumerate(("interpreted", "rejected"))
    }


def _euro(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _written(low: int, high: int | None) -> str | list[str | None]:
    return _euro(low) if low == high else [_euro(low), None if high is None else _euro(high)]


@cache
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
