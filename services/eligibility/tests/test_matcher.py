"""The traps of durable_rules, each with what keeps us out of it."""

import itertools
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eligibility.domain import decide as decide_module
from eligibility.domain import matcher
from eligibility.domain.decide import Engine, MatchersDisagree
from eligibility.domain.source import WrongRuleFile
from eligibility.rulefiles import load

from .build import household


def key(engine: Engine, condition: str) -> str:
    return next(c.key for c in engine.rules.conditions if c.id == condition and c.end > 800_000)


def income(engine: Engine, income: int, limit: int = 100, recents: int = 0) -> matcher.Fact:
    condition, figures = key(engine, "income"), {"income": income, "limit": limit, "recents_counted": recents}
    of_condition = {f"{condition} figure {name}": value for name, value in figures.items()}
    return {"kind": "household", "unit": 0, condition: 1, **of_condition}


def of_candidate(engine: Engine, unit: int, set_aside: int = 0, declared: int = 0) -> matcher.Fact:
    proofs = {"set_aside.proof": set_aside, "no_income_declared.proof": declared}
    of_condition = {f"{key(engine, 'income')} fact {name}": value for name, value in proofs.items()}
    return {"kind": "each_candidate", "unit": unit, **of_condition}


def fired(engine: Engine, *facts: matcher.Fact) -> set[str]:
    return {rule for _, _, rule in engine.matcher.match(facts)}


def test_an_exception_holds_whatever_the_order_of_the_parts(engine: Engine) -> None:
    parts = [income(engine, 101), of_candidate(engine, 0), of_candidate(engine, 1, set_aside=2)]
    for order in itertools.permutations(parts):
        assert fired(engine, *order) == {"income.set_aside"}


def test_two_candidates_may_give_the_same_excuse(engine: Engine) -> None:
    excused = [of_candidate(engine, place, set_aside=2, declared=2) for place in (0, 1)]
    assert fired(engine, income(engine, 101), *excused) == {"income.set_aside"}
    assert fired(engine, income(engine, 0), *excused) == {"income.no_income_declared"}


def test_an_excuse_is_its_own_units_alone(engine: Engine) -> None:
    property_ = key(engine, "property")
    facts: list[matcher.Fact] = [
        {"kind": "each_real_right", "unit": unit, property_: 1, f"{property_} fact right": 1,
         f"{property_} fact exception": 3, f"{property_} fact proof": proof}
        for unit, proof in enumerate((2, 1))
    ]  # fmt: skip
    found = {(unit, rule) for _, unit, rule in engine.matcher.match(facts)}
    assert found == {(0, "property.expropriation"), (1, "property.real_right")}


def test_what_no_rule_looks_at_does_not_make_the_batch_fail(engine: Engine) -> None:
    age = key(engine, "age")
    adult: matcher.Fact = {
        "kind": "each_candidate",
        "unit": 0,
        age: 1,
        f"{age} figure age": 40,
        f"{age} fact emancipated": 0,
    }
    assert fired(engine, adult) == set()
    assert fired(engine, adult, income(engine, 1)) == {"income.within_limit"}


def test_a_process_whose_first_household_fires_no_rule_lives_on() -> None:
    first = "household({'incomes': None, 'balances': None}, co_residents=[{'recognised_handicap': None}])"
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from build import household
from eligibility.domain.decide import Engine
from eligibility.rulefiles import RULES, load
engine = Engine(load(RULES))
age = engine.rules.conditions[0].key
adult = {{"kind": "each_candidate", "unit": 0, age: 1, f"{{age}} figure age": 40}}
for _ in range(2000):
    assert engine.matcher.match([adult]) == set()
engine.decide([{first}])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_nothing_outlives_its_household(engine: Engine) -> None:
    for _ in range(3000):  # three times as many states as can live at once
        assert fired(engine, income(engine, 101)) == {"income.above_limit"}
    assert fired(engine, income(engine, 1)) == {"income.within_limit"}


def test_many_threads_may_decide(engine: Engine) -> None:
    given = [household({"incomes": 20000}), household({"incomes": 90000}), household({"real_rights": [{}]})]
    expected = [engine.decide([one]) for one in given]
    with ThreadPoolExecutor(8) as pool:
        for n, answer in enumerate(pool.map(lambda n: engine.decide([given[n % 3]]), range(60))):
            assert answer == expected[n % 3]


def test_no_thread_of_the_engine_runs(engine: Engine) -> None:
    before = set(threading.enumerate())
    matcher.Matcher(engine.rules)
    assert set(threading.enumerate()) == before


def test_what_the_engine_refuses_decides_nobody(engine: Engine) -> None:
    untaken: matcher.Fact = {"kind": "no rule takes this", "unit": 0}
    for refused in (untaken, income(engine, 101)):
        with pytest.raises(matcher.EngineFailed):
            engine.matcher.match([refused, income(engine, 101)])
    assert fired(engine, income(engine, 101)) == {"income.above_limit"}


def test_only_integers_enter(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[matcher.Fact] = []
    match = engine.matcher.match

    def listen(facts: list[matcher.Fact]) -> set[matcher.Fired]:
        seen.extend(facts)
        return match(facts)

    monkeypatch.setattr(engine.matcher, "match", listen)
    engine.decide([household({"incomes": None}, {"real_rights": None}, co_residents=[{}])])
    assert seen
    for fact in seen:
        kind = fact.pop("kind")
        assert isinstance(kind, str)
        assert {type(value) for value in fact.values()} == {int}


def test_names_that_the_engine_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(WrongRuleFile, match="costarring from liquid"):
        matcher.check_collisions(["costarring", "age", "liquid"])


def test_nobody_is_decided_where_the_matchers_differ(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(load(rules))
    monkeypatch.setattr(engine.matcher, "match", lambda facts: set())
    with pytest.raises(MatchersDisagree, match="income"):
        engine.decide([household({"incomes": 90000})])


def test_the_worst_outcome_decides_and_reasons_stand_in_the_order_of_the_file(engine: Engine) -> None:
    rules = next(c for c in engine.rules.conditions if c.id == "income").all_rules()
    assert decide_module.fold(rules, set()) == (0, [])
    assert decide_module.fold(rules, {"income.set_aside", "income.within_limit"}) == (
        0,
        ["income.within_limit", "income.set_aside"],
    )
    assert decide_module.fold(rules, {"income.nil", "income.within_limit"}) == (1, ["income.nil"])
