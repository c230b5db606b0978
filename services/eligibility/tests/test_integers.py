"""A float can crash durable_rules: none comes in by any door, and what the engine is told holds none."""

import copy
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cir_schemas import HouseholdRecorded
from cir_schemas.envelope import UnreadableEvent
from cir_schemas.household import HouseholdToAssess
from eligibility import cases, requests
from eligibility.domain import matcher
from eligibility.domain.decide import Engine
from eligibility.domain.source import WrongRuleFile
from eligibility.requests import WrongHousehold
from eligibility.rulefiles import RULES, load

from .conftest import Eligibility
from .test_contract import EXAMPLE

SMUGGLED = [
    (("reference_date",), 1.7e9),
    (("registered_on",), 86400.5),
    (("moment",), 1.0),
    (("members", 0, "born_on"), 477964800.0),
    (("members", 0, "moves_in"), 1.0),
    (("members", 0, "residence"), 0.0),
    (("members", 0, "emancipated"), 1.0),
    (("members", 0, "guided_independent_living"), 0.0),
    (("members", 0, "recognised_handicap"), 1.0),
    (("members", 0, "incomes", 0, "year"), 2023.0),
    *((("members", 0, "incomes", 0, "living_wage"), value) for value in (0.1, 1e3, 21000.0, float("nan"), "1e3", "NaN", "inf")),
    (("members", 0, "recent_income", "months"), 3.0),
    (("members", 0, "recent_income", "amount"), 6000.0),
    (("members", 0, "recent_income", "amount"), "6000.001"),
    (("members", 0, "recent_income", "proof"), 2.0),
    (("members", 0, "set_aside", "ground"), 1.0),
    (("members", 0, "balances"), 1200.0),
    (("members", 0, "balances"), "1_200.00"),
    (("members", 0, "language"), 1.0),
    (("members", 1, "real_rights", 0, "right"), 1.0),
    (("members", 1, "real_rights", 0, "exception"), 1.0),
    (("members", 2, "dependant"), 1.0),
]  # fmt: skip


def put(household: Any, place: tuple[Any, ...], value: object) -> Any:
    household = copy.deepcopy(household)
    inner = household
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return household


async def by_file(eligibility: Eligibility, household: Any) -> bool:
    try:
        requests.read(json.loads(json.dumps(household)), HouseholdToAssess)
    except WrongHousehold:
        return False
    return True


async def by_http(eligibility: Eligibility, household: Any) -> bool:
    headers = {"content-type": "application/json"}
    response = await eligibility.http.post("/v1/preview", content=json.dumps(household), headers=headers)
    assert response.status_code in (200, 422)
    return response.status_code == 200


async def by_event(eligibility: Eligibility, household: Any) -> bool:
    event = HouseholdRecorded.model_validate(
        {"dossier": UUID(int=1), "version": 1, "facts_version": 1, "household": {"members": EXAMPLE["members"]},
         "test": {"id": UUID(int=2), "moment": "registration", "reference_date": "2024-03-20"}}
    )  # fmt: skip
    value = json.loads(event.value()) | {"household": {"members": household["members"]}}
    value["test"] |= {key: household[key] for key in ("reference_date", "moment", "registered_on")}
    try:
        HouseholdRecorded.read(event.headers(), event.key.encode(), json.dumps(value).encode())
    except UnreadableEvent:
        return False
    return True


Door = Callable[[Eligibility, Any], Awaitable[bool]]
DOORS = pytest.mark.parametrize("let_in", [by_file, by_http, by_event])


@DOORS
async def test_no_float_comes_in(eligibility: Eligibility, let_in: Door) -> None:
    assert await let_in(eligibility, EXAMPLE)
    assert [place for place, value in SMUGGLED if await let_in(eligibility, put(EXAMPLE, place, value))] == []


def told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine is told while the cases are decided: JSON texts, its rules first."""
    texts, tell = [json.dumps(engine.matcher.definition)], matcher.Matcher._tell

    def listen(self: matcher.Matcher, facts: str) -> int:
        texts.append(facts)
        return tell(self, facts)

    monkeypatch.setattr(matcher.Matcher, "_tell", listen)
    engine.decide([case.household for case in cases.read(RULES)])
    return texts


def floats(text: str) -> list[str]:
    """The numbers in a JSON text that are no integers that fit 64 bits, NaN and infinities included."""
    found: list[str] = []
    keep: Callable[[str], None] = found.append
    json.loads(
        text, parse_float=keep, parse_constant=keep, parse_int=lambda n: None if abs(int(n)) < 2**63 else keep(n)
    )
    return found


def test_what_the_engine_is_told_holds_no_float(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = told(engine, monkeypatch)
    assert len(texts) > 400
    assert [text for text in texts if floats(text)] == []


def test_a_float_would_be_seen() -> None:
    assert floats('[1, {"a": 1.0, "b": 1e3, "c": NaN, "d": -Infinity}, 1.5]') == [
        "1.0",
        "1e3",
        "NaN",
        "-Infinity",
        "1.5",
    ]
    assert floats('[1, {"a": "1.0"}, true, 9223372036854775808]') == ["9223372036854775808"]


@pytest.mark.parametrize(
    ("file", "was", "now"),
    [
        ("conditions/age.yaml", "{below: 18}", "{below: 17.5}"),
        ("conditions/age.yaml", "{below: 18}", "{below: 1.8e1}"),
        ("conditions/age.yaml", "{below: 18}", "{below: .inf}"),
        ("conditions/income.yaml", "income: {above: 0,", "income: {above: 0.004,"),
        ("conditions/income.yaml", "{recents_counted: {above: 0},", "{recents_counted: {above: 0.5},"),
        ("conditions/income.yaml", "{yearly_sum: 0}", "{yearly_sum: 0.5}"),
        ("conditions/income.yaml", "is: 0}", "is: 0.5}"),
        ("conditions/income.yaml", "years_back: [1, 3]", "years_back: [1, 3.0]"),
        ("conditions/residence.yaml", "[waiting_register,", "[1.0, waiting_register,"),
        ("parameters/income_limits.yaml", "29515", "29515.005"),
        ("parameters/income_limits.yaml", "29515", "2.9515e4"),
        ("parameters/income_limits.yaml", "year: 2024", "year: 2024.0"),
        ("parameters/dependant_weight.yaml", "with_handicap: 2, mark: K", "with_handicap: 1.5, mark: K"),
    ],
)
def test_no_float_comes_in_by_a_rule_file(
    rules: Path, monkeypatch: pytest.MonkeyPatch, file: str, was: str, now: str
) -> None:
    path = rules / file
    assert was in path.read_text()
    path.write_text(path.read_text().replace(was, now, 1))
    try:
        engine = Engine(load(rules))
    except WrongRuleFile:
        return
    assert [text for text in told(engine, monkeypatch) if floats(text)] == []
