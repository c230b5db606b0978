"""durable_rules decides one complete household: the only module that knows it, and its traps.

A subject (the household, a candidate, a right) is one fact, with the figures of every condition it is decided by under the
condition's key. Only integers enter: a float can crash the process. The facts come first and the trigger last, because a
`$not` does not wait for what follows. An exception is a fact (`excuse`) that its rule looks for the absence of. No fact is
ever unmatched (one makes the whole batch raise): a rule that never fires takes every kind. Nothing outlives its household:
at most 1,024 states live at once. But deleting a state in which no action ever ran crashes the process: the trigger has one.
The library's own host starts timer threads that can take actions, and swallows their errors: its engine is spoken to.
"""

import itertools
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import durable_rules_engine as engine  # type: ignore[import-not-found]

from eligibility.domain.completions import Layout
from eligibility.domain.figures import Name, Table, Test
from eligibility.domain.rulebook import Condition, Rule, RuleBook
from eligibility.domain.source import WrongRuleFile

COMPARED = {"above": "$gt", "at_least": "$gte", "at_most": "$lte", "below": "$lt"}
TRIGGER = '[{"kind":"trigger","sid":"%s"}]'
CANDIDATE = "each_candidate"
Fired = tuple[str, int, str]  # condition's key, unit, rule


class EngineFailed(Exception):
    """durable_rules refused what it was told: nobody is decided by that."""


class Matcher:
    """The rules in durable_rules. `match` may be called from any thread: the engine holds the interpreter's lock anyway."""

    def __init__(self, rules: RuleBook) -> None:
        self._lock, self._sids = threading.Lock(), itertools.count()
        # of each rule its condition's key, its id, and what it is an exception to
        self.means: dict[str, tuple[str, str, str | None]] = {}
        self.definition: dict[str, Any] = {}
        for condition in rules.conditions:
            for rule in condition.rules:
                self.definition |= self._rule(condition, rule)
        for kind in ("trigger", "excuse", CANDIDATE, *(condition.about for condition in rules.conditions)):
            never = [{"m": {"kind": kind}}, {"n": {"kind": "what never comes"}}]
            self.definition[f"takes {kind}"] = {"all": never, "dist": 0}
        self.definition["done"] = {"all": [{"m": {"kind": "trigger"}}]}  # so that some action always runs
        names = {property_of(c, name) for c in rules.conditions for name in names_in(c)}
        check_collisions({"kind", "unit", "of", "sid", "id", *names, *(c.key for c in rules.conditions)})
        self._engine = engine.create_ruleset("conditions", json.dumps(self.definition))

    def match(self, facts: Sequence[str]) -> set[Fired]:
        """The rules that fire on the facts of a household, one a subject: `{"unit":0,"kind":…,` …, without the closing brace.

        Raises `EngineFailed`.
        """
        with self._lock:
            sid, fired, ran = str(next(self._sids)), set[Fired](), False
            end = f',"sid":"{sid}"}}'
            try:
                for part in (f"[{f'{end},'.join(facts)}{end}]", TRIGGER % sid):
                    state = self._tell(part)
                    started = engine.start_action_for_state(self._engine, state)
                    action = started and started[1]
                    while action:
                        ran = True
                        if not action.startswith('{"done":'):
                            self._fire(action, sid, fired)
                        action = engine.complete_and_start_action(self._engine, state)
                return fired
            finally:
                if ran:
                    engine.delete_state(self._engine, sid)

    def _fire(self, action: str, sid: str, fired: set[Fired]) -> None:
        """action: `{"NAME":{"p":{"unit":0,…`"""
        name, _, matched = action[2:].partition('":{"p":{"unit":')
        key, rule, excused = self.means[name]
        unit = int(matched[: matched.index(",")])
        if (key, unit, rule) not in fired:  # two candidates may each give the same excuse
            fired.add((key, unit, rule))
            if excused:
                excuse = {"kind": "excuse", "of": f"{key} {excused}", "unit": unit, "by": rule, "sid": sid}
                self._tell(json.dumps([excuse]))

    def _tell(self, facts: str) -> int:
        code, state = engine.assert_facts(self._engine, facts)
        if code:
            raise EngineFailed(f"{'not handled' if code == 1 else 'seen before'}: {facts}")
        return int(state)

    def _rule(self, condition: Condition, rule: Rule) -> dict[str, Any]:
        """What fires the rule: its tests, its trigger, and no excuse; what fires an excuse: its tests and those of the rule."""
        name = f"{condition.key} {rule.id}"
        self.means[name] = condition.key, rule.id, None
        patterns = [*_patterns(condition, [rule]), {"trigger": {"kind": "trigger"}}]
        if rule.unless:
            patterns.append({"excuse$not": {"$and": [{"of": name}, {"unit": {"p": "unit"}}]}})
        definition = {name: {"all": patterns, "dist": 0}}
        for exception in rule.unless:
            self.means[f"{condition.key} {exception.id}"] = condition.key, exception.id, rule.id
            definition[f"{condition.key} {exception.id}"] = {"all": _patterns(condition, [rule, exception]), "dist": 0}
        return definition


class Facts:
    """What durable_rules is told of a condition."""

    def __init__(self, condition: Condition) -> None:
        self.own, self.some = (list(names_in(condition, some)) for some in (False, True))
        self.fact = template([condition.key]) % 1 + template(property_of(condition, name) for name in self.own)
        self.of_candidate = template(property_of(condition, name) for name in self.some)

    def tell(self, layout: Layout, table: Table, told: Mapping[str, list[str]]) -> None:
        """told: by subject, what each is told."""
        columns = [table.column(name.read(table).num).tolist() for name in self.own]
        facts = told[layout.condition.about]
        for at, *values in zip(layout.known, *columns, strict=True):
            facts[layout.rows[at]] += self.fact % tuple(values)
        if self.some:
            candidates = told["each_candidate"]
            columns = [table.wide(name.read(table).num).tolist() for name in self.some]
            for at, *places in zip(layout.known, *columns, strict=True):
                first = layout.batch.applicants[layout.own[at]]
                for place in range(len(layout.units[at].persons)):
                    candidates[first + place] += self.of_candidate % tuple([values[place] for values in places])


def property_of(condition: Condition, name: Name) -> str:
    return f"{condition.key} {'figure' if name.figure else 'applicant' if name.first else 'fact'} {name.name}"


def names_in(condition: Condition, some: bool | None = None) -> set[Name]:
    """The names in a condition's rules (some: only those of some candidate of a household, or only the others)."""
    tests = [test for rule in condition.all_rules for test in _tests(condition, rule, some)]
    return {name for test in tests for name in (test.left, test.right) if isinstance(name, Name)}


def template(names: Iterable[str]) -> str:
    """How a fact says these properties; `%` puts their integers in."""
    return "".join(f",{json.dumps(name).replace('%', '%%')}:%d" for name in names)


def check_collisions(names: Iterable[str]) -> None:
    """The engine tells properties apart by 32 bits only (FNV-1a). Raises `WrongRuleFile` where two are the same to it."""
    by_hash: dict[int, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        hash_ = 0x811C9DC5
        for byte in name.encode():
            hash_ = (hash_ ^ byte) * 0x01000193 & 0xFFFFFFFF
        by_hash[hash_].append(name)
    if same := [names for names in by_hash.values() if len(names) > 1]:
        raise WrongRuleFile(f"conditions:1: the engine cannot tell {' from '.join(same[0])}: rename one")


def _tests(condition: Condition, rule: Rule, some: bool | None) -> tuple[Test, ...]:
    """Of one candidate or thing, some candidate is that one."""
    own, of_some = rule.when.tests, rule.when.some
    if condition.about != "household":
        own, of_some = own + of_some, ()
    return own + of_some if some is None else of_some if some else own


def _patterns(condition: Condition, rules: Sequence[Rule]) -> list[Any]:
    """The subject, which the condition is in force for, and a candidate for each of the rules that asks for some."""
    tests = [{condition.key: 1}, *(_test(condition, test) for rule in rules for test in _tests(condition, rule, False))]
    patterns = [{"p": _all(tests)}]
    for n, rule in enumerate(rules):
        if some := _tests(condition, rule, True):
            patterns.append({f"candidate{n}": _all([_test(condition, test) for test in some])})
    return patterns


def _all(tests: list[Any]) -> Any:
    return {"$and": tests} if len(tests) > 1 else tests[0]


def _test(condition: Condition, test: Test) -> Any:
    left = property_of(condition, test.left)
    if isinstance(test.right, tuple):
        return {"$or": [{left: value} for value in test.right]} if len(test.right) > 1 else {left: test.right[0]}
    if test.comparison == "is":
        return {left: test.right}
    right = {"$m": property_of(condition, test.right)} if isinstance(test.right, Name) else test.right
    return {COMPARED[test.comparison]: {left: right}}
