"""What is wrong with rules that can be read is found by deciding households at every boundary."""

from datetime import date
from pathlib import Path

import pytest

from eligibility.domain import completions
from eligibility.domain.check import check
from eligibility.domain.source import WrongRuleFile
from eligibility.rulefiles import RULES, load

from .test_rules_cli import place, spoil

TODAY = date(2024, 3, 20)


def test_nothing_is_wrong_with_the_rules_in_force() -> None:
    wrong, not_yet = check(load(RULES), TODAY)
    assert wrong == []
    assert all("the article is not known yet" in message for message in not_yet)


AGE, INCOME, PROPERTY = "conditions/age.yaml", "conditions/income.yaml", "conditions/property.yaml"
WRONG = [
    (AGE, "  - id: age.minor", "below: 18", "below: 0", "`age.minor` can never decide: no household meets it (4 tried)"),
    (INCOME, "  - id: income.nil", "recents_counted: 0, income: 0}", "recents_counted: 3, income: 0}", "never decide"),
    (INCOME, "      - id: income.set_aside", "some_candidate: {set_aside", "income: 0, some_candidate: {set_aside", "never"),
    (PROPERTY, "      - id: property.adl", "adl_dwelling, p", "adl_dwelling, right: bare_ownership, p", "never decide"),
    (
        INCOME, "condition: income", "income: {above: 0, at_most: limit}", "income: {above: 0, below: limit}",
        "no rule of `income` holds on 2019-01-01 where recents_counted is 0, income is 24852.00, limit is 24852.00",
    ),
    (
        INCOME, "condition: income", "recents_counted: {above: 0}", "recents_counted: {above: 0, below: 2}",
        "no rule of `income` holds on 2019-01-01 where recents_counted is 2",
    ),
    (
        INCOME, "  - id: income.above_limit", "income: {above: limit}", "yearly_sum: {above: 0}",
        "not_met contradicts `income.within_limit` (line ",
    ),
    (
        INCOME, "  - id: income.above_limit", "income: {above: limit}", "income: {at_least: limit}",
        "both hold on 2019-01-01 where recents_counted is 0, income is 24852.00, limit is 24852.00",
    ),
    (
        AGE, "      - id: age.guided", "guided_independent_living: true}\n        then: met",
        "guided_independent_living: true}\n        then: to_investigate",
        "met): both hold on 2019-01-01 where emancipated is true, guided",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("file", "at", "was", "now", "said"), WRONG, ids=[now for *_, now, _ in WRONG])
def test_what_is_wrong_is_found_with_its_place(rules: Path, file: str, at: str, was: str, now: str, said: str) -> None:
    spoil(rules / file, was, now)
    wrong, _ = check(load(rules), TODAY)
    where = place(rules / file, at)
    assert any(message.startswith(where) and said in message for message in wrong), wrong


@pytest.mark.parametrize(
    "when",
    [
        "dependants: {above: 2}, income: 0",
        "dependants: 0, candidates: 2, income: 0",
        "some_candidate: {recent_income.months: 6}, income: {above: limit}",
        "some_candidate: {recognised_handicap: true, no_income_declared.proof: interpreted}, income: 0",
    ],
)
def test_what_some_household_meets_is_not_wrong(rules: Path, when: str) -> None:
    first = "      - id: income.no_income_declared\n" if "income: 0" in when else "      - id: income.set_aside\n"
    spoil(rules / INCOME, first, f"      - id: income.some\n        when: {{{when}}}\n        then: met\n{first}")
    assert check(load(rules), TODAY)[0] == []


CAP = """\
parameter: cap
title: {nl: plafond, en: cap}
unit: euro
source: {act: BVCW, article: null}
known_until: null
columns: [cap]
rows:
  - {from: 2019-01-01, through: 2025-06-30, cap: 9000000, mark: K}
  - {from: 2025-07-01, through: null, cap: 1, mark: K}
"""
CAPPED = """\
  - id: means.capped
    when: {balances: {above: cap}}
    then: to_investigate
    say: {nl: "Boven het plafond.", en: "Above the cap."}
"""


def test_rules_are_tried_in_every_row_of_the_figures_of_the_law(rules: Path) -> None:
    (rules / "parameters/cap.yaml").write_text(CAP)
    means = rules / "conditions/means.yaml"
    spoil(means, "figures:\n", "figures:\n  cap: {from: cap, column: [{otherwise: cap}]}\n")
    means.write_text(means.read_text() + CAPPED)
    [said] = check(load(rules), TODAY)[0]
    assert said == (
        f"{place(means, '  - id: means.capped')}to_investigate contradicts `means.above_limit` "
        f"(line {place(means, '  - id: means.above').split(':')[1]}, not_met): "
        "both hold on 2025-07-01 where balances is 9000000.00, limit is 30636.00, cap is 1.00"
    )


def test_a_row_that_is_not_known_decides_nothing(rules: Path) -> None:
    (rules / "parameters/cap.yaml").write_text(
        CAP.replace("2025-06-30", "2028-06-30").replace("2025-07-01", "2028-07-01")
    )
    means = rules / "conditions/means.yaml"
    spoil(means, "figures:\n", "figures:\n  cap: {from: cap, column: [{otherwise: cap}]}\n")
    means.write_text(means.read_text() + CAPPED)
    [said] = check(load(rules), TODAY)[0]
    assert said.startswith(f"{place(means, '  - id: means.capped')}`means.capped` can never decide")


def test_a_condition_may_say_only_what_is_met(rules: Path) -> None:
    language = rules / "conditions/language.yaml"
    language.write_text(language.read_text().replace("then: not_met", "then: met"))
    assert check(load(rules), TODAY)[0] == []


def test_a_condition_too_large_to_try_is_said(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completions, "BOUND", 100)
    assert (
        f"{place(rules / INCOME, 'condition: income')}too much is open in this condition: not every household is tried"
        in (check(load(rules), TODAY)[0])
    )


def test_each_period_is_checked(rules: Path) -> None:
    path = rules / "conditions/language.yaml"
    twice = "  - id: language.exempt\n    when: {language: exempt}\n    then: met\n    unless:\n      - id: language.never\n"
    path.write_text(path.read_text() + twice + "        when: {language: known}\n        then: met\n")
    at = place(path, "      - id: language.never")
    [nothing, never] = check(load(rules), TODAY)[0]
    assert never == f"{at}`language.never` can never decide: no household meets it (3 tried)"
    second = int(place(path, "---").split(":")[1]) + 1
    assert nothing == f"{path}:{second}: no rule of `language` holds on 2023-01-01 where language is known"


def test_a_condition_may_not_begin_before_its_figures(rules: Path) -> None:
    limits = rules / "parameters/income_limits.yaml"
    limits.write_text("".join(line for line in limits.read_text().splitlines(True) if "year: 2019" not in line))
    wrong, _ = check(load(rules), TODAY)
    assert [message for message in wrong if "income_limits" in message] == [
        f"{place(rules / INCOME, 'condition: income')}`income_limits` has no row on 2019-01-01, where this begins"
    ]


def test_a_figure_past_its_day_is_not_yet_wrong(rules: Path) -> None:
    limits = rules / "parameters/income_limits.yaml"
    at = place(limits, "known_until")
    for day, told in ((date(2027, 12, 31), False), (date(2028, 1, 1), True)):
        wrong, not_yet = check(load(rules), day)
        assert (wrong, f"{at}`income_limits` is known until 2027-12-31 only" in not_yet) == ([], told)


def test_an_article_not_known_yet_is_said(rules: Path) -> None:
    _, not_yet = check(load(rules), TODAY)
    assert f"{place(rules / AGE, 'source:')}the article is not known yet" in not_yet


def test_all_that_is_wrong_is_said_at_once(rules: Path) -> None:
    places = [
        spoil(rules / AGE, "below: 18", "bellow: 18"),
        spoil(rules / INCOME, "income: {above: 0, at_most: limit}", "income: {abov: 0, at_most: limit}"),
        spoil(rules / INCOME, "then: not_met", "then: notmet"),
        spoil(rules / "conditions/means.yaml", ', en: "The balances', ', fr: "The balances'),
    ]
    with pytest.raises(WrongRuleFile) as error:
        load(rules)
    said = str(error.value).splitlines()
    assert all(any(line.startswith(at) for line in said) for at in places), said
    assert len(said) == len(places)


@pytest.mark.parametrize(
    "was", ["when: {income: {above: limit}}", "{when: {yearly_sum: {at_most: limit}}, is: yearly_sum}"]
)
def test_an_amount_of_the_law_may_not_stand_in_a_rule_or_a_figure(rules: Path, was: str) -> None:
    at = spoil(rules / INCOME, was, was.replace("limit", "29515"))
    with pytest.raises(WrongRuleFile, match="an amount of the law stands in parameters/") as error:
        load(rules)
    file, line, _ = str(error.value).split(":", 2)
    assert f"{file}:" in at
    assert 0 <= int(at.split(":")[1]) - int(line) <= 2  # a figure is named by its first line


def test_a_list_may_not_be_empty(rules: Path) -> None:
    at = spoil(rules / "conditions/language.yaml", "{language: not_known}", "{language: []}")
    with pytest.raises(WrongRuleFile, match="an empty list") as error:
        load(rules)
    assert str(error.value).startswith(at)


def test_a_translation_may_not_be_empty(rules: Path) -> None:
    at = spoil(rules / AGE, 'en: "The {person} is not yet 18."', 'en: ""')
    with pytest.raises(WrongRuleFile, match="`en` is empty") as error:
        load(rules)
    assert str(error.value).startswith(at)
