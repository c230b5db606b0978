"""The schemas that editors check and explain rule files by say what the code says: no more, no less."""

import inspect
import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from cir_schemas.household import Member
from eligibility.domain.source import Node, WrongRuleFile
from eligibility.domain.verbs import Verb
from eligibility.rulefiles import RULES, compile_texts, read, texts

from .schema import written
from .test_rulefiles import INCOME, WRONG

SCHEMAS = {path.name: json.loads(path.read_text()) for path in (RULES / "schema").glob("*.json")}
FILES = sorted(path.relative_to(RULES).as_posix() for path in RULES.rglob("*.yaml"))
# What only shows beside the rest of the folder, or is no matter of shape: what a name refers to, how periods follow each other.
NAMES = r"unknown (name|figure|parameter|amount|condition|column)|`(bis_register|recent_sum|dependant)`|some_candidate"
TIMES = "there is no day|lies before|gap|overlaps|ends on another day"
NO_SHAPE = f"{NAMES}|{TIMES}|twice|not YAML|`(mark|claim)` is missing"


def schema_of(file: str) -> str:
    if file.endswith(".cases.yaml"):
        return "cases.json"
    return {"parameters": "parameter.json", "conditions": "condition.json"}.get(
        file.split("/")[0], file.replace(".yaml", ".json")
    )


def plain(node: Node) -> Any:
    """As an editor has it: dates are text, numbers are numbers."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def wrong(file: str, text: str) -> list[str]:
    validator = Draft202012Validator(SCHEMAS[schema_of(file)], format_checker=FormatChecker(["date"]))
    return [error.message for node in read(text, file) for error in validator.iter_errors(plain(node))]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("file", FILES)
def test_every_file_of_ours_fits_the_schema_that_its_first_line_names(file: str) -> None:
    text = (RULES / file).read_text()
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", text.splitlines()[0])
    assert named
    assert ((RULES / file).parent / named[1]).resolve() == (RULES / "schema" / schema_of(file)).resolve()
    assert wrong(file, text) == []


SHAPES = [row for row in WRONG if not re.search(NO_SHAPE, row[3])]


@pytest.mark.parametrize(("file", "was", "now", "said"), SHAPES, ids=[now or said for _, _, now, said in SHAPES])
def test_what_is_wrong_in_shape_is_wrong_to_an_editor_too(file: str, was: str, now: str, said: str) -> None:
    assert wrong(file, (RULES / file).read_text().replace(was, now, 1)) != []


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("moment: update", "moment: updates"),
        ("expect: ", "expects: "),
        ("income: met", "income: mett"),
        ("incomes: [{year", "incomes: [{yaer"),
        ("{residence: ", "{residense: "),
        ("proof: interpreted", "proof: interprated"),
        ("recognised_handicap: true", "recognised_handicap: yess"),
        ("asks: [p1.", "asks: [p1-"),
        ("date: 2024-03-20", "date: 20-03-2024"),
    ],
)
def test_a_case_wrong_in_shape_is_wrong_to_an_editor_too(was: str, now: str) -> None:
    files = [file for file in FILES if file.endswith(".cases.yaml") and was in (RULES / file).read_text()]
    assert files
    for file in files:
        assert wrong(file, (RULES / file).read_text().replace(was, now, 1)) != []


def test_the_schemas_are_those_of_the_shapes_that_rule_files_are_read_by() -> None:
    stale = {name for name, text in written().items() if (RULES / "schema" / name).read_text() != text}
    assert (stale, set(SCHEMAS)) == (set(), set(written())), "make fix"


def test_an_editor_knows_every_verb_with_its_keys_and_what_it_does() -> None:
    shapes = SCHEMAS["condition.json"]["$defs"]
    assert [one["$ref"] for one in shapes["Verb"]["anyOf"]] == [
        f"#/$defs/{verb.__name__}" for verb in Verb.known.values()
    ]
    for verb in Verb.known.values():
        shape = shapes[verb.__name__]
        assert shape["description"] == inspect.getdoc(verb)
        assert list(shape["properties"]) == [field.alias or name for name, field in verb.model_fields.items()]


@pytest.mark.parametrize("was", ["where: {recent_income.proof: interpreted}", "about: each_candidate", "mark: K"])
def test_a_key_that_is_empty_is_no_key_that_is_left_out(was: str) -> None:
    text, key = (RULES / INCOME).read_text(), was.partition(":")[0]
    assert was in text
    empty = text.replace(was, f"{key}: null", 1)
    assert wrong(INCOME, empty) != []
    with pytest.raises(WrongRuleFile, match=f"`{key}` is empty: fill it in, or leave it out"):
        compile_texts({**texts(RULES), INCOME: empty})


def test_the_schema_of_cases_knows_the_contract() -> None:
    person = SCHEMAS["cases.json"]["$defs"]["Member"]["properties"]
    assert set(person) == set(Member.model_fields) - {"id", "role"}
    assert (
        wrong(
            "conditions/age.cases.yaml",
            "[{case: x, date: 2024-01-01, expect: {age: met}, candidates: [{balances: null}]}]",
        )
        == []
    )
