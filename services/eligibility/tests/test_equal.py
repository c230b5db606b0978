"""Two matchers and the law in plain Python decide the same, of made-up households on every day from 2019 through 2028.

Figures are computed once for both matchers, so their comparison cannot see one that is wrong: `independent` does.
"""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import durable_rules_engine as durable  # type: ignore[import-not-found]
import pytest

from cir_schemas.types import euro
from eligibility.domain.decide import Difference, Engine
from eligibility.rulefiles import load

from .build import random_household
from .independent import CONDITIONS, LIMITS, limit

DAYS = (date(2029, 1, 1) - date(2019, 1, 1)).days
AMOUNTS = [100 * amount for row in LIMITS.values() for amount in row[:3]]
BATCH = 500
MOST = 100_000


def batches(many: int) -> Iterator[list[dict[str, Any]]]:
    """Each day in turn. Unknowns, boundaries and pending claims are over-represented."""
    rng = random.Random(613)
    for start in range(0, many, BATCH):
        days = [date(2019, 1, 1) + timedelta((start + n) * 997 % DAYS) for n in range(BATCH)]
        yield [random_household(rng, AMOUNTS, day) for day in days]


def differences(engine: Engine, many: int = 5 * BATCH) -> list[Difference]:
    return [difference for batch in batches(many) for difference in engine.compare(batch)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.long)])
def test_the_matchers_agree_with_each_other_and_both_with_the_law(engine: Engine, every: int) -> None:
    """every: how many batches to one whose answers are held against the law, which takes longer."""
    seen, by_law = set[date](), 0
    for n, batch in enumerate(batches(MOST)):
        assert engine.compare(batch) == []
        seen.update(household["reference_date"] for household in batch)
        if n % every == 0:
            for household, answer in zip(batch, engine.decide(batch), strict=True):
                open_ = {ask["condition"] for ask in answer["asks"]}
                of = answer["conditions"].items()
                by_law += sum(_as_the_law(household, condition, one) for condition, one in of if condition not in open_)
    assert len(seen) == DAYS
    assert by_law > 3 * MOST / every


def _as_the_law(household: dict[str, Any], condition: str, one: dict[str, Any]) -> bool:
    """Whether the law in plain Python decides it, which it does where all is known; its outcome and limit are then the same."""
    try:
        outcome = CONDITIONS[condition](household)
        known = euro(limit(household))
    except (TypeError, KeyError, AttributeError):
        return False  # something is unknown, or the figures of 2028 are
    assert one["outcome"] == outcome, (condition, household)
    shown = one.get("figures", {}).get("limit", known)
    assert shown == known or isinstance(shown, list), (condition, household)
    return True


def test_a_mask_of_columns_that_is_shifted_is_seen(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(load(rules))
    assert differences(engine) == []
    condition = next(one for one in engine.rules.conditions if one.id == "income")
    monkeypatch.setattr(condition, "bits", condition.bits << 1)
    assert {difference.condition for difference in differences(engine)} == {"income"}


def test_a_wrong_fold_is_seen(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(load(rules))
    condition = next(one for one in engine.rules.conditions if one.id == "means")
    monkeypatch.setattr(condition, "then", condition.then - 1)
    assert {difference.condition for difference in differences(engine)} == {"means"}


def drop_exception(patch: pytest.MonkeyPatch, exception: str) -> None:
    """An engine that is made from here on is given its rules without that exception."""
    create = durable.create_ruleset

    def without(name: str, text: str) -> Any:
        definition = {rule: of for rule, of in json.loads(text).items() if not rule.endswith(exception)}
        return create(name, json.dumps(definition))

    patch.setattr(durable, "create_ruleset", without)


def test_an_exception_that_the_engine_was_not_given_is_seen(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_exception(monkeypatch, "property.separation")
    found = differences(Engine(load(rules)))
    assert {difference.condition for difference in found} == {"property"}
    assert ["property.separation"] in [difference.by_columns for difference in found]
