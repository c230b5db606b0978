"""The traps of durable_rules, each with what keeps us out of it."""

import itertools
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eligibility.domain import matcher
from eligibility.domain.completions import fold
from eligibility.domain.decide import Engine
from eligibility.domain.source import WrongRuleFile

from .build import household

Fact = dict[str, str | int]


def key(engine: Engine, condition: str) -> str:
    return next(c.key for c in engine.rules.conditions if c.id == condition and c.end > 800_000)


def income(engine: Engine, income: int, limit: int = 100, recents: int = 0) -> Fact:
    condition, figures = key(engine, "income"), {"income": income, "limit": limit, "recents_counted": recents}
    of_condition = {f"{condition} figure {name}": value for name, value in figures.items()}
    return {"kind": "household", "unit": 0, condition: 1, **of_condition}


def of_candidate(engine: Engine, unit: int, set_aside: int = 0, declared: int = 0) -> Fact:
    proofs = {"set_aside.proof": set_aside, "no_income_declared.proof": declared}
    of_condition = {f"{key(engine, 'income')} fact {name}": value for name, value in proofs.items()}
    return {"kind": "each_candidate", "unit": unit, **of_condition}


def match(engine: Engine, *facts: Fact) -> set[matcher.Fired]:
    return engine.matcher.match([json.dumps({"unit": fact["unit"]} | fact).replace(": ", ":")[:-1] for fact in facts])


def fired(engine: Engine, *facts: Fact) -> set[str]:
    return {rule for _, _, rule in match(engine, *facts)}


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
    facts: list[Fact] = [
        {"kind": "each_real_right", "unit": unit, property_: 1, f"{property_} fact right": 1,
         f"{property_} fact exception": 3, f"{property_} fact proof": proof}
        for unit, proof in enumerate((2, 1))
    ]  # fmt: skip
    found = {(unit, rule) for _, unit, rule in match(engine, *facts)}
    assert found == {(0, "property.expropriation"), (1, "property.real_right")}


def test_what_no_rule_looks_at_does_not_make_the_batch_fail(engine: Engine) -> None:
    age = key(engine, "age")
    adult: Fact = {
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
adult = f'{{{{"unit":0,"kind":"each_candidate","{{age}}":1,"{{age}} figure age":40'
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
    untaken: Fact = {"kind": "no rule takes this", "unit": 0}
    for refused in (untaken, income(engine, 101)):
        with pytest.raises(matcher.EngineFailed):
            match(engine, refused, income(engine, 101))
    assert fired(engine, income(engine, 101)) == {"income.above_limit"}


def test_only_integers_enter(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    match = engine.matcher.match

    def listen(facts: list[str]) -> set[matcher.Fired]:
        seen.extend(facts)
        return match(facts)

    monkeypatch.setattr(engine.matcher, "match", listen)
    engine.decide([household({"balances": 1000.5}, {"real_rights": [{}]}, co_residents=[{}])])
    kinds = set()
    for text in seen:
        fact = json.loads(f"{text}}}")
        kinds.add(fact.pop("kind"))
        assert {type(value) for value in fact.values()} == {int}
    assert kinds == {"household", "each_candidate", "each_real_right"}


def test_of_what_is_unknown_durable_rules_is_told_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(engine.matcher, "match", lambda facts: set(map(seen.append, facts)) - {None})
    engine.decide([household({"incomes": None, "language": None}, {"residence": None})])
    conditions = [{key.split("@")[0] for key in json.loads(f"{text}}}") if "@" in key} for text in seen]
    assert conditions == [{"means"}, {"age", "residence"}, {"age", "language"}]


def test_names_that_the_engine_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(WrongRuleFile, match="costarring from liquid"):
        matcher.check_collisions(["costarring", "age", "liquid"])


def test_what_durable_rules_fires_decides_and_a_difference_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [household({"incomes": 90000, "balances": 90000}), household({"incomes": None, "balances": 90000})]
    assert engine.compare(given) == []
    match = engine.matcher.match
    monkeypatch.setattr(engine.matcher, "match", lambda facts: {f for f in match(facts) if "above" not in f[2]})
    known, open_ = engine.decide(given)
    assert [one["outcome"] for one in known["conditions"].values()] == ["met"] * 6
    assert [one["outcome"] for one in open_["conditions"].values()] == [
        "met",
        "met",
        "to_investigate",
        "met",
        "met",
        "met",
    ]
    assert engine.compare(given) == [
        (0, "income", [], ["income.above_limit"]),
        (0, "means", [], ["means.above_limit"]),
        (1, "means", [], ["means.above_limit"]),
    ]  # fmt: skip


def test_the_worst_outcome_decides_and_its_rules_are_the_reasons() -> None:
    thens = (0, 0, 1, 0, 2)
    assert fold(thens, 0) == (0, [])
    assert fold(thens, 0b01011) == (0, [0, 1, 3])
    assert fold(thens, 0b00111) == (1, [2])
    assert fold(thens, 0b10111) == (2, [4])
