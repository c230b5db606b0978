"""What is wrong in a rule file is said with its place and what was meant, before anybody is decided by it."""

import re
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from eligibility.domain.decide import Engine
from eligibility.domain.source import WrongRuleFile
from eligibility.rulefiles import RULES, compile_texts, load, read, texts

from .build import household

LIMITS, INCOME = "parameters/income_limits.yaml", "conditions/income.yaml"
WRONG = [
    ("conditions/age.yaml", "effect: bar", "efect: bar", r"age.yaml:\d+: unknown key `efect`: did you mean `effect`\?"),
    ("conditions/age.yaml", "{below: 18}", "{bellow: 18}", "unknown key `bellow`: did you mean `below`"),
    ("conditions/age.yaml", "{years: born_on}", "{year: born_on}", "did you mean `years`"),
    ("conditions/age.yaml", "years: born_on", "years: born_in", "unknown name `born_in`: did you mean `born_on`"),
    ("conditions/age.yaml", "effect: bar", "effect: bars", "unknown effect `bars`: did you mean `bar`"),
    ("conditions/age.yaml", "then: not_met", "then: notmet", "did you mean `not_met`"),
    ("conditions/age.yaml", "source: {act: BVCW, article: null}", "", "age.yaml:2: `source` is missing"),
    ("conditions/age.yaml", "id: age.minor", "id: minor", "is called `age.…`"),
    ("conditions/age.yaml", ', en: "The {person} is not yet 18."', "", "`en` is missing"),
    ("conditions/age.yaml", "The {person} is not yet 18.", "The {persn} is not yet 18.", "unknown figure `persn`"),
    ("conditions/age.yaml", "from: 2019-01-01", "from: 2019-02-31", "there is no day 2019-02-31"),
    ("conditions/age.yaml", "through: null", "through: 2018-01-01", "2018-01-01 lies before 2019-01-01"),
    ("conditions/age.yaml", "id: age.emancipated", "id: age.minor", "rule `age.minor` stands here twice"),
    ("conditions/residence.yaml", "bis_register", "bis_registre", "did you mean `bis_register`"),
    ("conditions/income.yaml", '"6.13"', "6.13", 'quote the article: "6.13"'),
    ("conditions/income.yaml", "is: recent_sum", "is: recents_sum", "did you mean `recent_sum`"),
    ("conditions/income.yaml", "by: health_index", "by: health_idx", "unknown parameter `health_idx`"),
    ("conditions/income.yaml", "living_wage", "living_wages", "unknown amount `living_wages`"),
    ("conditions/income.yaml", "recents_counted: 0, income: {above", "recent: 0, income: {above", "some_candidate"),
    ("conditions/income.yaml", "income: {above: 0,", "income: {above: true,", "a number in plain digits is expected"),
    ("conditions/language.yaml", "from: 2023-01-01", "from: 2023-01-02", "leaves a gap after the one before"),
    ("conditions/language.yaml", "from: 2023-01-01", "from: 2022-12-31", "overlaps the one before"),
    ("parameters/income_limits.yaml", "mark: S}", "}", "`mark` is missing"),
    ("parameters/income_limits.yaml", "mark: S}", "mark: X}", "unknown mark `X`"),
    ("parameters/income_limits.yaml", "year: 2020", "year: 2022", "leaves a gap after the one before"),
    ("parameters/income_limits.yaml", "29515", '"29515"', "a number in plain digits is expected"),
    ("parameters/income_limits.yaml", "2027-12-31", "2028-12-31", "the last row ends on another day"),
    ("parameters/income_limits.yaml", "unit: euro", "unit: euros", "did you mean `euro`"),
    ("parameters/income_limits.yaml", "parameter: ", "parameter: x\nparameter: ", "`parameter` stands here twice"),
    ("figures.yaml", "dependant: true", "dependent: true", "did you mean `dependant`"),
    ("figures.yaml", "is: single}", "is: singel}", "unknown column `singel`: did you mean `single`"),
    ("facts.yaml", "type: yes_no", "type: yesno", "did you mean `yes_no`"),
    ("facts.yaml", "means, ", "", "unknown condition"),
    ("facts.yaml", "  born_on:", "  born_on: [", "not YAML"),
    (LIMITS, "year: 2019", "year: 0", "there is no year 0"),
    (LIMITS, "year: 2019", "year: -1", "there is no year -1"),
    (LIMITS, "year: 2019", "year: 100000", "there is no year 100000"),
    (LIMITS, "29515", "[29515]", "a number in plain digits is expected"),
    ("parameters/health_index.yaml", "1.2077", "often", "a number in plain digits is expected"),
    ("parameters/health_index.yaml", "1.2077", "null", "`times` is empty: fill it in, or leave it out"),
    ("parameters/health_index.yaml", "1.2077", ".nan", "a number in plain digits is expected"),
    ("conditions/age.yaml", "{below: 18}", "{}", "nothing is compared"),
    ("conditions/age.yaml", "emancipated: true", "emancipated: [[true]]", "unknown value"),
    ("conditions/age.yaml", "emancipated: true", "emancipated: [{a: true}]", "unknown value"),
    (INCOME, "[1, 3]", "[1]", "the youngest and the oldest year are expected"),
    (INCOME, "[1, 3]", "[-1, 3]", "the youngest and the oldest year are expected"),
    (INCOME, "[1, 3]", "[1, 2, 3]", "the youngest and the oldest year are expected"),
    (INCOME, "by: year", "by: month", "did you mean `year`|known are year"),
    (INCOME, "over: candidates, ", "", "`over` is missing"),
    (INCOME, "{count: candidates,", "{count: candidates, mark: K,", "unknown key `mark`"),
    (INCOME, "income: {above: limit}", "income: [[limit]]", "a number in plain digits is expected"),
    ("conditions/means.yaml", "\nshow: [", "\n  own: {choose: []}\nshow: [", "a list that ends with {otherwise: …}"),
    ("conditions/means.yaml", "show: [balances, limit]", "show: [balances, income]", "unknown figure `income`"),
    (
        "conditions/means.yaml",
        "\nshow: [",
        "\n  own: {from: income_limits, column: []}\nshow: [",
        "a list that ends with",
    ),
    ("facts.yaml", "    claim: exception ", "    # ", "`claim` is missing"),
]
OTHER = "{type: date, about: [candidate], title: {nl: x, en: x}, proofs: [x]}"
MEANT_WRONG = [  # what no schema of a file can see
    (LIMITS, "29515", "29515.005", "finer than the unit"),
    (LIMITS, "29515", "0", "nil or too small"),
    (LIMITS, "29515", "9000000.01", "too large"),
    ("parameters/health_index.yaml", "139.08", "165.61", "too large"),
    ("parameters/dependant_weight.yaml", "with_handicap: 2,", "with_handicap: 1.5,", "finer than the unit"),
    ("conditions/age.yaml", "{below: 18}", "{below: 17.5}", "a whole number is expected, not 17.5"),
    ("conditions/age.yaml", "{years: born_on}", "{years: emancipated}", "`emancipated` is not a date"),
    (
        "conditions/age.yaml",
        "age: {below",
        "born_on: {below",
        "a day is not compared with a number: say `years: born_on`",
    ),
    ("conditions/age.yaml", "\nrules:", "\nshow: [age]\nrules:", "`age` is no amount of the household"),
    (
        "conditions/age.yaml",
        "emancipated: true",
        "emancipated: 1",
        "unknown value `1` of emancipated: known are false, true",
    ),
    ("conditions/age.yaml", "{years: born_on}", "{count: candidates}", "candidates are counted of the household"),
    ("conditions/age.yaml", "The {person} is not yet", "The {age - person} is not yet", "unknown figure `age`"),
    ("conditions/age.yaml", "The {person} is not yet", "The {Person } is not yet", "in braces stands {person}"),
    (INCOME, "[1, 3]", "[3, 1]", "the youngest and the oldest year are expected"),
    (INCOME, "by: health_index", "by: income_limits", "`income_limits` is no index, but in euro"),
    (INCOME, "amount: recent_income.amount", "amount: yearly", "`yearly` is not an amount"),
    (INCOME, "months: recent_income.months", "months: born_on", "`born_on` is not a number of months"),
    (INCOME, "{sum: yearly,", "{sum: born_on,", "the sum of what is no amount of each candidate"),
    (INCOME, "{otherwise: yearly}", "{otherwise: 100}", "an amount stands in"),
    (INCOME, "[income, limit]", "[income]", "unknown figure `limit` .not in `show`."),
    (INCOME, "[income, limit]", "[income, limit, yearly]", "`yearly` is no amount of the household"),
    (INCOME, "[income, limit]", "[income, limit, candidates]", "`candidates` is no amount of the household"),
    (INCOME, "income: {above: limit}", "some_candidate: {yearly: {above: limit}}", "are not two amounts"),
    (INCOME, "income: {above: limit}", "applicant.balances: {above: limit}", "are not two amounts"),
    (INCOME, "income: {above: limit}", "income: {above: candidates}", "are not two amounts"),
    (INCOME, "{otherwise: yearly}", "{otherwise: yearl}", "did you mean `yearly`"),
    (
        "conditions/means.yaml",
        "\nshow: [",
        "\n  own: {choose: [{otherwise: applicant.balances}]}\nshow: [",
        "an amount stands in",
    ),
    ("facts.yaml", "    claim: exception ", "    claim: right ", "what is proven is what is claimed: `right`"),
    (
        "facts.yaml",
        "      uninhabitable: [",
        "      inhabitable: [",
        "no documents prove `uninhabitable`: did you mean `inhab",
    ),
    ("facts.yaml", "not_known, exempt]", "not_known]", "`language` is in the contract: exempt, known, not_known"),
    (
        "facts.yaml",
        "brought_into_company]",
        "brought_into_company, rented]",
        "`right` is in the contract: bare_ownership",
    ),
    ("facts.yaml", "budget_guidance: [", "budget_help: [", "`ground` is in the contract: budget_guidance, collective"),
    ("facts.yaml", "foreign_exempt]", "foreign_exempt, foreign]", "`foreign` is in the contract: unknown"),
    (
        "facts.yaml",
        "  born_on:\n",
        f"  moves_in: {OTHER}\n  born_on:\n",
        "`moves_in` is in the contract: bool",
    ),
    (
        "facts.yaml",
        "  recent_income:\n    type: proven_claim",
        "  recent_income:\n    type: claim",
        "unknown key `amount`",
    ),
    (
        "facts.yaml",
        "  born_on:\n",
        f"  born: {OTHER}\n  born_on:\n",
        "the contract knows no `born`: did you mean",
    ),
    ("facts.yaml", "type: yes_no", "type: date", "of a co-resident only a claim or yes_no"),
]


EVERY = WRONG + MEANT_WRONG


@pytest.mark.parametrize(("file", "was", "now", "said"), EVERY, ids=[now or said for _, _, now, said in EVERY])
def test_a_wrong_rule_file_is_refused(rules: Path, file: str, was: str, now: str, said: str) -> None:
    path = rules / file
    assert was in path.read_text()
    path.write_text(path.read_text().replace(was, now, 1))
    with pytest.raises(WrongRuleFile, match=said) as error:
        load(rules)
    assert str(error.value).split(":")[1].isdecimal()


def test_a_condition_without_rules_is_refused(rules: Path) -> None:
    path = rules / "conditions/residence.yaml"
    path.write_text(path.read_text().split("rules:")[0] + "rules: []\n")
    with pytest.raises(WrongRuleFile, match=r"residence.yaml:8: no rule: this condition would be met by everybody"):
        load(rules)


def test_an_age_that_nobody_reaches_is_decided(rules: Path) -> None:
    path = rules / "conditions/age.yaml"
    path.write_text(path.read_text().replace("below: 18", "below: 999999999999"))
    [answer] = Engine(load(rules)).decide([household({"born_on": None})])
    assert answer["conditions"]["age"]["outcome"] == "not_met"


def test_rules_of_an_earlier_day_may_know_less_than_the_contract() -> None:
    older = {name: text.replace("not_known, exempt]", "not_known]") for name, text in texts(RULES).items()}
    assert Engine(compile_texts(older)).decide([household()])[0]["outcome"] == "met"
    with pytest.raises(WrongRuleFile, match="`language` is in the contract"):
        compile_texts(older, "rules/")


BOMB = "".join(f"  - &l{n} [{', '.join([f'*l{n - 1}'] * 9) if n else 'x'}]\n" for n in range(10))
HOSTILE = [
    ("a bomb of aliases", f"a:\n{BOMB}", 2, "`l0` is an anchor or alias: write out what stands there"),
    ("an alias", "a: 1\nb: *a\n", 2, "`a` is an anchor or alias"),
    ("a merge", "a: {b: 1}\nc: {<<: *d}\n", 2, "`d` is an anchor or alias"),
    (
        "a tag that builds",
        "a: 1\nb: !!python/object/apply:os.system [ls]\n",
        2,
        "python/object/apply:os.system` is a tag",
    ),
    ("a tag of our own", "a: !law 1\n", 1, "`!law` is a tag"),
    ("a plain tag", "a:\n  - !!str 6.10\n", 2, "yaml.org,2002:str` is a tag: a value is what it looks like"),
    ("a tagged mapping", "a:\n  !!set {b}\n", 2, "is a tag"),
    ("a tagged key", "a: 1\n!!int 2: 1\n", 2, "is a tag"),
    ("a list for a key", "a: 1\n? [b, c]\n: 1\n", 2, "a key is a word"),
    ("lists without end", "a: 1\nb: " + "[" * 100_000, 2, "nested deeper than 20"),
    ("mappings without end", "a: 1\nb: " + "{a: " * 50_000, 2, "nested deeper than 20"),
    ("lines ever deeper", "".join(" " * n + "a:\n" for n in range(500)), 21, "nested deeper than 20"),
    ("a million lines", "\n" * 1_000_000, 1, "larger than 256 KiB"),
    ("one long line", "a: " + "x" * 1_000_000, 1, "larger than 256 KiB"),
    ("many bytes in few signs", "a: " + "€" * 100_000, 1, "larger than 256 KiB"),
    ("a key twice", "a: {b: 1,\n  b: 2}\n", 2, "`b` stands here twice"),
    ("a sign that is none", "a: 1\nb: \x01\n", 2, "not YAML"),
    ("a NUL", "a: 1\nb: 1\n\0", 3, "not YAML"),
    ("a tab", "a:\n\tb: 1\n", 2, "not YAML"),
    ("no end of a text", 'a: "b\n', 2, "not YAML"),
    ("a directive", "%FOO\n%YAML 9.9\n---\na: 1\n", 1, "not YAML"),
]


@pytest.mark.parametrize(("text", "line", "said"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_what_no_rule_needs_of_yaml_is_refused_at_once(rules: Path, text: str, line: int, said: str) -> None:
    path = rules / "conditions/age.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(WrongRuleFile, match=re.escape(said)) as error:
        load(rules)
    assert time.process_time() - began < 1
    assert str(error.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"a: 1\nb: caf\xe9\n", 2, "not UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "not UTF-8"),
        (b"a: 1\n" * 1_000_000, 1, "larger than 256 KiB"),
    ],
    ids=["latin-1", "utf-16", "five megabytes"],
)
def test_bytes_that_are_no_rule_file_are_refused_at_once(rules: Path, content: bytes, line: int, said: str) -> None:
    path = rules / "parameters/income_limits.yaml"
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(WrongRuleFile, match=said) as error:
        load(rules)
    assert time.process_time() - began < 1
    assert str(error.value).startswith(f"{path}:{line}: ")


def test_a_folder_in_the_place_of_a_file_is_refused(rules: Path) -> None:
    (rules / "conditions/more.yaml").mkdir()
    with pytest.raises(WrongRuleFile, match=r"more.yaml:1: Is a directory"):
        load(rules)


@pytest.mark.parametrize(
    "number", ["1" * 13, "1" * 5000, "1." + "0" * 13, "1e3", "0x10", ".inf", ".nan", "1_000", "٢٩٥١٥"]
)
def test_a_number_that_is_not_written_in_plain_digits_is_text(number: str) -> None:
    [document] = read(f"a: {number}", "a.yaml")
    assert document.mapping()["a"].value == number


def test_a_value_is_what_it_looks_like() -> None:
    [document] = read(
        '{a: 1, b: 1.10, c: 2024-02-29, d: true, e: null, f: , g: "1", h: No, i: [x, []], j: {}}', "a.yaml"
    )
    found = {key: node.value for key, node in document.mapping().items()}
    assert [node.value for node in document.mapping()["i"]] == ["x", []]
    del found["i"]
    assert found == {
        "a": 1, "b": Decimal("1.10"), "c": date(2024, 2, 29), "d": True, "e": None, "f": None, "g": "1", "h": "No", "j": {},
    }  # fmt: skip


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongRuleFile, match="no rule files"):
        load(tmp_path)


def test_an_article_that_is_not_known_yet_makes_nothing_provisional(engine: Engine) -> None:
    assert engine.decide([household({"residence": "bis_register"})])[0]["provisional"] == []


@pytest.mark.parametrize(
    ("file", "was", "now"),
    [
        ("conditions/income.yaml", "{above: 0, at_most: limit}", "{above: 0, below: limit}"),
        ("conditions/means.yaml", "{above: limit}", "{at_least: limit}"),
        ("conditions/age.yaml", "below: 18", "at_most: 18"),
        ("parameters/income_limits.yaml", "29515", "29514"),
    ],
)
def test_a_changed_rule_changes_what_is_decided(rules: Path, engine: Engine, file: str, was: str, now: str) -> None:
    path = rules / file
    path.write_text(path.read_text().replace(was, now))
    at_the_limit = household({"incomes": 29515, "balances": 29515, "born_on": date(2006, 3, 20)})
    changed = Engine(load(rules))
    assert (
        changed.decide([at_the_limit])[0]["outcome"] != "met"
        or changed.decide([at_the_limit])[0]["conditions"] != (engine.decide([at_the_limit])[0]["conditions"])
    )
