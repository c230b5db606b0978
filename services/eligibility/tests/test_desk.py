"""What a rule author is told at the desk: where it is, what came, and why; 0 fine, 1 the answer is no, 2 the call is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eligibility.__main__ import cli


def desk(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["rules", *map(str, arguments)])


def spoil(path: Path, was: str, now: str) -> str:
    """Change a text in a file; gives the place of it, as every message begins."""
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, now, 1))
    return f"{path}:{text[: text.index(was)].count(chr(10)) + 1}: "


def test_the_cases_beside_the_rules_come_true_and_exercise_every_rule(rules: Path) -> None:
    result = desk("test", "--rules", rules)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith(" cases, 0 failed")


EIGHTEEN = """\
- case: Who turns eighteen on the reference date may register
  date: 2024-03-20
  candidates: [{born_on: 2006-03-20}]
  expect: {age: met, because: []}
"""


@pytest.fixture
def failing(rules: Path) -> Path:
    """A case that these rules no longer bear out."""
    spoil(rules / "conditions/age.yaml", "below: 18", "below: 19")
    file = rules / "age.cases.yaml"
    file.write_text(EIGHTEEN)
    return file


def test_a_case_that_fails_says_what_came_and_why(rules: Path, failing: Path) -> None:
    result = desk("test", "--rules", rules, "--cases", failing)
    assert result.exit_code == 1
    assert result.stdout == (
        f"{failing}:1: Who turns eighteen on the reference date may register\n"
        "  age: expected met, came not_met\n"
        '  because: expected [], came ["age.minor"]\n'
        "  because age.minor\n"
        "  “The applicant is not yet 18.”\n"
        "  “Could still be claimed: emancipation (applicant).”\n"
        "  “Could still be claimed: living independently under guidance (applicant).”\n"
        "1 case, 1 failed\n"
    )


def test_a_failure_as_json(rules: Path, failing: Path) -> None:
    result = desk("test", "--rules", rules, "--cases", failing, "--json")
    answer = json.loads(result.stdout)
    [failed] = answer["failed"]
    assert (result.exit_code, answer["cases"], answer["not_exercised"]) == (1, 1, [])
    assert failed["place"] == f"{failing}:1"
    assert failed["expected"] == {"age": "met", "because": []}
    assert failed["came"] == {"age": "not_met", "because": ["age.minor"]}
    assert "De aanvrager is nog geen 18 jaar." in failed["say"]["nl"]


def test_a_rule_that_no_case_exercises_is_a_failure(rules: Path) -> None:
    income = rules / "conditions/income.yaml"
    exception = """\
      - id: income.debt_settlement
        when: {some_candidate: {set_aside.proof: interpreted}, income: 0}
        then: met
"""
    place = spoil(income, "      - id: income.set_aside\n", exception + "      - id: income.set_aside\n")
    result = desk("test", "--rules", rules)
    assert result.exit_code == 1
    assert f"{place}no case exercises income.debt_settlement" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" cases, 0 failed, 1 rule not exercised")
    assert desk("test", "--rules", rules, "--cases", rules).exit_code == 0


def test_each_period_of_a_rule_is_exercised_by_itself(rules: Path) -> None:
    case = "- {case: A duty, date: 2023-01-01, candidates: [{language: not_known}], expect: {language: not_met}}"
    (rules / "conditions/language.cases.yaml").write_text(case)
    result = desk("test", "--rules", rules, "--json")
    [idle] = json.loads(result.stdout)["not_exercised"]
    assert (result.exit_code, idle) == (
        1,
        {"place": f"{rules}/conditions/language.yaml:9", "rule": "language.not_known"},
    )


def test_a_wrong_case_is_a_wrong_call(rules: Path) -> None:
    place = spoil(rules / "conditions/age.cases.yaml", "born_on: 2006-03-20", "born_in: 2006-03-20")
    result = desk("test", "--rules", rules)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{place}p1.born_in: unknown key `born_in`: did you mean `born_on`?" in result.stderr


@pytest.mark.parametrize("option", ["--cases", "--rules"])
def test_what_is_not_there_is_a_wrong_call(tmp_path: Path, option: str) -> None:
    result = desk("test", option, tmp_path / "nothing")
    assert (result.exit_code, "nothing" in result.stderr) == (2, True)


def test_a_wrong_rule_file_is_no(rules: Path) -> None:
    place = spoil(rules / "conditions/age.yaml", "below: 18", "bellow: 18")
    result = desk("test", "--rules", rules)
    assert (result.exit_code, f"{place}unknown key `bellow`" in result.stderr) == (1, True)


def test_a_check_says_all_that_is_wrong(rules: Path) -> None:
    fine = desk("check", "--rules", rules, "--on", "2024-03-20")
    assert (fine.exit_code, "0 errors, " in fine.stdout.splitlines()[-1]) == (0, True)
    at_the_limit = spoil(rules / "conditions/income.yaml", "  - id: income.above_limit", "  - id: income.above_limit")
    spoil(rules / "conditions/income.yaml", "when: {income: {above: limit}}", "when: {income: {at_least: limit}}")
    never = spoil(rules / "conditions/age.yaml", "  - id: age.minor", "  - id: age.minor")
    spoil(rules / "conditions/age.yaml", "below: 18", "below: 0")
    result = desk("check", "--rules", rules, "--on", "2024-03-20")
    assert result.exit_code == 1
    *lines, count = result.stdout.splitlines()
    assert lines[0].startswith(never)
    assert "`age.minor` can never decide" in lines[0]
    assert sum(line.startswith(at_the_limit) for line in lines) == 2
    assert count.startswith("5 errors, ")


def test_a_figure_past_its_day_is_a_warning(rules: Path) -> None:
    result = desk("check", "--rules", rules, "--on", "2028-01-01", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["errors"]) == (0, [])
    assert (
        f"{rules}/parameters/income_limits.yaml:5: `income_limits` is known until 2027-12-31 only" in answer["warnings"]
    )


@pytest.mark.parametrize(
    ("file", "was", "now", "said"),
    [
        ("conditions/age.yaml", "effect: bar", "efect: bar", "unknown key `efect`: did you mean `effect`?"),
        ("conditions/age.yaml", "effect: bar", "effect: bar\nabout: household", "`about` stands here twice"),
        (
            "parameters/income_limits.yaml",
            "  - {year: 2020",
            "  - {year: 2022",
            "this row leaves a gap after the one before",
        ),
    ],
)
def test_what_stops_a_file_is_an_error_too(rules: Path, file: str, was: str, now: str, said: str) -> None:
    place = spoil(rules / file, was, now)
    result = desk("check", "--rules", rules)
    assert (result.exit_code, result.stderr, result.stdout.splitlines()[-1]) == (1, "", "1 error, 0 warnings")
    assert said in result.stdout
    assert "twice" in said or result.stdout.startswith(place)
