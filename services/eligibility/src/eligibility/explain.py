"""A decision laid open: condition, outcome, the rules that decided, the figures they looked at and how each was reached, facts.

As data, in both languages; templates/explain.txt.jinja is how it looks in one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cir_schemas.household import HouseholdToAssess
from cir_schemas.types import euro
from eligibility.domain.completions import lay_out
from eligibility.domain.decide import Engine
from eligibility.domain.facts import HIGHEST, day_number, day_of
from eligibility.domain.parameters import Parameter
from eligibility.domain.rulebook import OUTCOMES, PLACEHOLDER, Condition, Rule, RuleBook
from eligibility.domain.units import Household
from eligibility.domain.verbs import Figure


def explain(engine: Engine, household: HouseholdToAssess) -> dict[str, Any]:
    """The decision and what it stands on, JSON-ready: the answer, with each condition laid open."""
    asked = household.model_dump()
    [answer] = engine.decide([asked])
    facts = {member["id"]: member for member in household.model_dump(mode="json")["members"]}
    opened = {
        condition.id: _Opened(condition, engine.rules, asked, facts).as_data(answer)
        for condition in engine.rules.conditions
        if condition.id in answer["conditions"] and condition.holds_on(day_number(asked["reference_date"]))
    }
    return {**answer, "conditions": opened}


class _Opened:
    """One condition of one household, in all its completions."""

    def __init__(self, condition: Condition, rules: RuleBook, household: Household, facts: Mapping[str, Any]) -> None:
        self.condition, self.facts = condition, facts
        self.day = day_number(household["reference_date"])
        self.figures = {figure.name: figure for figure in condition.figures}
        self.shown: set[str] = set()
        layout = lay_out(condition, [household], [0], rules)
        self.units = layout.units
        if self.units:
            self.decided, _ = layout.complete()
            self.table = self.decided.table
            self.missing = {name for name, _, _ in self.table.missing}

    def as_data(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        condition, one = self.condition, answer["conditions"][self.condition.id]
        names = [name for rule in condition.all_rules for name in rule.when.names()]
        figures = dict.fromkeys([*condition.show, *(name.name for name in names if name.figure)])
        return {
            "title": condition.title.model_dump(), "source": condition.spec.source.model_dump(),
            "place": condition.place.at, "outcome": one["outcome"], "effect": one["effect"],
            "because": [self._rule(rule, answer) for rule in condition.all_rules if rule.id in one["because"]],
            "figures": [self._figure(self.figures[name]) for name in figures] if self.units else [],
            "facts": self._facts(f"{'applicant' if n.first else 'each'}.{n.column.fact}" for n in names if n.column),
            **{of: [ask for ask in answer[of] if ask["condition"] == condition.id] for of in ("asks", "could_claim")},
        }  # fmt: skip

    def _rule(self, rule: Rule, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The rule, and the sentences of the answer that its words made."""
        said = {}
        for language, words in rule.say.model_dump().items() if rule.say else ():
            made = ".+".join(map(re.escape, PLACEHOLDER.split(words)[::3]))
            said[language] = [sentence for sentence in answer["say"][language] if re.fullmatch(made, sentence)]
        source = (rule.spec.source or self.condition.spec.source).model_dump()
        return {"rule": rule.id, "then": OUTCOMES[rule.then], "source": source, "place": rule.place.at, "say": said}

    def _figure(self, figure: Figure) -> dict[str, Any]:
        """A figure and what it was reached from; shown once, after that its value alone."""
        known: dict[str, Any] = {"figure": figure.name, "value": None if self._lacks(figure) else self._value(figure)}
        if figure.name in self.shown:
            return known
        self.shown.add(figure.name)
        of, chosen = [name for name in self.figures if name in figure.names], figure.by.chosen(self.table)
        if chosen is not None:
            known["chosen"] = chosen
            of = [name for name in of if name in chosen]
        return known | {
            "verb": figure.by.key,
            "rows": [self._row(*row) for row in figure.by.rows(self.table, self.day)],
            "of": [self._figure(self.figures[name]) for name in of],
            "facts": {} if chosen is not None else self._facts(figure.names),
        }

    def _lacks(self, figure: Figure) -> bool:
        """True where it needs a row of the law's figures that is not known."""
        of = (self.figures[name] for name in figure.names if name in self.figures)
        return any(parameter.name in self.missing for parameter in figure.by.parameters) or any(map(self._lacks, of))

    def _value(self, figure: Figure) -> Any:
        """One value, or one of each person or thing; a range where something is unknown."""
        value = self.table.figures[figure.name]
        num = (2 * value.num + value.den) // (2 * value.den)
        num = np.broadcast_to(num, (len(self.table.day), num.shape[1]))
        found: dict[str, Any] = {}
        for unit, start, end in zip(self.units, self.decided.starts, self.decided.starts[1:], strict=False):
            for person, nums in zip(unit.persons, num[start:end].T, strict=False):
                id_ = person["id"] + ("" if unit.thing is None else f"[{unit.thing}]")
                low, high = int(nums.min()), int(nums.max())
                least, most = (euro(n) if figure.money else str(n) for n in (low, high))
                found[id_] = least if low == high else [least, None if high >= HIGHEST else most]
        each = figure.each or self.condition.about != "household"
        return found if each else next(iter(found.values()))

    def _row(self, parameter: Parameter, day: int, columns: Iterable[str]) -> dict[str, Any]:
        """The row of that day; where there is none, the day and nothing more."""
        spec = parameter.spec
        found = {"parameter": parameter.name, "source": spec.source.model_dump(), "place": spec.place.at}
        at = int(parameter.starts.searchsorted(day, side="right")) - 1
        if at < 0 or parameter.ends[at] < day:
            return found | {"on": day_of(day).isoformat(), "mark": None, "values": None}
        row = spec.rows[at]
        times = f" × {spec.times}" if "times" in spec.model_fields_set else ""
        values = {column: f"{(row.model_extra or {})[column]}{times}" for column in columns}
        found |= {"place": row.place.at, "on": str(row.year or row.first)}
        return found | {"mark": row.mark or spec.mark, "values": values}

    def _facts(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The declared values, by fact and person. names: `each.…`, `applicant.…`, `co_resident.…` or `fact.…`."""
        found: dict[str, dict[str, Any]] = {}
        for of, fact in sorted({tuple(name.split(".")[:2]) for name in names if "." in name}):
            for id_, member in self.facts.items():
                if not member["moves_in"] or (of == "applicant" and member["role"] != "applicant"):
                    continue
                if (of == "co_resident") == (member["role"] == "co_resident"):
                    found.setdefault(fact, {})[id_] = member[fact]
        return found
