"""What `rules …` tells a rule author: where it is, what came, and why; 0 fine, 1 the answer is no, 2 the call is wrong."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eligibility.__main__ import cli
from eligibility.rulefiles import RULES, load

from .test_contract import EXAMPLE


def rules_cli(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["rules", *map(str, arguments)])


def spoil(path: Path, was: str, now: str) -> str:
    """Change a text in a file; gives the place of it, as every message begins."""
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, now, 1))
    return f"{path}:{text[: text.index(was)].count(chr(10)) + 1}: "


def place(path: Path, text: str) -> str:
    """Where it stands first, as every message begins."""
    return spoil(path, text, text)


def test_the_cases_beside_the_rules_come_true_and_exercise_every_rule(rules: Path) -> None:
    result = rules_cli("test", "--rules", rules)
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
    result = rules_cli("test", "--rules", rules, "--cases", failing)
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
    result = rules_cli("test", "--rules", rules, "--cases", failing, "--json")
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
    at = spoil(income, "      - id: income.set_aside\n", exception + "      - id: income.set_aside\n")
    result = rules_cli("test", "--rules", rules)
    assert result.exit_code == 1
    assert f"{at}no case exercises income.debt_settlement" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(" cases, 0 failed, 1 rule not exercised")
    assert rules_cli("test", "--rules", rules, "--cases", rules).exit_code == 0


def test_each_period_of_a_rule_is_exercised_by_itself(rules: Path) -> None:
    case = "- {case: A duty, date: 2023-01-01, candidates: [{language: not_known}], expect: {language: not_met}}"
    (rules / "conditions/language.cases.yaml").write_text(case)
    result = rules_cli("test", "--rules", rules, "--json")
    [idle] = json.loads(result.stdout)["not_exercised"]
    assert (result.exit_code, idle) == (
        1,
        {
            "place": place(rules / "conditions/language.yaml", "  - id: language").rstrip(": "),
            "rule": "language.not_known",
        },
    )


def test_a_wrong_case_is_a_wrong_call(rules: Path) -> None:
    at = spoil(rules / "conditions/age.cases.yaml", "born_on: 2006-03-20", "born_in: 2006-03-20")
    result = rules_cli("test", "--rules", rules)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{at}p1.born_in: unknown key `born_in`: did you mean `born_on`?" in result.stderr


@pytest.mark.parametrize("option", ["--cases", "--rules"])
def test_what_is_not_there_is_a_wrong_call(tmp_path: Path, option: str) -> None:
    result = rules_cli("test", option, tmp_path / "nothing")
    said = "".join(result.stderr.replace("│", "").split())  # wrapped in a box, also in the middle of a path
    assert (result.exit_code, "nothing" in said) == (2, True)


def test_a_wrong_rule_file_is_no(rules: Path) -> None:
    at = spoil(rules / "conditions/age.yaml", "below: 18", "bellow: 18")
    result = rules_cli("test", "--rules", rules)
    assert (result.exit_code, f"{at}unknown key `bellow`" in result.stderr) == (1, True)


def test_a_check_says_all_that_is_wrong(rules: Path) -> None:
    fine = rules_cli("check", "--rules", rules, "--on", "2024-03-20")
    assert (fine.exit_code, "0 errors, " in fine.stdout.splitlines()[-1]) == (0, True)
    at_the_limit = place(rules / "conditions/income.yaml", "  - id: income.above_limit")
    spoil(rules / "conditions/income.yaml", "when: {income: {above: limit}}", "when: {income: {at_least: limit}}")
    never = place(rules / "conditions/age.yaml", "  - id: age.minor")
    spoil(rules / "conditions/age.yaml", "below: 18", "below: 0")
    result = rules_cli("check", "--rules", rules, "--on", "2024-03-20")
    assert result.exit_code == 1
    *lines, count = result.stdout.splitlines()
    assert lines[0].startswith(never)
    assert "`age.minor` can never decide" in lines[0]
    assert sum(line.startswith(at_the_limit) for line in lines) == 2
    assert count.startswith("5 errors, ")


def test_a_figure_past_its_day_is_a_warning(rules: Path) -> None:
    result = rules_cli("check", "--rules", rules, "--on", "2028-01-01", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["errors"]) == (0, [])
    assert (
        f"{rules}/parameters/income_limits.yaml:6: `income_limits` is known until 2027-12-31 only" in answer["warnings"]
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
    at = spoil(rules / file, was, now)
    result = rules_cli("check", "--rules", rules)
    assert (result.exit_code, result.stderr, result.stdout.splitlines()[-1]) == (1, "", "1 error, 0 warnings")
    assert said in result.stdout
    assert "twice" in said or result.stdout.startswith(at)


@pytest.fixture
def household(tmp_path: Path) -> Path:
    path = tmp_path / "household.json"
    path.write_text(json.dumps(EXAMPLE))
    return path


def test_a_decision_is_laid_open(household: Path) -> None:
    result = rules_cli("explain", household)
    assert result.exit_code == 0
    income = result.stdout[result.stdout.index("  Income") : result.stdout.index("  Means")]
    assert [re.sub(r":\d+$", "", line.rstrip()) for line in income.splitlines()] == [
        "  Income condition (income): met [bar], BVCW article 6.13, conditions/income.yaml",
        "    because income.within_limit, BVCW article 6.13, conditions/income.yaml",
        "    income = 41000.00  (choose: yearly_sum)",
        "      yearly_sum = 41000.00  (sum)",
        "        yearly = p1 21000.00, p2 20000.00  (latest)",
        "          income of the past three years: "
        "p1 year 2023, jointly_taxable 21000.00, p2 year 2023, jointly_taxable 20000.00",
        "    limit = 46745.00  (from)",
        "      income_limits 2024: others 44270, per_dependant 2475 [S], BVCW article 6.13, parameters/income_limits.yaml",
        "      candidates = 2  (count)",
        "      dependants = 1  (count)",
        "        dependant: c1 yes",
        "        recognised handicap: c1 no",
        "      recognised handicap: p1 no",
        "    recents_counted = 0  (choose: 0)",
        "    declaration of no income: p1 none, p2 none",
        "    debt settlement or budget guidance: p1 ground budget_guidance, p2 none",
    ]
    assert "if all turns out well: property.expropriation" in result.stdout
    assert "still to be known: p2.real_rights[0].proof (expropriation_order)" in result.stdout
    assert "“The partner is to show language level A2 within two years after the lease starts.”" in result.stdout


def test_and_in_dutch(household: Path) -> None:
    said = rules_cli("explain", household, "--lang", "nl").stdout
    assert "Taalkennisvereiste (language): niet voldaan [plicht], BVCW artikel 6.38" in said
    assert "“De partner toont binnen twee jaar na de start van de huur taalniveau A2 aan.”" in said


def explained(path: Path, **changed: object) -> dict[str, Any]:
    path.write_text(json.dumps(EXAMPLE | changed))
    result = rules_cli("explain", path, "--json")
    assert result.exit_code == 0
    answer: dict[str, Any] = json.loads(result.stdout)["conditions"]["income"]
    return answer


P1, P2, C1 = EXAMPLE["members"]


def figures(of: Any, found: dict[str, Any] | None = None) -> dict[str, Any]:
    """Every figure of the tree and its value; and each row of the law by its parameter and day."""
    found = {} if found is None else found
    for one in of if isinstance(of, list) else of["figures"]:
        found.setdefault(one["figure"], one["value"])
        found |= {f"{row['parameter']} {row['on']}": (row["values"], row["mark"]) for row in one.get("rows", ())}
        figures(one.get("of", []), found)
    return found


def test_an_indexed_income_shows_both_rows_of_the_index(household: Path) -> None:
    old = P1 | {"incomes": [{"year": 2021, "jointly_taxable": "10000.00"}]}
    found = figures(explained(household, members=[old, P2, C1]))
    assert found["yearly"] == {"p1": "11417.84", "p2": "20000.00"}
    assert found["health_index 2021"] == ({"june": "111.31 × 1.2077"}, "K")
    assert found["health_index 2023"] == ({"june": "127.09 × 1.2077"}, "K")
    assert "health_index 2022" not in found


def test_what_is_unknown_is_a_range(household: Path) -> None:
    open_ = {name: value for name, value in P2.items() if name != "incomes"}
    found = figures(explained(household, members=[P1, open_, C1]))
    assert (found["yearly_sum"], found["yearly"]) == (["21000.00", None], {"p1": "21000.00", "p2": ["0.00", None]})


def test_a_row_that_is_not_known_gives_no_figure(household: Path) -> None:
    found = figures(explained(household, reference_date="2028-03-20"))
    assert (found["income_limits 2028-03-20"], found["limit"], found["income"]) == ((None, None), None, None)
    assert (found["recent_sum"], found["dependants"]) == ("24000.00", "1")


def test_a_weight_is_shown_where_it_counted(household: Path) -> None:
    found = figures(explained(household, members=[P1, P2, C1 | {"recognised_handicap": True}]))
    assert (found["dependants"], found["dependant_weight 2020-01-01"]) == ("2", ({"with_handicap": "2"}, "K"))
    assert not any(name.startswith("dependant_weight") for name in figures(explained(household)))


def test_a_rule_says_where_it_stands(household: Path) -> None:
    rich = P1 | {"incomes": [{"year": 2023, "jointly_taxable": "50000.00"}], "recent_income": None, "set_aside": None}
    one = explained(household, members=[rich, P2, C1])
    [because] = one["because"]
    assert because["source"] == {"act": "BVCW", "article": "6.13"}
    file, _, line = because["place"].rpartition(":")
    assert "income.above_limit" in Path(file).read_text().splitlines()[int(line) - 1]
    assert because["say"]["en"] == ["The income (€70,000.00) is €23,255.00 above the limit (€46,745.00)."]
    assert [claim["fact"] for claim in one["could_claim"]][:1] == ["recent_income.proof"]


def test_a_wrong_household_is_a_wrong_call(household: Path) -> None:
    household.write_text(household.read_text().replace("residence", "residense"))
    result = rules_cli("explain", household)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{household}: members[0].residense: unknown key" in result.stderr


def test_a_language_that_is_not_spoken(household: Path) -> None:
    assert rules_cli("explain", household, "--lang", "fr").exit_code == 2


def printed(*arguments: str) -> dict[str, str]:
    """The pages of `rules doc`, by condition."""
    result = rules_cli("doc", *arguments)
    assert result.exit_code == 0
    pages = re.split(r"^(?=# )", result.stdout, flags=re.MULTILINE)[1:]
    return {re.findall("^`(.+?)`", page, re.MULTILINE)[0]: page for page in pages}


def test_the_rules_are_pages_to_read(rules: Path) -> None:
    written = printed("--rules", str(rules))
    assert list(written) == list(dict.fromkeys(condition.id for condition in load(rules).conditions))
    income = written["income"]
    for said in (
        "# Inkomensvoorwaarde · Income condition\n\n`income`, a bar to registration, decided for the household.\n",
        "\n## From 2019-01-01 on\n\nBVCW, article 6.13.\n",
        "\n- `recent`: `recent_income.amount` × 12 ÷ `recent_income.months` [K]\n",
        "\n- `accepted`: `recent` where `recent_income.proof` is `interpreted`; else `yearly`\n",
        "\n- `limit`: from `income_limits`, the row of the day of the test: `single_with_handicap` where `candidates` is 1 and",
        "\n- `income.above_limit`: **not met** where `income` is above `limit`\n",
        "\n  - unless `income.set_aside` (BVCW, article 6.13): **met** where of some candidate",
        "    - nl: “Aanvaard: schuldenregeling of budgetbegeleiding.”\n",
        "\n### inkomensgrenzen · income limits\n\n`income_limits`, unit: euro. BVCW, article 6.13.\nKnown until 2027-12-31.\n",
        "\n| 2024 | 29515 | 31987 | 44270 | 2475 | S |\n",
        "\n| From 2020-01-01 on | 2 | K |\n",
        "\n| | june (× 1.2077) | mark |\n",
    ):
        assert said in income, said
    assert "Not tested at registration and update for who was registered before 2024-01-01." in written["means"]
    language = written["language"]
    assert "a duty, which bars nobody" in language
    assert (
        language.index("## 2017-11-01 through 2022-12-31")
        < language.index("level A1")
        < language.index("## From 2023-")
    )


def test_the_pages_are_there_in_dutch_too() -> None:
    income = printed("--lang", "nl")["income"]
    for said in (
        "`income`, een voorwaarde om in te schrijven, beslist voor het gezin.",
        "- `income.above_limit`: **niet voldaan** waar `income` is meer dan `limit`",
        "  - tenzij `income.set_aside` (BVCW, artikel 6.13): **voldaan** waar van een van de kandidaten",
        "- `dependants`: hoeveel medebewoners er zijn waar `dependant` is ja; een waar",
    ):
        assert said in income


def test_no_rule_and_no_figure_is_left_out_of_the_pages() -> None:
    written = printed()
    for condition in load(RULES).conditions:
        for name in (*(rule.id for rule in condition.all_rules), *(figure.name for figure in condition.figures)):
            assert f"`{name}`" in written[condition.id]
