"""Sound and sharp: what the engine says of an incomplete household is what trying everything says."""

import random
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from eligibility.domain import completions
from eligibility.domain.decide import Engine
from eligibility.rulefiles import load

from . import build
from .build import random_household
from .independent import CONDITIONS, LIMITS, could_claim, everywhere

SETTLED: dict[str, list[Any]] = {
    "born_on": [date(1980, 2, 29), date(2015, 1, 1)], "residence": ["population_register"], "recognised_handicap": [False, True],
    "incomes": [[]], "balances": [0], "real_rights": [[]], "language": ["known"],
}  # fmt: skip
SEEDS = [pytest.param(seed, marks=pytest.mark.long if seed >= 20 else ()) for seed in range(200)]  # 100 households each


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outcome_holds_in_every_completion_and_asks_are_what_could_change_it(engine: Engine, seed: Any) -> None:
    rng = random.Random(seed)
    limits = [100 * amount for row in LIMITS.values() for amount in row[:3]]
    households = [random_household(rng, limits) for _ in range(100)]
    answers = engine.decide(deepcopy(households))
    tried = 0
    for household, answer in zip(households, answers, strict=True):
        for condition in CONDITIONS:
            expected = everywhere(household, condition)
            if expected is None:
                continue
            tried += 1
            outcome, asks = expected
            if outcome is None:
                assert condition not in answer["conditions"]
                continue
            said = {(ask["person"], ask["fact"]) for ask in answer["asks"] if ask["condition"] == condition}
            assert (answer["conditions"][condition]["outcome"], said) == (outcome, asks), (condition, household)
    assert tried > 500


def completed(rng: Any, household: Any) -> Any:
    """The household with everything unknown settled one way."""
    for member in household["members"]:
        for fact, values in SETTLED.items():
            if member[fact] is None:
                member[fact] = rng.choice(values)
        claims = [member[name] for name in ("recent_income", "set_aside", "no_income_declared")]
        for claim in [*claims, *(right for right in member["real_rights"] if right["exception"])]:
            if claim and claim["proof"] in (None, "uploaded"):
                claim["proof"] = rng.choice(("interpreted", "rejected"))
        if member["recent_income"] and member["recent_income"]["amount"] is None:
            member["recent_income"]["amount"] = rng.randrange(3_000_000)
    return household


@pytest.mark.parametrize("seed", SEEDS)
def test_what_could_be_claimed_is_what_would_make_it_met(engine: Engine, seed: Any) -> None:
    rng = random.Random(-1 - seed)
    limits = [100 * amount for row in LIMITS.values() for amount in row[:3]]
    households = [completed(rng, random_household(rng, limits)) for _ in range(100)]
    told = 0
    for household, answer in zip(households, engine.decide(deepcopy(households)), strict=True):
        for condition, one in answer["conditions"].items():
            said = {
                (claim["person"], claim["fact"]) for claim in answer["could_claim"] if claim["condition"] == condition
            }
            met = one["outcome"] == "met" or condition in ("residence", "language")
            assert said == (set() if met else could_claim(household, condition)), (condition, household)
            told += len(said)
    assert told > 50


def test_what_is_too_much_to_look_at_together_is_decided_alike(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    households = [random_household(rng, [30_000_00]) for _ in range(60)]
    together = engine.decide(households)
    largest: list[int] = []
    decide = completions.Layout.decide_layout

    def listen(layout: completions.Layout, units: Any, slots: Any) -> Any:
        decided = decide(layout, units, slots)
        largest.append(decided.starts[-1] if slots else 0)
        return decided

    monkeypatch.setattr(completions.Layout, "decide_layout", listen)
    assert engine.decide(households) == together
    before = max(largest)
    largest.clear()
    monkeypatch.setattr(completions, "ROWS", 64)
    assert engine.decide(households) == together
    assert max(largest) < before


def test_what_another_unit_makes_no_matter_is_not_asked(rules: Path) -> None:
    """Of three rights one is to be investigated for good: a proof that leads no further than that changes nothing."""
    file = rules / "conditions/property.yaml"
    bare = """  - id: property.bare
    when: {right: bare_ownership}
    then: to_investigate
    say: {nl: "Te bekijken.", en: "To be looked at."}
    unless:
      - {id: property.bare_separation, when: {exception: separation, proof: interpreted}, then: met}
"""
    file.write_text(file.read_text().rstrip() + "\n" + bare)
    separated = {"right": "bare_ownership", "exception": "separation"}
    rights = [{"right": "bare_ownership"}, separated, {"right": "full_ownership", "exception": "expropriation"}]
    engine = Engine(load(rules))
    asked = [engine.decide([build.household({"real_rights": of})])[0]["asks"] for of in (rights, rights[1:])]
    assert [[ask["fact"] for ask in asks] for asks in asked] == [
        ["real_rights[2].proof"],
        ["real_rights[0].proof", "real_rights[1].proof"],
    ]
