"""The schemas that editors check and explain rule files by say what the code says: no more, no less."""

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from cir_schemas.household import (
    Income,
    Member,
    NoIncomeDeclared,
    Proof,
    RealRight,
    RecentIncome,
    Residence,
    Right,
    RightException,
    SetAside,
)
from cir_schemas.types import Moment, Outcome
from eligibility.cases import ABSENT, KEYS
from eligibility.domain.facts import TYPES
from eligibility.domain.figures import COMPARISONS
from eligibility.domain.rulebook import MOMENTS, OUTCOMES, UNITS
from eligibility.domain.source import Node
from eligibility.domain.verbs import VERBS
from eligibility.rulefiles import RULES, load, read

from .test_rulefiles import WRONG

SCHEMAS = {path.name: json.loads(path.read_text()) for path in (RULES / "schema").glob("*.json")}
REGISTRY: Registry[Any] = Registry().with_resources([(name, Resource.from_contents(s)) for name, s in SCHEMAS.items()])
FILES = sorted(path.relative_to(RULES).as_posix() for path in RULES.rglob("*.yaml"))
# What only shows beside the rest of the folder, or is no matter of shape: what a name refers to, how periods follow each other.
NAMES = r"unknown (name|figure|parameter|amount|condition|column)|`(bis_register|recent_sum|dependant)`|some_candidate"
TIMES = "there is no day|lies before|gap|overlaps|ends on another day"
NO_SHAPE = f"{NAMES}|{TIMES}|twice|not YAML"


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
    validator = Draft202012Validator(
        SCHEMAS[schema_of(file)], registry=REGISTRY, format_checker=FormatChecker(["date"])
    )
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


def test_the_schemas_know_what_the_code_knows() -> None:
    common, figures, condition = (SCHEMAS[name] for name in ("common.json", "figures.json", "condition.json"))
    figure, rule = figures["$defs"]["figure"], condition["$defs"]["rule"]
    assert [verb["required"][0] for verb in figure["anyOf"]] == list(VERBS)
    keys = {key for needed, optional, _ in VERBS.values() for key in (*needed, *optional)}
    assert set(figure["properties"]) == {*VERBS, *keys}
    assert [*figures["$defs"]["test"]["oneOf"][2]["properties"], "is"] == list(COMPARISONS)
    assert rule["properties"]["then"] == {"$ref": "common.json#/$defs/outcome"}
    assert set(common["$defs"]["outcome"]["enum"]) == set(OUTCOMES) == set(get_args(Outcome))
    assert common["$defs"]["moment"]["enum"] == list(MOMENTS) == list(get_args(Moment))
    assert set(common["$defs"]["mark"]["enum"]) == set("SDFK")
    assert SCHEMAS["facts.json"]["$defs"]["fact"]["properties"]["type"]["enum"] == list(TYPES)
    assert SCHEMAS["parameter.json"]["properties"]["unit"]["enum"] == list(UNITS)
    things = [f"each_{fact.each}" for fact in load(RULES).facts.values() if fact.each]
    assert condition["properties"]["about"]["enum"] == ["household", "each_candidate", *things]


def test_the_schema_of_cases_knows_the_contract() -> None:
    case, person = (SCHEMAS["cases.json"]["$defs"][name]["properties"] for name in ("case", "person"))
    assert set(case["expect"]["properties"]) == set(KEYS)
    assert set(case["expect"]["additionalProperties"]["enum"]) == {*OUTCOMES, ABSENT}
    assert set(person) == set(Member.model_fields) - {"id", "role"}
    right = person["real_rights"]["oneOf"][1]["items"]["properties"]
    for shape, properties in (
        (Income, person["incomes"]["oneOf"][1]["items"]["properties"]),
        (RecentIncome, person["recent_income"]["oneOf"][1]["properties"]),
        (SetAside, person["set_aside"]["oneOf"][1]["properties"]),
        (NoIncomeDeclared, person["no_income_declared"]["oneOf"][1]["properties"]),
        (RealRight, right),
    ):
        assert set(properties) == set(shape.model_fields)
    for given, known in (
        (person["residence"], Residence),
        (right["right"], Right),
        (right["exception"], RightException),
        (right["proof"], Proof),
    ):
        assert {value for value in given["enum"] if value is not None} == set(get_args(known))
