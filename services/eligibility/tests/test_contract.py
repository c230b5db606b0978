"""The household of the contract gets the answer of the contract."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from cir_schemas.eligibility import Assessment
from cir_schemas.household import HouseholdToAssess
from eligibility.domain.decide import Engine
from eligibility.rulefiles import load

from .build import household

EXAMPLE: dict[str, Any] = {
    "reference_date": "2024-03-20", "moment": "registration", "registered_on": None,
    "members": [
        {"id": "p1", "role": "applicant", "born_on": "1985-02-23", "moves_in": True,
         "residence": "population_register", "emancipated": False, "guided_independent_living": False,
         "recognised_handicap": False,
         "incomes": [{"year": 2023, "jointly_taxable": "21000.00", "separately_taxable": "0", "replacement_allowance": "0",
                      "living_wage": "0", "foreign_exempt": "0"}],
         "recent_income": {"months": 3, "amount": "6000.00", "proof": "interpreted"},
         "set_aside": {"ground": "budget_guidance", "proof": None},
         "balances": "1200.00", "real_rights": [], "language": "known"},
        {"id": "p2", "role": "partner", "born_on": "1986-07-01", "residence": "population_register",
         "recognised_handicap": False, "incomes": [{"year": 2023, "jointly_taxable": "20000.00"}], "balances": "0",
         "language": "not_known",
         "real_rights": [{"right": "full_ownership", "object": "dwelling", "country": "BE", "exception": "expropriation",
                          "proof": "uploaded"}]},
        {"id": "c1", "role": "co_resident", "born_on": "2015-05-01", "dependant": True, "recognised_handicap": False},
    ],
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "reference_date": "2024-03-20", "outcome": "to_investigate", "provisional": [],
    "conditions": {
        "age": {"outcome": "met", "effect": "bar", "because": []},
        "residence": {"outcome": "met", "effect": "bar", "because": []},
        "income": {"outcome": "met", "effect": "bar", "because": ["income.within_limit"],
                   "figures": {"income": "41000.00", "limit": "46745.00"}},
        "means": {"outcome": "met", "effect": "bar", "because": [], "figures": {"balances": "1200.00", "limit": "46745.00"}},
        "property": {"outcome": "to_investigate", "effect": "bar", "because": ["property.expropriation"]},
        "language": {"outcome": "not_met", "effect": "duty", "because": ["language.not_known"]}},
    "asks": [{"condition": "property", "person": "p2", "fact": "real_rights[0].proof", "proofs": ["expropriation_order"],
              "answers": {"interpreted": {"condition": "met", "outcome": "met"},
                          "rejected": {"condition": "not_met", "outcome": "not_met"}}}],
    "could_claim": [],
}  # fmt: skip


def decided(engine: Engine, declared: Any) -> Any:
    return engine.decide([HouseholdToAssess.model_validate(declared).model_dump()])[0]


def test_the_household_of_contracts_gets_the_answer_of_contracts(engine: Engine) -> None:
    answer = decided(engine, EXAMPLE)
    assert answer.pop("rules").startswith("sha256:")
    assert all(answer["say"][language] for language in ("nl", "en"))
    del answer["say"]
    assert json.dumps(answer) == json.dumps(ANSWER)  # to the letter: the order too


def test_every_answer_fits_the_event_that_carries_it(engine: Engine) -> None:
    for given in (household(), household({"incomes": None}), household({"incomes": 90000}, {"balances": None})):
        answer = engine.decide([given])[0]
        assert Assessment.model_validate_json(json.dumps(answer)).model_dump(mode="json", exclude_none=True)


def test_a_batch_decides_as_one_by_one(engine: Engine) -> None:
    given = [
        HouseholdToAssess.model_validate(EXAMPLE).model_dump(),
        household({"incomes": None}, co_residents=[{}]),
        household(),
    ]
    assert engine.decide(given) == [engine.decide([one])[0] for one in given]


def test_nobody_is_decided_by_nothing(engine: Engine) -> None:
    assert engine.decide([]) == []


def test_the_words_carry_the_amounts(engine: Engine) -> None:
    say = engine.decide([household({"incomes": "30000.50"})])[0]["say"]
    assert "Het inkomen (€ 30.000,50) ligt € 485,50 boven de grens (€ 29.515,00)." in say["nl"]
    assert "The income (€30,000.50) is €485.50 above the limit (€29,515.00)." in say["en"]


def test_a_missing_row_is_named(engine: Engine) -> None:
    say = engine.decide([household({"incomes": None}, day=date(2028, 1, 1))])[0]["say"]
    assert any("income_limits 2028" in sentence for sentence in say["en"])
    assert any("income_limits 2028" in sentence for sentence in say["nl"])


def test_more_completions_than_can_be_looked_at_are_to_be_investigated(engine: Engine) -> None:
    pending = {"amount": None}
    unknown = {"incomes": None, "recent_income": pending, "set_aside": {}, "no_income_declared": {}}
    given = household(unknown, unknown, co_residents=[{"recognised_handicap": None}] * 40)
    before = engine.counts["over_bound"]
    answer = engine.decide([given])[0]
    assert answer["conditions"]["income"]["outcome"] == "to_investigate"
    assert {ask["fact"] for ask in answer["asks"] if ask["condition"] == "income"} >= {"incomes", "recent_income.proof"}
    assert engine.counts["over_bound"] > before


def test_nothing_of_this_machine_is_in_the_hash(engine: Engine, rules: Path) -> None:
    assert load(rules).hash == engine.rules.hash
    (rules / "conditions/age.cases.yaml").write_text("[]")
    assert load(rules).hash == engine.rules.hash
    changed = rules / "parameters/income_limits.yaml"
    changed.write_text(changed.read_text().replace("29515", "29516"))
    assert load(rules).hash != engine.rules.hash


def test_what_two_conditions_ask_is_said_once(engine: Engine) -> None:
    answer = engine.decide([household({"recognised_handicap": None, "incomes": 30000, "balances": 30000})])[0]
    asked = {(ask["condition"], ask["fact"]) for ask in answer["asks"]}
    assert asked == {("income", "recognised_handicap"), ("means", "recognised_handicap")}
    assert answer["say"]["en"].count("Still to be investigated: recognised handicap (applicant).") == 1


def test_a_batch_is_decided_as_each_of_it_alone_whatever_is_in_force_that_day(engine: Engine) -> None:
    days = (date(2019, 1, 1), date(2022, 12, 31), date(2023, 1, 1), date(2024, 1, 1))
    given = [household({}, day=day) for day in days]
    answers = engine.decide(given)
    assert answers == [engine.decide([one])[0] for one in given]
    assert ["means" in answer["conditions"] for answer in answers] == [False, False, False, True]
