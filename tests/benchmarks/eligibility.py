"""Deciding households, beside bare durable_rules: the library's own host, told prepared facts of the same households, all known.

Peers stand in rows of their own: the ZEN engine on the same table of rules and the same prepared figures, and the law in plain
Python, which knows no rule files, no reasons and no unknowns.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import yaml
import zen
from durable.engine import Host

from cir_schemas.types import euro
from eligibility.domain.completions import lay_out
from eligibility.domain.decide import Engine
from eligibility.domain.facts import day_number
from eligibility.domain.figures import Name, Test
from eligibility.domain.matcher import Fired, Matcher, property_of
from eligibility.domain.rulebook import Condition, Rule
from eligibility.rulefiles import RULES, load, texts
from services.eligibility.tests import build, independent
from tests.benchmarks.measure import Entry, duration, seconds, throughput

BATCH = 500  # as many as the consumer takes from Kafka at once
UNKNOWN = 0.15
LINES = 200_000
AMOUNTS = {*build.FIELDS, "amount", "balances"}
Fact = dict[str, Any]
OPERATORS = {"above": ">", "at_least": ">=", "at_most": "<=", "below": "<", "is": "=="}


def entries() -> Iterator[Entry]:
    engine = Engine(load(RULES))
    yield from _deciding(engine, unknown=0)
    yield from _deciding(engine, UNKNOWN)
    open_ = households(BATCH, UNKNOWN)
    yield Entry("eligibility: completions of a household, 15% unknown", _completions(engine, open_), "completions")
    yield from _many_unknown(engine)
    yield from _assessing()
    yield from _peers(engine, households(BATCH, unknown=0))

    def bare() -> None:
        for text in texts(RULES).values():
            list(yaml.load_all(text, yaml.CSafeLoader))
        Bare(engine.matcher)

    taken, floor = seconds(lambda: Engine(load(RULES)), bare)
    yield duration("eligibility: load and compile all rule files", taken, floor)


def _deciding(engine: Engine, unknown: float) -> Iterator[Entry]:
    given, which = households(BATCH, unknown), f"{unknown:.0%} unknown" if unknown else "complete"
    prepared = prepare(engine, households(BATCH, unknown=0))
    bare = Bare(engine.matcher)
    assert [bare.decide(facts) for facts in prepared] == [engine.matcher.match(told(facts)) for facts in prepared]
    batch, single, floor = seconds(
        lambda: engine.decide(given),
        lambda: [engine.decide([household]) for household in given],
        lambda: [bare.decide(facts) for facts in prepared],
    )
    yield throughput(f"eligibility: decide, batches of {BATCH}, {which}", len(given), batch, floor)
    yield throughput(f"eligibility: decide, one by one, {which}", len(given), single, floor)


def _many_unknown(engine: Engine) -> Iterator[Entry]:
    recent: dict[str, Any] = {"incomes": None, "recent_income": {"amount": None}}
    eight = build.household(recent | {"set_aside": {}, "no_income_declared": {}}, recent)
    yield duration(
        "eligibility: a household with eight facts unknown or pending", seconds(lambda: engine.decide([eight]))[0]
    )


def _assessing() -> Iterator[Entry]:
    """`assess` in a process of its own, beside one that reads the same lines and writes them again."""
    copy = "import json, sys\nfor line in open(sys.argv[1]): print(json.dumps(json.loads(line)))"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "households.jsonl"
        lines = [json.dumps(_written(household)) for household in households(LINES // 10, UNKNOWN)]
        file.write_text("".join(f"{line}\n" for line in lines * 10))
        taken = _used("-m", "eligibility", "assess", str(file))
        floor = _used("-c", copy, str(file))
    yield throughput(f"eligibility: assess {LINES:,} JSON lines, {UNKNOWN:.0%} unknown", LINES, taken, floor)


def _used(*arguments: str) -> float:
    """The seconds of the processor that a Python program takes."""
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_utime + used.ru_stime


def _written(value: Any, name: str = "") -> Any:
    """A household as JSON has it."""
    if isinstance(value, dict):
        return {key: _written(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_written(part) for part in value]
    return str(value) if isinstance(value, date) else euro(value) if value is not None and name in AMOUNTS else value


def _completions(engine: Engine, given: Sequence[Any]) -> float:
    rows = 0
    for condition in engine.rules.conditions:
        day = [(day_number(h["reference_date"]), h["moment"], h["registered_on"]) for h in given]
        at = [n for n, asked in enumerate(day) if condition.applies(*asked)]
        rows += int(lay_out(condition, given, at, engine.rules).complete()[0].starts[-1])
    return rows / len(given)


def _peers(engine: Engine, given: Sequence[Any]) -> Iterator[Entry]:
    prepared = prepare(engine, given)
    peer = Zen(engine.rules.conditions)
    rows = [peer.prepare(facts) for facts in prepared]
    for facts, inputs in zip(prepared, rows, strict=True):
        assert peer.decide(inputs) == engine.matcher.match(told(facts))
    by_zen, plain = seconds(
        lambda: [peer.decide(inputs) for inputs in rows],
        lambda: [[decide(household) for decide in independent.CONDITIONS.values()] for household in given],
    )
    yield throughput("eligibility: the ZEN engine on prepared figures, complete", len(given), by_zen)
    yield throughput("eligibility: plain Python, outcomes only, complete", len(given), plain)


def prepare(engine: Engine, given: Sequence[Any]) -> list[list[Fact]]:
    """What durable_rules is told of each household."""
    told: list[list[Fact]] = []
    match = engine.matcher.match
    engine.matcher.match = lambda facts: told.append([json.loads(f"{fact}}}") for fact in facts]) or match(facts)  # type: ignore[method-assign,func-returns-value]
    try:
        engine.decide(given)
    finally:
        engine.matcher.match = match  # type: ignore[method-assign]
    return told


def told(facts: Sequence[Fact]) -> list[str]:
    """The facts as the matcher takes them."""
    return [json.dumps(fact, separators=(",", ":"))[:-1] for fact in facts]


class Bare(Host):  # type: ignore[misc]
    """durable_rules as it comes."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher, self.fired, self.sids = matcher, set[Fired](), itertools.count()
        super().__init__(
            {"bare": {name: {**rule, "run": self._run_of(name)} for name, rule in matcher.definition.items()}}
        )

    def _run(self) -> None:
        """No timer threads, as in the service."""

    def _run_of(self, name: str) -> Callable[[Any], None]:
        if name not in self.matcher.means:
            return lambda c: None
        key, rule, excused = self.matcher.means[name]

        def run(c: Any) -> None:
            if (fired := (key, c.p.unit, rule)) not in self.fired:
                self.fired.add(fired)
                if excused:
                    c.assert_fact({"kind": "excuse", "of": f"{key} {excused}", "unit": c.p.unit, "by": rule})

        return run

    def decide(self, facts: Sequence[Fact]) -> set[Fired]:
        sid, self.fired = str(next(self.sids)), set()
        self.assert_facts("bare", [{**fact, "sid": sid} for fact in facts])
        self.assert_fact("bare", {"kind": "trigger", "sid": sid})
        self.delete_state("bare", sid)
        return self.fired


class Zen:
    """The same rules: a decision table a subject, a row a rule. What some candidate meets is prepared too."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self.conditions = conditions
        self.excuses: dict[str, str] = {}
        self.columns: dict[str, str] = {}
        self.tables = {
            about: zen.ZenEngine().create_decision(self._table([c for c in conditions if c.about == about]))
            for about in {condition.about for condition in conditions}
        }

    def prepare(self, facts: Sequence[Fact]) -> list[tuple[Fact, dict[str, Any]]]:
        """Each fact, and what its table is asked."""
        asked = []
        for fact in facts:
            given: dict[str, Any] = {self._column(name): value for name, value in fact.items()}
            if fact["kind"] == "household":
                for condition, rule in ((c, rule) for c in self.conditions for rule in c.all_rules if rule.when.some):
                    given[self._column(rule.id)] = any(
                        all(one.get(property_of(condition, test.left)) == test.right for test in rule.when.some)
                        for one in facts
                    )
            asked.append((fact, given))
        return asked

    def decide(self, asked: Sequence[tuple[Fact, dict[str, Any]]]) -> set[Fired]:
        fired: set[Fired] = set()
        for fact, given in asked:
            found = [row["rule"].split(" ") for row in self.tables[str(fact["kind"])].evaluate(given)["result"] or ()]
            excused = {self.excuses.get(rule) for _, rule in found}
            fired |= {(key, int(fact["unit"]), rule) for key, rule in found if rule not in excused}
        return fired

    def _column(self, name: str) -> str:
        return self.columns.setdefault(name, f"c{len(self.columns)}")

    def _table(self, conditions: Sequence[Condition]) -> str:
        rows = []
        for condition in conditions:
            for rule in condition.rules:
                rows.append(self._row(condition, [rule]))
                for exception in rule.unless:
                    self.excuses[exception.id] = rule.id
                    rows.append(self._row(condition, [exception, rule]))
        inputs = sorted({column for row in rows for column in row} - {"_id", "rule"})
        content = {
            "hitPolicy": "collect", "rules": rows, "outputs": [{"id": "rule", "name": "rule", "field": "rule"}],
            "inputs": [{"id": column, "name": column, "field": column} for column in inputs],
        }  # fmt: skip
        nodes = [
            ("in", "inputNode", {}),
            ("table", "decisionTableNode", {"content": content}),
            ("out", "outputNode", {}),
        ]
        edges = [("in", "table"), ("table", "out")]
        return json.dumps({
            "nodes": [{"id": name, "name": name, "type": kind, **more} for name, kind, more in nodes],
            "edges": [{"id": one, "sourceId": one, "targetId": other} for one, other in edges],
        })  # fmt: skip

    def _row(self, condition: Condition, rules: Sequence[Rule]) -> dict[str, str]:
        cells: dict[str, list[str]] = {self._column(condition.key): ["== 1"]}
        for rule in rules:
            for test in rule.when.tests:
                cells.setdefault(self._column(property_of(condition, test.left)), []).append(
                    self._test(condition, test)
                )
            if rule.when.some:
                cells[self._column(rule.id)] = ["== true"]
        name = f"{condition.key} {rules[0].id}"
        return {"_id": name, "rule": json.dumps(name)} | {column: " and ".join(all_) for column, all_ in cells.items()}

    def _test(self, condition: Condition, test: Test) -> str:
        if isinstance(test.right, tuple):
            return f"in {list(test.right)}"
        right = self._column(property_of(condition, test.right)) if isinstance(test.right, Name) else test.right
        return f"{OPERATORS[test.comparison]} {right}"


def households(many: int, unknown: float) -> list[dict[str, Any]]:
    """Made-up households as they come: a third with a partner, most within the limits. unknown: the share of facts that are.

    Of a claim, and of a real right's exception, it is the proof that is pending.
    """
    rng = Random(many)

    def known(value: Any) -> Any:
        return None if rng.random() < unknown else value

    def claim(share: float, **more: Any) -> dict[str, Any] | None:
        return {**more, "proof": known(rng.choice(("interpreted", "rejected")))} if rng.random() < share else None

    def candidate(day: date) -> dict[str, Any]:
        income = {
            "year": day.year - rng.choice((1, 1, 1, 2)),
            "jointly_taxable": rng.randint(9_000, 33_000) * (rng.random() < 0.97),
        }
        right = {"exception": "separation", **(claim(1) or {})} if rng.random() < 0.5 else {}
        return {
            "born_on": known(date(rng.randint(1945, 2004), rng.randint(1, 12), rng.randint(1, 28))),
            "residence": known(rng.choice(("population_register",) * 18 + ("reference_address", "waiting_register"))),
            "recognised_handicap": known(rng.random() < 0.1),
            "incomes": known([income] if rng.random() < 0.95 else []),
            "recent_income": claim(0.1, months=rng.randint(3, 6), amount=known(rng.randint(3_000, 12_000))),
            "set_aside": claim(0.05),
            "no_income_declared": claim(0.03),
            "balances": known(rng.choice((0, rng.randint(0, 20_000), rng.randint(0, 60_000)))),
            "real_rights": known([right] if rng.random() < 0.1 else []),
            "language": known(rng.choice(("known", "known", "known", "not_known", "exempt"))),
        }

    made = []
    for _ in range(many):
        day = date(rng.randint(2023, 2026), rng.randint(1, 12), rng.randint(1, 28))
        candidates = [candidate(day) for _ in range(1 + (rng.random() < 1 / 3))]
        others = [
            {"dependant": rng.random() < 0.9, "recognised_handicap": known(rng.random() < 0.05)}
            for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))
        ]
        registered_on = rng.choice((None, day.replace(year=day.year - 2)))
        made.append(build.household(*candidates, day=day, co_residents=others, registered_on=registered_on))
    return made
