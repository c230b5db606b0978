"""The cases beside the rules: each a sentence, a household that states only what matters, and what is decided."""

from pathlib import Path
from typing import Any

import pytest

from eligibility import cases
from eligibility.cases import Case
from eligibility.domain.decide import Engine
from eligibility.domain.source import WrongRuleFile
from eligibility.rulefiles import RULES

from .build import household

CASES = cases.read(RULES)


def failed(engine: Engine, path: Path) -> dict[str, Any]:
    [case] = cases.read(path)
    [answer] = cases.decide_cases(engine, [case])
    return cases.failed(case, answer)


@pytest.mark.parametrize("case", CASES, ids=[case.sentence for case in CASES])
def test_case(engine: Engine, case: Case) -> None:
    [answer] = cases.decide_cases(engine, [case])
    assert cases.failed(case, answer) == {}


# The form as rule authors are told it.
CASE = """\
- case: A single person a cent above the limit may not register
  date: 2024-03-20
  candidates: [{incomes: [{year: 2023, jointly_taxable: 29515.01}]}]
  expect: {income: not_met, because: [income.above_limit]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "income.cases.yaml"
    path.write_text(CASE)
    return path


def test_a_case_states_only_what_matters(file: Path, engine: Engine) -> None:
    [case] = cases.read(file)
    the_same = household({"incomes": [{"year": 2023, "jointly_taxable": 29515.01}]})
    assert engine.decide([case.household]) == engine.decide([the_same])
    assert failed(engine, file) == {}


@pytest.mark.parametrize(
    ("wanted", "key", "came"),
    [
        ("income: met", "income", "not_met"),
        ("means: absent", "means", "met"),
        ("outcome: met", "outcome", "not_met"),
        ("income: not_met, because: []", "because", ["income.above_limit"]),
        ("age: met, because: [income.above_limit]", "because", []),
        ("figures: {income: 29515.02}", "figures", {"income": "29515.01"}),
        ("figures: {ages: 1}", "figures", {"ages": "absent"}),
        ("provisional: [health_index]", "provisional", []),
        ("asks: [p1.balances]", "asks", []),
        ("income: not_met, could_claim: []", "could_claim", ["p1.recent_income.proof", "p1.set_aside.proof"]),
    ],
)
def test_an_expectation_that_does_not_come_true_says_what_came(
    file: Path, engine: Engine, wanted: str, key: str, came: object
) -> None:
    file.write_text(CASE.replace("income: not_met, because: [income.above_limit]", wanted))
    assert failed(engine, file) == {key: came}


def test_what_is_said_is_looked_for_in_both_languages(file: Path, engine: Engine) -> None:
    for words, wrong in (("boven de grens", 0), ("above the limit", 0), ("below the limit", 1)):
        file.write_text(CASE.replace("because: [income.above_limit]", f"says: {words}"))
        assert len(failed(engine, file)) == wrong


def test_two_conditions_may_be_expected_together(file: Path, engine: Engine) -> None:
    file.write_text(CASE.replace("income: not_met", "age: met, income: not_met"))
    assert failed(engine, file) == {}


def test_what_another_condition_asks_is_not_looked_at(file: Path, engine: Engine) -> None:
    file.write_text(
        CASE.replace("{incomes", "{balances: null, incomes").replace("because: [income.above_limit]", "asks: []")
    )
    assert failed(engine, file) == {}


WRONG = [
    ("  expect: {income: not_met, because: [income.above_limit]}\n", "", 1, "`expect` is missing"),
    ("{income: not_met, because: [income.above_limit]}", "{}", 4, "nothing is expected"),
    ("expect:", "expects:", 4, "unknown key `expects`: did you mean `expect`"),
    ("not_met", "not_mett", 4, "unknown outcome `not_mett`: did you mean `not_met`"),
    ("income: not_met", "outcome: absent", 4, "unknown outcome `absent`"),
    ("because", "becuase", 4, "unknown key `becuase`: did you mean `because`"),
    ("income: not_met", "incomes: not_met", 4, "unknown condition or key `incomes`: did you mean `income`"),
    ("jointly_taxable", "jointly_taxed", 3, r"p1.incomes\[0\].jointly_taxed: unknown key .*did you mean `jointly_t"),
    ("[{incomes", "[{born_on: 2015-05-01}, {residence: bis_registre}, {incomes", 3, "p2.residence: Input should be"),
    ("{incomes", "{residense: bis_register, incomes", 3, "unknown key `residense`: did you mean `residence`"),
    ("29515.01", "29515.011", 3, "an amount is a decimal string"),
    ("year: 2023", "year: 2024", 3, r"p1.incomes\[0\].year: an income's year lies before 2024"),
    ("candidates", "moment: updates\n  candidates", 3, "unknown moment `updates`: did you mean `update`"),
    ("2024-03-20", "2018-03-20", 2, "the rules begin on 2019-01-01"),
    ("2024-03-20", "in spring", 2, "a date such as 2024-01-01 is expected"),
    ("  date: 2024-03-20\n", "", 1, "`date` is missing"),
    ("candidates: [", "candidates: [[", 4, "not YAML"),
]


@pytest.mark.parametrize(("was", "now", "line", "said"), WRONG, ids=[said for *_, said in WRONG])
def test_a_wrong_case_is_refused_with_its_place(
    file: Path, engine: Engine, was: str, now: str, line: int, said: str
) -> None:
    assert was in CASE
    file.write_text(CASE.replace(was, now, 1))
    with pytest.raises(WrongRuleFile, match=said) as error:
        failed(engine, file)
    assert str(error.value).startswith(f"{file}:{line}: ")


def test_all_that_is_wrong_is_said_at_once(file: Path) -> None:
    file.write_text(CASE.replace("incomes:", "income:") + CASE.replace("expect", "expects"))
    with pytest.raises(WrongRuleFile) as error:
        cases.read(file)
    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["3", "8"]


def test_no_cases_is_no_success(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "no cases here"), (tmp_path / "nothing.cases.yaml", "No such file")):
        with pytest.raises(WrongRuleFile, match=said):
            cases.read(path)
