"""What durable_rules would do wrong without its safeguards is planted here, and the comparison with columns shows it."""

import json
from pathlib import Path
from typing import Any

import durable_rules_engine as durable  # type: ignore[import-not-found]
import pytest

from eligibility.domain import matcher
from eligibility.domain.decide import Engine
from eligibility.rulefiles import load

from .build import household

SET_ASIDE: dict[str, Any] = {"incomes": 90000, "set_aside": {"proof": "interpreted"}}


def outcome(engine: Engine, *candidates: dict[str, Any]) -> str:
    """Of the income condition, "differs" where the matchers do."""
    given = [household(*candidates)]
    if [difference.condition for difference in engine.compare(given)] == ["income"]:
        return "differs"
    assert engine.compare(given) == []
    return str(engine.decide(given)[0]["conditions"]["income"]["outcome"])


def test_one_fact_may_serve_two_patterns_by_dist(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that asks for some candidate, with an exception that asks for some candidate: a single person is both."""
    file = rules / "conditions/income.yaml"
    was = "when: {income: {above: limit}}"
    assert was in file.read_text()
    file.write_text(
        file.read_text().replace(was, "when: {income: {above: limit}, some_candidate: {recent_income.proof: none}}")
    )
    assert outcome(Engine(load(rules)), SET_ASIDE) == "met"
    create = durable.create_ruleset
    monkeypatch.setattr(
        durable, "create_ruleset", lambda name, text: create(name, text.replace('"dist": 0', '"dist": 1'))
    )
    assert outcome(Engine(load(rules)), SET_ASIDE) == "differs"


def test_an_excuse_that_comes_after_the_trigger_is_overlooked(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, tell = Engine(load(rules)), matcher.Matcher._tell
    assert outcome(engine, SET_ASIDE) == "met"

    def trigger_first(self: matcher.Matcher, facts: str) -> int:
        first, *_ = json.loads(facts)
        if first["kind"] not in ("trigger", "excuse"):
            tell(self, matcher.TRIGGER % first["sid"])
        return 0 if first["kind"] == "trigger" else tell(self, facts)

    monkeypatch.setattr(matcher.Matcher, "_tell", trigger_first)
    assert outcome(engine, SET_ASIDE) == "differs"


def test_an_excuse_that_is_ignored_is_noticed(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, tell = Engine(load(rules)), matcher.Matcher._tell
    deaf = {"income.set_aside"}

    def all_but_one(self: matcher.Matcher, facts: str) -> int:
        return 0 if json.loads(facts)[0].get("by") in deaf else tell(self, facts)

    monkeypatch.setattr(matcher.Matcher, "_tell", all_but_one)
    assert outcome(engine, {"incomes": 0, "no_income_declared": {"proof": "interpreted"}}) == "met"
    assert outcome(engine, SET_ASIDE) == "differs"
