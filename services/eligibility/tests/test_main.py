"""`assess` answers from a file; what is wrong with the file, or with a rule file, is said with its place."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eligibility.__main__ import cli
from eligibility.domain.decide import Engine
from eligibility.domain.units import Household

from .test_contract import ANSWER, EXAMPLE


def assess(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["assess", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "household.json"
    path.write_text(json.dumps(EXAMPLE))
    return path


def test_it_answers_as_json(file: Path) -> None:
    result = assess(file, "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, {name: answer[name] for name in ANSWER}) == (0, ANSWER)


def test_it_answers_in_words(file: Path) -> None:
    assert "onderzoeken" in assess(file, "--language", "nl").stdout
    assert "p2 real_rights[0].proof (expropriation_order)" in assess(file).stdout


def test_not_met_is_an_answer_too(file: Path) -> None:
    file.write_text(json.dumps(EXAMPLE | {"members": [EXAMPLE["members"][0] | {"residence": "bis_register"}]}))
    result = assess(file, "--json")
    assert (result.exit_code, json.loads(result.stdout)["outcome"]) == (0, "not_met")


def test_a_household_a_line_an_answer_a_line(tmp_path: Path) -> None:
    lines = tmp_path / "households.jsonl"
    days = ["2024-03-20", "2025-03-20", "2028-03-20"]
    lines.write_text("".join(json.dumps(EXAMPLE | {"reference_date": day}) + "\n" for day in days))
    result = assess(lines)
    assert [json.loads(line)["reference_date"] for line in result.stdout.splitlines()] == days


CROWD = [EXAMPLE["members"][0] | {"real_rights": [{"right": "full_ownership"}] * 21}]


def test_lines_are_decided_so_many_at_a_time_and_answered_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, together, decide = tmp_path / "households.jsonl", list[int](), Engine.decide

    def listen(engine: Engine, households: Sequence[Household]) -> list[dict[str, Any]]:
        together.append(len(households))
        return decide(engine, households)

    monkeypatch.setattr(Engine, "decide", listen)
    monkeypatch.setattr("eligibility.__main__.TOGETHER", 10)
    days = [f"2024-03-{n:02d}" for n in range(1, 26)]
    lines.write_text("".join(json.dumps(EXAMPLE | {"reference_date": day}) + "\n" for day in days))
    assert [json.loads(line)["reference_date"] for line in assess(lines).stdout.splitlines()] == days
    assert together == [10, 10, 5]
    lines.write_text(lines.read_text() + "{}\n")
    result = assess(lines)
    assert (result.exit_code, result.stdout, "line 26" in result.stderr) == (2, "", True)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{", "line 1"),
        ('{"reference_date":\n 1,}', "not JSON: trailing comma at line 2 column 4"),
        ("[" * 100_000, "not JSON: recursion limit"),
        (json.dumps(EXAMPLE).replace('"1200.00"', "1" * 5000), "not JSON: number out of range"),
        ("\udcff", "not JSON: "),
        ('{"reference_date": "2024-03-20"}', "members: "),
        (json.dumps(EXAMPLE).replace("residence", "residense"), "did you mean `residence`?"),
        (json.dumps(EXAMPLE).replace("living_wage", "livingwage"), "members[0].incomes[0].livingwage: unknown key"),
        (json.dumps(EXAMPLE).replace("2015-05-01", "2025-05-01"), "members[2].born_on: born after 2024-03-20"),
        (json.dumps(EXAMPLE).replace('"1200.00"', "1200.0"), "members[0].balances: "),
        (json.dumps(EXAMPLE | {"members": CROWD}), "members[0].real_rights: "),
        (json.dumps(EXAMPLE).replace('"moment"', '"momment"'), "did you mean `moment`?"),
    ],
)
def test_a_wrong_household_is_refused_with_its_place(file: Path, text: str, hint: str) -> None:
    file.write_text(text, errors="surrogateescape")
    result = assess(file, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(file) in result.stderr
    assert hint in result.stderr


def test_one_bad_line_and_there_are_no_answers(tmp_path: Path) -> None:
    lines = tmp_path / "households.jsonl"
    good = json.dumps(EXAMPLE)
    bad: list[Any] = ["{}", "", "[]", "[" * 1000, "1" * 5000]
    for one in bad:
        lines.write_text("\n".join([good, one, good]) + "\n")
        result = assess(lines)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{lines}, line 2: " in result.stderr
        assert "line 1" not in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = assess(tmp_path / "nothing.json")
    assert (result.exit_code, "nothing.json" in result.stderr) == (2, True)


def test_other_rules_may_be_given(file: Path, rules: Path) -> None:
    limits = rules / "parameters/income_limits.yaml"
    limits.write_text(limits.read_text().replace("44270", "20000"))
    answer = json.loads(assess(file, "--json", "--rules", rules).stdout)
    assert answer["conditions"]["income"]["outcome"] == "to_investigate"


def test_a_wrong_rule_file_is_said_with_its_place(file: Path, rules: Path) -> None:
    income = rules / "conditions/income.yaml"
    income.write_text(income.read_text().replace("then: met", "then: mett", 1))
    result = assess(file, "--rules", rules)
    assert result.exit_code == 1
    assert "income.yaml:" in result.stderr
    assert "did you mean `met`?" in result.stderr


def test_a_day_without_rules_is_a_wrong_call(file: Path, rules: Path) -> None:
    for path in (rules / "conditions").glob("*.yaml"):
        path.write_text(
            path.read_text().replace(
                "valid: {from: 2019-01-01, through: null}", "valid: {from: 2025-01-01, through: null}"
            )
        )
    language = rules / "conditions/language.yaml"
    language.write_text(language.read_text().split("---")[0])
    (rules / "conditions/means.yaml").write_text(
        (rules / "conditions/means.yaml").read_text().replace("from: 2024", "from: 2025")
    )
    for command in (["assess"], ["rules", "explain"]):
        result = CliRunner().invoke(cli, [*command, str(file), "--rules", str(rules)])
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", "no condition is in force on 2024-03-20\n")
