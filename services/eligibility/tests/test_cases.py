"""The cases beside the rules: each a sentence, a household that states only what matters, and what is decided."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from eligibility.domain.decide import Engine

from .build import household

CASES = [
    (path.name.removesuffix(".cases.yaml"), case)
    for path in sorted((Path(__file__).parents[1] / "rules/conditions").glob("*.cases.yaml"))
    for case in yaml.safe_load(path.read_text())
]


def places(asks: Any, condition: Any) -> Any:
    return [f"{ask['person']}.{ask['fact']}" for ask in asks if ask["condition"] == condition]


@pytest.mark.parametrize(("condition", "case"), CASES, ids=[case["case"] for _, case in CASES])
def test_case(engine: Engine, condition: Any, case: Any) -> None:
    expect = dict(case["expect"])
    given = {key: case[key] for key in ("co_residents", "moment", "registered_on") if key in case}
    [answer] = engine.decide([household(*case.get("candidates", [{}]), day=case["date"], **given)])
    one = answer["conditions"].get(condition, {"outcome": "absent"})
    asked, could = places(answer["asks"], condition), places(answer["could_claim"], condition)
    assert one["outcome"] == expect.pop(condition), answer
    seen = {
        "because": one.get("because"), "figures": one.get("figures"), "provisional": answer["provisional"],
        "outcome": answer["outcome"], "asks": asked, "could_claim": could,
    }  # fmt: skip
    if "says" in expect:
        assert expect.pop("says") in " ".join(answer["say"]["nl"])
    assert {key: seen[key] for key in expect} == expect
