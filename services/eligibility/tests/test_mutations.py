"""Every figure, comparison, outcome and exception of the rule files is pinned by a case: change one, and some case fails.

What only tells people something (titles, sentences, articles, documents) decides nothing and is not changed here.
"""

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from eligibility import cases, mutations, rulefiles
from eligibility.__main__ import cli
from eligibility.cases import Case
from eligibility.domain.rulebook import OUTCOMES
from eligibility.domain.source import Node, plain
from eligibility.mutations import NEAREST, nearest
from eligibility.rulefiles import RULES

CASES = cases.read(RULES)
DOCUMENTS = {name: rulefiles.read(text, name) for name, text in rulefiles.texts(RULES).items()}
TOLD = ("title", "say", "source", "proofs", "unknown_proofs")
OTHER_MARK = {"S": "K", "D": "K", "K": "S", "F": "S"}  # what is certain becomes provisional, and the other way round

BEFORE_2019 = "nobody is decided on a day before 2019"
EVERY_ASSESSMENT = "lists of assessments and of rights are looked at of candidates alone"
EACH = "what this verb gives is always said of each candidate"
EQUIVALENT = {
    "conditions/age.yaml: valid.from: 2019-01-01 → 2018-12-31": BEFORE_2019,
    "conditions/residence.yaml: valid.from: 2019-01-01 → 2018-12-31": BEFORE_2019,
    "conditions/income.yaml: valid.from: 2019-01-01 → 2018-12-31": BEFORE_2019,
    "conditions/property.yaml: valid.from: 2019-01-01 → 2018-12-31": BEFORE_2019,
    "conditions/language.yaml: valid.from: 2017-11-01 → 2017-10-31": BEFORE_2019,
    "conditions/language.yaml: valid.from: 2017-11-01 → 2017-11-02": BEFORE_2019,
    "parameters/dependant_weight.yaml: rows.0.from: 2019-01-01 → 2018-12-31": BEFORE_2019,
    "conditions/income.yaml: figures.yearly.latest.years_back.0: 1 → 0": "an income lies before the year of the test",
    "conditions/income.yaml: figures.yearly.about: dropped": EACH,
    "conditions/income.yaml: figures.recent.about: dropped": EACH,
    "facts.yaml: facts.incomes.about.0: dropped": EVERY_ASSESSMENT,
    "facts.yaml: facts.real_rights.about.0: dropped": EVERY_ASSESSMENT,
}


@dataclass(frozen=True)
class Mutant:
    """The rule files with one thing changed. change: file, where in it, what was and what came."""

    file: str
    line: int
    change: str
    documents: Mapping[str, list[Node]]


def mutants() -> list[Mutant]:
    found = []
    for file, documents in DOCUMENTS.items():
        for n, document in enumerate(documents):
            for change in changes(document):
                with_it = {**DOCUMENTS, file: [*documents[:n], change.root, *documents[n + 1 :]]}
                found.append(Mutant(file, change.line, f"{file}: {change.path}: {change.what}", with_it))
    return found


class Change(NamedTuple):
    line: int
    path: str
    what: str
    root: Node

    def under(self, key: str, root: Node) -> "Change":
        return self._replace(path=f"{key}.{self.path}".rstrip("."), root=root)


def changes(node: Node, key: str = "") -> Iterator[Change]:
    """Each change at or below a node, with this node as it then is."""
    value = node.value
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in TOLD:
                continue
            yield Change(inner.line, name, "dropped", _as(node, {k: v for k, v in value.items() if k != name}))
            if name in NEAREST:
                nearest = {NEAREST[k] if k == name else k: v for k, v in value.items()}
                yield Change(inner.line, name, f"{name} → {NEAREST[name]}", _as(node, nearest))
            for below in changes(inner, name):
                yield below.under(name, _as(node, {**value, name: below.root}))
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield Change(item.line, str(n), "dropped", _as(node, [*value[:n], *value[n + 1 :]]))
            for below in changes(item, key):
                yield below.under(str(n), _as(node, [*value[:n], below.root, *value[n + 1 :]]))
    else:
        for other in _others(value, key):
            yield Change(node.line, "", f"{value} → {other}", _as(node, other))


def _as(node: Node, value: Any) -> Node:
    return Node(value, node.file, node.line)


def _others(value: Any, key: str) -> list[Any]:
    """What may stand in the place of a value: its neighbours, or another word of its kind."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | Decimal):
        return nearest(value)
    if isinstance(value, date):
        return [value - timedelta(1), value + timedelta(1)]
    if key in ("mark", "nil_hides_older"):
        return [OTHER_MARK[value]]
    if value in OUTCOMES:
        return [outcome for outcome in OUTCOMES if outcome != value]
    return next(([words[words.index(value) - 1]] for words in WORDS if value in words and len(words) > 1), [])


def _words() -> list[tuple[str, ...]]:
    """Words that may stand for each other: the values of a fact, columns of a parameter, figures of a file."""
    found: list[tuple[str, ...]] = [("interpreted", "rejected"), ("bar", "duty"), ("candidates", "co_residents")]
    for fact in DOCUMENTS["facts.yaml"][0].mapping()["facts"].mapping().values():
        fields = fact.mapping()["fields"].mapping().values() if "fields" in fact.mapping() else ()
        found += [
            tuple(plain(values)) for values in (*fields, *(v for k, v in fact.mapping().items() if k == "values"))
        ]
    for document in itertools.chain.from_iterable(DOCUMENTS.values()):
        found += [tuple(node.mapping()) for name, node in document.mapping().items() if name == "figures"]
        found += [tuple(plain(node)) for name, node in document.mapping().items() if name == "columns"]
    return found


WORDS = _words()
MUTANTS = mutants()


def survivors(mutants: Iterable[Mutant], cases_: Sequence[Case] = CASES) -> list[str]:
    """file:line and the change, of each that loads and that no case fails on."""
    return [f"{m.change} (line {m.line})" for m in mutants if m.change not in EQUIVALENT and survives(m, cases_)]


def survives(mutant: Mutant, cases_: Sequence[Case]) -> bool:
    return mutations.survives(mutant.documents, cases_, mutant.file)


def test_a_sample_of_mutants_fails_some_case() -> None:
    assert survivors(random.Random(613).sample(MUTANTS, 100)) == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_mutant_fails_some_case_and_what_is_equivalent_none() -> None:
    assert survivors(MUTANTS) == []
    assert [m.change for m in MUTANTS if m.change in EQUIVALENT and not survives(m, CASES)] == []


def test_what_is_said_to_be_equivalent_is_still_tried() -> None:
    assert set(EQUIVALENT) <= {mutant.change for mutant in MUTANTS}


def test_every_kind_of_change_is_tried() -> None:
    for change in (
        "parameters/income_limits.yaml: rows.5.single: 29515 → 29516",
        "parameters/health_index.yaml: rows.0.june: 103.74 → 103.73",
        "parameters/income_limits.yaml: rows.6.mark: F → S",
        "parameters/dependant_weight.yaml: rows.1.with_handicap: 2 → 1",
        "conditions/income.yaml: figures.yearly.sum.3: dropped",
        "conditions/income.yaml: figures.yearly.latest.years_back.1: 3 → 4",
        "conditions/income.yaml: rules.0.when.recents_counted: dropped",
        "conditions/income.yaml: rules.0.when.income.at_most: at_most → below",
        "conditions/income.yaml: rules.3.unless: dropped",
        "conditions/income.yaml: rules.2.unless.0.when.some_candidate.no_income_declared.proof: interpreted → rejected",
        "conditions/property.yaml: rules.0.unless.7: dropped",
        "conditions/property.yaml: rules.0.then: not_met → to_investigate",
        "conditions/language.yaml: effect: duty → bar",
        "conditions/means.yaml: spared.registered_before: 2024-01-01 → 2024-01-02",
        "figures.yaml: figures.limit.column.1.is: single → per_dependant",
    ):
        assert change in {mutant.change for mutant in MUTANTS}


def test_what_no_case_pins_is_named_with_its_line() -> None:
    of_another_year = [case for case in CASES if case.household["reference_date"].year != 2026]
    raised = [mutant for mutant in MUTANTS if mutant.change.endswith("rows.7.others: 47039 → 47040")]
    said = "parameters/income_limits.yaml: rows.7.others: 47039 → 47040 (line 16)"
    assert (survivors(raised, of_another_year), survivors(raised)) == ([said], [])


def test_a_mark_is_pinned_by_what_cases_expect_to_be_provisional() -> None:
    without = [
        replace(case, expect={key: one for key, one in case.expect.items() if key != "provisional"}) for case in CASES
    ]
    marks = [mutant for mutant in MUTANTS if re.search("mark: . →|nil_hides_older: . →", mutant.change)]
    marks = random.Random(0).sample(marks, 4)
    assert (len(survivors(marks, without)), survivors(marks)) == (len(marks), [])


def test_rules_test_names_each_figure_that_no_case_pins(rules: Path) -> None:
    few = rules / "few.cases.yaml"
    household = "date: 2019-03-20, candidates: [{incomes: 41444}], co_residents: [{recognised_handicap: true}]"
    few.write_text(f"- {{case: A dependant with a handicap counts for two, {household}, expect: {{income: met}}}}")
    options = ["--rules", str(rules), "--cases", str(few), "--mutate", "parameters/dependant_weight.yaml"]
    result = CliRunner().invoke(cli, ["rules", "test", *options])
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, "1 case, 0 failed, 3 changes not noticed")
    file = rules / "parameters/dependant_weight.yaml"
    assert result.stdout.splitlines()[:-1] == [
        f"{file}:9: no case notices `with_handicap`: 2 → 3: add one at either side",
        f"{file}:10: no case notices `with_handicap`: 2 → 1: add one at either side",
        f"{file}:10: no case notices `with_handicap`: 2 → 3: add one at either side",
    ]


def test_every_figure_of_a_file_is_noticed_by_the_cases_beside_the_rules() -> None:
    assert list(mutations.unpinned(DOCUMENTS, CASES, "conditions/age.yaml")) == []
    assert list(mutations.unpinned(DOCUMENTS, CASES, "parameters/dependant_weight.yaml")) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_figure_of_the_law_and_every_comparison_is_noticed() -> None:
    assert list(mutations.unpinned(DOCUMENTS, CASES, "*")) == []
