"""A decision laid open: condition, outcome, the rules that decided, the figures they looked at and how each was reached, facts.

As data first (`explain`), in both languages; `as_tree` is how it looks in one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from rich.text import Text
from rich.tree import Tree

from cir_schemas.household import HouseholdToAssess
from cir_schemas.types import euro
from eligibility.domain.completions import lay_out
from eligibility.domain.decide import Engine
from eligibility.domain.facts import HIGHEST
from eligibility.domain.figures import Choose, CountCoResidents, Figure, FromTable, Latest, Name, Parameter, When
from eligibility.domain.rulebook import OUTCOMES, PLACEHOLDER, Condition, Rule, RuleBook
from eligibility.domain.source import Node

WORDS = {
    "nl": {
        "met": "voldaan", "not_met": "niet voldaan", "to_investigate": "te onderzoeken", "bar": "voorwaarde", "duty": "plicht",
        "because": "omdat", "at_best": "als alles meezit:", "asks": "nog te weten",
        "could_claim": "kan nog aangevoerd worden", "provisional": "voorlopig", "article": "artikel",
        "unknown": "onbekend", "none": "geen", "True": "ja", "False": "nee", "not_yet": "nog niet bekend",
    },
    "en": {
        "met": "met", "not_met": "not met", "to_investigate": "to be investigated", "bar": "bar", "duty": "duty",
        "because": "because", "at_best": "if all turns out well:", "asks": "still to be known",
        "could_claim": "could be claimed", "provisional": "provisional", "article": "article",
        "unknown": "unknown", "none": "none", "True": "yes", "False": "no", "not_yet": "not known yet",
    },
}  # fmt: skip
COLOURS = {"met": "green", "to_investigate": "yellow", "not_met": "red"}


def explain(engine: Engine, household: HouseholdToAssess) -> dict[str, Any]:
    """The decision and what it stands on, JSON-ready: the answer, with each condition laid open."""
    asked = household.model_dump()
    [answer] = engine.decide([asked])
    facts = {member["id"]: member for member in household.model_dump(mode="json")["members"]}
    opened = {
        condition.id: _Opened(condition, engine.rules, asked, facts).as_data(answer)
        for condition in engine.rules.conditions
        if condition.id in answer["conditions"] and condition.holds_on(asked["reference_date"].toordinal())
    }
    return {**answer, "conditions": opened}


def source(node: Node, otherwise: Node | None = None) -> dict[str, Any]:
    """The act and article of a part of a rule file; without its own, those of what it stands in."""
    found = node.mapping().get("source") or (otherwise or node).mapping()["source"]
    return {key: value.value for key, value in found.mapping().items()}


class _Opened:
    """One condition of one household, in all its completions."""

    def __init__(
        self, condition: Condition, rules: RuleBook, household: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> None:
        self.condition, self.facts = condition, facts
        self.day = household["reference_date"].toordinal()
        self.figures = {figure.name: figure for figure in condition.figures}
        self.told: set[str] = set()
        layout = lay_out(condition, [household], [0], rules)
        self.units = layout.units
        if self.units:
            self.decided, _ = layout.complete()
            self.table = self.decided.table
            self.missing = {name for name, _, _ in self.table.missing}

    def as_data(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        condition, one = self.condition, answer["conditions"][self.condition.id]
        names = [name for rule in condition.all_rules() for name in rule.when.names()]
        figures = dict.fromkeys([*condition.show, *(name.name for name in names if name.figure)])
        return {
            "title": condition.title,
            "source": source(condition.place),
            "place": condition.place.at,
            "outcome": one["outcome"],
            "effect": one["effect"],
            "because": [self._rule(rule, answer) for rule in condition.all_rules() if rule.id in one["because"]],
            "figures": [self._figure(self.figures[name]) for name in figures] if self.units else [],
            "facts": self._facts(f"{'applicant' if n.first else 'each'}.{n.column.fact}" for n in names if n.column),
            **{
                key: [ask for ask in answer[key] if ask["condition"] == condition.id] for key in ("asks", "could_claim")
            },
        }

    def _rule(self, rule: Rule, answer: Mapping[str, Any]) -> dict[str, Any]:
        """What a rule said: the sentences of the answer that its words made."""
        said = {}
        for language, words in (rule.say or {}).items():
            made = ".+".join(map(re.escape, PLACEHOLDER.split(words)[::3]))
            said[language] = [sentence for sentence in answer["say"][language] if re.fullmatch(made, sentence)]
        return {
            "rule": rule.id,
            "then": OUTCOMES[rule.then],
            "source": source(rule.place, self.condition.place),
            "place": rule.place.at,
            "say": said,
        }

    def _figure(self, figure: Figure) -> dict[str, Any]:
        """A figure and what it was reached from; told once, after that its value alone."""
        known: dict[str, Any] = {"figure": figure.name, "value": None if self._lacks(figure) else self._value(figure)}
        if figure.name in self.told:
            return known
        self.told.add(figure.name)
        verb = figure.by
        of: Sequence[str] = [name for name in self.figures if name in figure.names]
        if isinstance(verb, Choose):
            targets = [name.name if isinstance(name, Name) else str(name) for name in self._chosen(verb.branches)]
            known["chosen"] = list(dict.fromkeys(targets))
            of = [name for name in of if name in known["chosen"]]
        return known | {
            "verb": figure.verb,
            "rows": list(self._rows(figure)),
            "of": [self._figure(self.figures[name]) for name in of],
            "facts": {} if isinstance(verb, Choose) else self._facts(figure.names),
        }

    def _lacks(self, figure: Figure) -> bool:
        """Whether it needs a row of the law's figures that is not known."""
        of = (self.figures[name] for name in figure.names if name in self.figures)
        return any(parameter.name in self.missing for parameter in figure.parameters) or any(map(self._lacks, of))

    def _value(self, figure: Figure) -> Any:
        """Of each person or thing where it is said of each; where something is unknown, from the least to the most."""
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

    def _chosen(self, branches: Sequence[tuple[When, Any]]) -> list[Any]:
        """Where the first branch that holds leads; of more than one completion or person, all of these."""
        open_, chosen = self.table.present, []
        for when, target in branches:
            holds = open_ & when.holds(self.table)[0]
            if holds.any():
                chosen.append(target)
            open_ = open_ & ~holds
        return chosen

    def _rows(self, figure: Figure) -> Iterator[dict[str, Any]]:
        """The rows of the law's figures that it used."""
        verb, day = figure.by, self.day
        for parameter in figure.parameters:
            days, columns = {day}, tuple(parameter.columns)
            if isinstance(verb, FromTable):
                columns = (*self._chosen(verb.branches), *(column for column, _ in verb.plus))
            if isinstance(verb, Latest):  # of last year: counts as it is
                last = date.fromordinal(day).year - 1
                years = {int(year) for year in np.unique(self.table.cells[f"{verb.name} year"])} - {0, last}
                days = {date(year, 1, 1).toordinal() for year in years | ({last} if years else set())}
            if isinstance(verb, CountCoResidents) and not (self.table.profiles @ verb.heavy).any():
                continue
            yield from (self._row(parameter, day, columns) for day in sorted(days))

    def _row(self, parameter: Parameter, day: int, columns: Iterable[str]) -> dict[str, Any]:
        node = parameter.place
        row = {"parameter": parameter.name, "source": source(node)}
        at = int(parameter.starts.searchsorted(day, side="right")) - 1
        if at < 0 or parameter.ends[at] < day:
            return row | {"place": node.at, "on": date.fromordinal(day).isoformat(), "mark": None, "values": None}
        spec, row_node = node.mapping(), node.mapping()["rows"].items()[at]
        given = row_node.mapping()
        times = f" × {spec['times'].value}" if "times" in spec else ""
        return row | {
            "place": row_node.at,
            "on": str(given["year" if "year" in given else "from"].value),
            "mark": (given.get("mark") or spec["mark"]).value,
            "values": {column: f"{given[column].value}{times}" for column in columns},
        }

    def _facts(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What was declared, by fact and person. names: `each.…`, `applicant.…`, `co_resident.…` or `fact.…`."""
        found: dict[str, dict[str, Any]] = {}
        for of, fact in sorted({tuple(name.split(".")[:2]) for name in names if "." in name}):
            for id_, member in self.facts.items():
                if not member["moves_in"] or (of == "applicant" and member["role"] != "applicant"):
                    continue
                if (of == "co_resident") == (member["role"] == "co_resident"):
                    found.setdefault(fact, {})[id_] = member[fact]
        return found


def as_tree(explained: Mapping[str, Any], rules: RuleBook, language: str) -> Tree:
    """In words, in a language; ids, verbs and places as the rule files have them."""
    words = WORDS[language]

    def put(value: Any) -> str:
        if isinstance(value, Mapping):
            return ", ".join(f"{key} {put(part)}" for key, part in value.items() if part not in (None, "0.00"))
        if isinstance(value, list):
            return "; ".join(map(put, value)) or words["none"]
        return words["unknown"] if value is None else words[str(value)] if isinstance(value, bool) else str(value)

    def amount(value: Any) -> str:
        if value is None:
            return words["not_yet"]
        if isinstance(value, list):
            return f"≥ {value[0]}" if value[1] is None else f"{value[0]} … {value[1]}"
        return (
            ", ".join(f"{of} {amount(one)}" for of, one in value.items()) if isinstance(value, Mapping) else str(value)
        )

    def by(found: Mapping[str, Any]) -> str:
        return f"{found['act']} {words['article']} {found['article'] or '(' + words['not_yet'] + ')'}"

    def at(place: str) -> str:
        return "/".join(place.split("/")[-2:])

    def facts(tree: Tree, found: Mapping[str, Any]) -> None:
        for fact, persons in found.items():
            claim = rules.facts[fact].type == "proven_claim"  # left out, it is not made
            said = (
                f"{id_} {words['none'] if claim and value is None else put(value)}" for id_, value in persons.items()
            )
            tree.add(Text(f"{rules.facts[fact].title[language]}: {', '.join(said)}", "dim"))

    def figure(tree: Tree, one: Mapping[str, Any]) -> None:
        how = f"  ({one['verb']}{': ' + ', '.join(one['chosen']) if 'chosen' in one else ''})" if "verb" in one else ""
        inside = tree.add(Text.assemble(one["figure"], " = ", (amount(one["value"]), "bold"), (how, "dim")))
        for row in one.get("rows", ()):
            values = words["not_yet"] if row["values"] is None else f"{put(row['values'])} [{row['mark']}]"
            inside.add(
                Text(f"{row['parameter']} {row['on']}: {values}, {by(row['source'])}, {at(row['place'])}", "cyan")
            )
        for part in one.get("of", ()):
            figure(inside, part)
        facts(inside, one.get("facts", {}))

    colour = COLOURS[explained["outcome"]]
    tree = Tree(Text.assemble(f"{explained['reference_date']}: ", (words[explained["outcome"]], f"bold {colour}")))
    for id_, one in explained["conditions"].items():
        outcome = (words[one["outcome"]], f"bold {COLOURS[one['outcome']]}")
        head = (
            f"{one['title'][language]} ({id_}): ",
            outcome,
            f" [{words[one['effect']]}], {by(one['source'])}, {at(one['place'])}",
        )
        branch = tree.add(Text.assemble(*head))
        for rule in one["because"]:
            why = words["because" if rule["then"] == one["outcome"] else "at_best"]
            because = branch.add(Text(f"{why} {rule['rule']}, {by(rule['source'])}, {at(rule['place'])}"))
            for sentence in rule["say"].get(language, ()):
                because.add(Text(f"“{sentence}”", "italic"))
        for part in one["figures"]:
            figure(branch, part)
        facts(branch, one["facts"])
        for key in ("asks", "could_claim"):
            for ask in one[key]:
                branch.add(Text(f"{words[key]}: {ask['person']}.{ask['fact']} ({', '.join(ask['proofs'])})", "yellow"))
    if explained["provisional"]:
        tree.add(f"{words['provisional']}: {', '.join(explained['provisional'])}")
    return tree
