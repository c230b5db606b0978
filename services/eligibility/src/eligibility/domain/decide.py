"""From households and rules to answers: durable_rules decides what has no unknown, columns everything else.

A unit without unknowns is decided by the rules that durable_rules left firing, folded. Of one with unknowns the columns decide
every completion: the same outcome in all of them is the outcome, otherwise it is to be investigated, what differs is asked, and
the reasons are those of its most favourable completion. Figures are the columns' in both; `compare` holds the two side by side.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from eligibility.domain.completions import Decided, Layout, fold
from eligibility.domain.facts import day_number
from eligibility.domain.matcher import Facts, Matcher
from eligibility.domain.results import Range, Result, Results
from eligibility.domain.rulebook import MET, OUTCOMES, PLACEHOLDER, TO_INVESTIGATE, Condition, RuleBook
from eligibility.domain.units import Batch, Household, Slot

DUTCH = str.maketrans(",.", ".,")


class NoRuleInForce(Exception):
    """No condition holds on that day: a household that nothing was asked of has met nothing."""


class Difference(NamedTuple):
    """What the two matchers say otherwise of a unit. household: its place among those compared; the ids of rules."""

    household: int
    condition: str
    by_durable_rules: list[str]
    by_columns: list[str]


class Engine:
    """Rules, ready to decide by. `counts` tells how often the bound was met."""

    def __init__(self, rules: RuleBook) -> None:
        self.rules = rules
        self.matcher = Matcher(rules)
        self.facts = {condition.key: Facts(condition) for condition in rules.conditions}
        self.bit = {(c.key, rule.id): 1 << at for c in rules.conditions for at, rule in enumerate(c.all_rules)}
        self.order = {name: at for at, name in enumerate(rules.facts)}
        self.counts: Counter[str] = Counter()

    def decide(self, households: Sequence[Household]) -> list[dict[str, Any]]:
        """Decide households, plain dicts as `HouseholdToAssess.model_dump()` gives them: answers in the contract's shape.

        Money is in cents in the household and a decimal string in the answer.
        Raises `NoRuleInForce`, `EngineFailed`.
        """
        results: list[list[Result]] = [[] for _ in households]
        for layout, known, fired in self._match(households):
            of, met = Results(layout), Result(layout.condition)
            if known:
                of.known(known, fired)
            if layout.slots:
                of.unknown()
            of.claims()
            self.counts["over_bound"] += of.too_many
            for n, found in enumerate(results):
                if layout.in_force[n]:
                    found.append(of.by.get(n, met))
        if nothing := [h["reference_date"] for h, found in zip(households, results, strict=True) if not found]:
            raise NoRuleInForce(f"no condition is in force on {nothing[0]}")
        return [self._answer(h, found) for h, found in zip(households, results, strict=True)]

    def compare(self, households: Sequence[Household]) -> list[Difference]:
        """Where columns decide what durable_rules decides of these households by other rules, or to another outcome."""
        found = []
        for layout, known, fired in self._match(households):
            condition = layout.condition
            if known is None:
                continue
            by_columns = known.fired.tolist(), known.outcome.tolist()
            for at, one, bits, outcome in zip(layout.known, fired, *by_columns, strict=True):
                if (one, fold(condition.thens, one)[0]) != (bits, outcome):
                    both = [[r.id for n, r in enumerate(condition.all_rules) if by >> n & 1] for by in (one, bits)]
                    found.append(Difference(layout.own[at], condition.id, *both))
        return found

    def _match(self, households: Sequence[Household]) -> list[tuple[Layout, Decided | None, list[int]]]:
        """Each condition; what is known in it, with its figures; and the rules that durable_rules fires on that, a bit each."""
        if not households:
            return []
        batch = Batch(households, self.rules)
        when = [(day_number(h["reference_date"]), h["moment"], h["registered_on"]) for h in households]
        in_force = [(c, [c.applies(*one) for one in when]) for c in self.rules.conditions]
        layouts = [Layout(condition, batch, of) for condition, of in in_force if any(of)]
        told = {about: [""] * len(units) for about, units in batch.units.items()}
        known: list[Decided | None] = []
        for layout in layouts:
            known.append(layout.decide_layout(layout.known, {}) if layout.known else None)
            if decided := known[-1]:
                self.facts[layout.condition.key].tell(layout, decided.table, told)
        of: list[list[str]] = [[] for _ in households]
        for about, units in batch.units.items():
            for row, (unit, fact) in enumerate(zip(units, told[about], strict=True)):
                if fact:
                    of[unit.household].append(f'{{"unit":{row},"kind":"{about}"{fact}')
        fired: dict[tuple[str, int], int] = defaultdict(int)
        for facts_of in filter(None, of):
            for key, row, rule in self.matcher.match(facts_of):
                fired[key, row] |= self.bit[key, rule]
        by = [[fired.get((of.condition.key, of.rows[at]), 0) for at in of.known] for of in layouts]
        return list(zip(layouts, known, by, strict=True))

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
            condition, outcome, undecided = result.condition, result.outcome, result.undecided
            because = () if undecided or not result.bits else fold(condition.thens, result.bits)[1]
            deciding = [condition.all_rules[at].id for at in because]
            one: dict[str, Any] = {"outcome": OUTCOMES[outcome], "effect": condition.effect, "because": deciding}
            if result.figures and not undecided:
                one["figures"] = {name: _written(*result.figures[name]) for name in condition.show}
            conditions[condition.id] = one
            if not result.lacks:
                marked |= result.marks
            if outcome > bars and condition.effect == "bar":
                bars = outcome
            if result.asks or result.claims:
                asks += self._wanted(condition, result.asks, order)
                claims += self._wanted(condition, result.claims, order)
            if undecided or result.asks or result.claims or result.bits & condition.saying:
                self._say(say, result, outcome, because, roles)
        for ask in asks:
            if answers := _answers(ask, results):
                ask["answers"] = answers
        return {
            "reference_date": household["reference_date"].isoformat(), "outcome": OUTCOMES[bars], "rules": self.rules.hash,
            "provisional": self.rules.marks.in_(marked) if marked else [],
            "conditions": conditions, "asks": asks, "could_claim": claims,
            "say": {language: list(dict.fromkeys(sentences)) for language, sentences in say.items()},
        }  # fmt: skip

    def _wanted(self, condition: Condition, slots: Sequence[Slot], order: Sequence[str]) -> list[dict[str, Any]]:
        """What is asked, or could be claimed: in the order of the members and of facts.yaml."""
        each = [(order.index(person), self.order[_fact(slot.fact)], slot) for slot in slots for person in slot.persons]
        if len(each) > 1:
            each.sort(key=itemgetter(0, 1))
        return [
            {"condition": condition.id, "person": order[at], "fact": slot.fact, "proofs": list(slot.proofs)}
            for at, _, slot in each
        ]

    def _say(
        self, say: Mapping[str, list[str]], result: Result, outcome: int, because: Sequence[int], roles: Mapping[str, str]
    ) -> None:  # fmt: skip
        """The sentences of a condition, in each language."""
        lacks, title = sorted(result.lacks), result.condition.title
        decided = outcome != TO_INVESTIGATE or not (result.asks or lacks or result.over)
        rules = [(at, result.condition.all_rules[at].say) for at in because if decided]
        spoken = [
            (words, unit.persons[0]["role"])
            for at, words in rules if words for _, unit, bits in sorted(result.fired, key=itemgetter(0)) if bits >> at & 1
        ]  # fmt: skip
        wanted = [
            (key, self.rules.facts[_fact(slot.fact)].title, roles[person])
            for key, slots in (("ask", result.asks), ("claim", result.claims)) for slot in slots for person in slot.persons
        ]  # fmt: skip
        for language, said in say.items():
            words = self.rules.texts[language]
            said += [words["missing"].format(title=title[language], figure=lack) for lack in lacks]
            if result.over:
                said.append(words["over"].format(title=title[language]))
            said += [_said(sentence[language], result.figures or {}, role, words) for sentence, role in spoken]
            said += [words[key].format(fact=fact[language], person=words[role]) for key, fact, role in wanted]


def _answers(ask: Mapping[str, Any], results: Sequence[Result]) -> dict[str, dict[str, str]] | None:
    """What either decision on a pending proof gives; none where more is unknown than can be tried."""
    proof = ask["person"], ask["fact"]
    of = [result for result in results if proof in result.answers]
    if not of or any(result.over for result in of):
        return None
    own = next(result for result in of if result.condition.id == ask["condition"]).given(proof)
    bars = [result.given(proof) for result in results if result.condition.effect == "bar"]
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
        written = f"{cents // 100:,}.{cents % 100:02d}"
        return f"€ {written.translate(DUTCH)}" if words["language"] == "nl" else f"€{written}"

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
