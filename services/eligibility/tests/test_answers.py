"""The two answers of each pending proof, known beforehand, are those of assessing the household again with that one proof set."""

import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from eligibility.domain.decide import Engine
from eligibility.rulefiles import load

from .build import household, random_household
from .independent import LIMITS

LIMITS_IN_CENTS = [100 * amount for row in LIMITS.values() for amount in row[:3]]


def settled(given: dict[str, Any], ask: dict[str, Any], proof: str) -> dict[str, Any]:
    """The household with that one proof set."""
    again = deepcopy(given)
    [member] = [member for member in again["members"] if member["id"] == ask["person"]]
    fact, _, rest = ask["fact"].removesuffix(".proof").partition("[")
    claim = member[fact][int(rest.rstrip("]"))] if rest else member[fact]
    assert claim["proof"] in (None, "uploaded")
    claim["proof"] = proof
    return again


@pytest.mark.parametrize("seed", range(30))
def test_each_answer_is_that_of_assessing_again(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    households = [random_household(rng, LIMITS_IN_CENTS) for _ in range(100)]
    expected, again = [], []
    titles = {condition.id: condition.title.en for condition in engine.rules.conditions}
    for given, answer in zip(households, engine.decide(deepcopy(households)), strict=True):
        for ask in answer["asks"]:
            over = f"{titles[ask['condition']]}: to be investigated, because too much is unknown."
            pending = ask["fact"].endswith(".proof")
            assert ("answers" in ask) == (pending and over not in answer["say"]["en"])
            for decision, said in ask.get("answers", {}).items():
                expected.append((given, ask["condition"], ask["fact"], decision, said))
                again.append(settled(given, ask, decision))
        assert not any("answers" in claim for claim in answer["could_claim"])
    for (given, condition, fact, decision, said), answer in zip(expected, engine.decide(again), strict=True):
        found = {"condition": answer["conditions"][condition]["outcome"], "outcome": answer["outcome"]}
        assert said == found, (condition, fact, decision, given)
    assert {decision for *_, decision, _ in expected} == {"interpreted", "rejected"}
    assert len({fact for _, _, fact, *_ in expected}) > 3


def test_a_proof_that_two_conditions_look_at_is_answered_for_both(rules: Path) -> None:
    means = rules / "conditions/means.yaml"
    exception = """    unless:
      - id: means.set_aside
        when: {some_candidate: {set_aside.proof: interpreted}}
        then: met
"""
    means.write_text(means.read_text().rstrip() + "\n" + exception)
    engine = Engine(load(rules))
    given = household({"incomes": 40_000, "balances": 40_000, "set_aside": {}})
    asks = engine.decide([given])[0]["asks"]
    assert [(ask["condition"], ask["fact"]) for ask in asks] == [
        (name, "set_aside.proof") for name in ("income", "means")
    ]
    for ask in asks:
        for decision, said in ask["answers"].items():
            answer = engine.decide([settled(given, ask, decision)])[0]
            assert said == {
                "condition": answer["conditions"][ask["condition"]]["outcome"],
                "outcome": answer["outcome"],
            }
    assert asks[0]["answers"]["interpreted"] == {"condition": "met", "outcome": "met"}


def test_a_duty_decides_nothing_of_the_household(rules: Path) -> None:
    """The condition's own outcome turns with the proof; that of the household stays."""
    property_ = rules / "conditions/property.yaml"
    property_.write_text(property_.read_text().replace("effect: bar", "effect: duty"))
    right = {"right": "full_ownership", "object": "dwelling", "exception": "expropriation"}
    [ask] = Engine(load(rules)).decide([household({"real_rights": [right]})])[0]["asks"]
    assert ask["answers"] == {
        "interpreted": {"condition": "met", "outcome": "met"}, "rejected": {"condition": "not_met", "outcome": "met"},
    }  # fmt: skip


def test_more_than_can_be_tried_answers_nothing(engine: Engine) -> None:
    unknown = {"incomes": None, "recent_income": {"amount": None}, "set_aside": {}, "no_income_declared": {}}
    given = household(unknown, unknown, co_residents=[{"recognised_handicap": None}] * 40)
    asks = [ask for ask in engine.decide([given])[0]["asks"] if ask["condition"] == "income"]
    assert {"recent_income.proof", "set_aside.proof"} <= {ask["fact"] for ask in asks}
    assert not any("answers" in ask for ask in asks)
