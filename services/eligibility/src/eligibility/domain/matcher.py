"""durable_rules decides one complete household: the only module that knows it, and its traps.

Only integers enter: a float can crash the process. A household's parts come first and the trigger last, because a `$not`
does not wait for what follows. An exception is a fact (`excuse`) that its rule looks for the absence of. No fact is ever
unmatched (one makes the whole batch raise): a rule that never fires takes every kind. Nothing outlives its household: at
most 1,024 states live at once. But deleting a state in which no action ever ran crashes the process: the trigger has one.
"""

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from durable.engine import Host

from eligibility.domain.figures import Name, Test, When
from eligibility.domain.rulebook import Condition, Rule, RuleBook
from eligibility.domain.source import WrongRuleFile

RULESET = "conditions"
COMPARED = {"above": "$gt", "at_least": "$gte", "at_most": "$lte", "below": "$lt"}
Fired = tuple[str, int, str]  # condition's key, unit, rule
Message = dict[str, str | int]


class EngineFailed(Exception):
    """durable_rules swallowed an error, or answered nothing sensible: nobody is decided by that."""


class _Host(Host):  # type: ignore[misc]
    def _run(self) -> None:
        """No timer threads: they could take our actions."""


class Matcher:
    """The rules in durable_rules. `match` may be called from any thread: the engine holds the interpreter's lock anyway."""

    def __init__(self, rules: RuleBook) -> None:
        self._lock, self._sids = threading.Lock(), itertools.count()
        self._fired: set[Fired] = set()
        definition: dict[str, Any] = {}
        names: set[str] = {"kind", "unit", "place", "of", "by", "sid", "id"}
        for condition in rules.conditions:
            for rule in condition.rules:
                definition |= self._rule(condition, rule)
            names |= {property_of(name) for name in names_in(condition)}
        kinds = [kind for c in rules.conditions for kind in (c.key, f"{c.key}/candidate", f"{c.key}/excuse")]
        for kind in ("trigger", *kinds):
            waits = [{"m": {"kind": kind}}, {"n": {"kind": "what never comes"}}]
            definition[f"takes {kind}"] = {"all": waits, "dist": 0, "run": lambda c: None}
        definition["done"] = {
            "all": [{"m": {"kind": "trigger"}}],
            "run": lambda c: None,
        }  # so that some action always runs
        check_collisions(names)
        self._host = _Host({RULESET: definition})

    def match(self, messages: Sequence[Message]) -> set[Fired]:
        """The rules that fire on these parts of a household (`message`, one a unit, and its candidates).

        Raises `EngineFailed`.
        """
        if not messages:
            return set()
        with self._lock:
            sid = str(next(self._sids))
            self._fired = set()
            ran = False
            try:
                for facts in ([{**message, "sid": sid} for message in messages], [{"kind": "trigger", "sid": sid}]):
                    state = self._host.assert_facts(RULESET, facts)
                    ran = ran or state is not None
                    if state and state.get("exception"):
                        raise EngineFailed(str(state["exception"]))
                return self._fired
            finally:
                if ran:
                    self._host.delete_state(RULESET, sid)

    def _rule(self, condition: Condition, rule: Rule) -> dict[str, Any]:
        excuse, definition = f"{condition.key}/excuse", {}
        patterns = [{"p": _all([{"kind": condition.key}, *_tests(rule.when.tests)])}, *_some(condition, rule.when)]
        patterns.append({"trigger": {"kind": "trigger"}})
        if rule.unless:
            patterns.append({"excuse$not": _all([{"kind": excuse}, {"of": rule.id}, {"unit": {"p": "unit"}}])})
        definition[f"{condition.key} {rule.id}"] = {
            "all": patterns,
            "dist": 0,
            "run": self._fire(condition.key, rule.id),
        }
        for exception in rule.unless:
            tests = [*_tests(rule.when.tests), *_tests(exception.when.tests)]
            definition[f"{condition.key} {exception.id}"] = {
                "all": [
                    {"p": _all([{"kind": condition.key}, *tests])},
                    *_some(condition, rule.when),
                    *_some(condition, exception.when, "exception"),
                ],
                "dist": 0,
                "run": self._fire(condition.key, exception.id, {"kind": excuse, "of": rule.id}),
            }
        return definition

    def _fire(self, key: str, rule: str, excuse: Message | None = None) -> Callable[[Any], None]:
        def run(c: Any) -> None:
            unit = c.p.unit
            if (key, unit, rule) not in self._fired:  # two candidates may each give the same excuse
                self._fired.add((key, unit, rule))
                if excuse:
                    c.assert_fact({**excuse, "unit": unit, "by": rule})

        return run


def message(condition: Condition, unit: int, values: dict[str, int]) -> Message:
    """A unit as the engine hears it. values: by `property_of` a name in the condition's rules."""
    return {"kind": condition.key, "unit": unit, **values}


def candidate(condition: Condition, unit: int, place: int, values: dict[str, int]) -> Message:
    """A candidate of a unit, for the tests of some candidate."""
    return {"kind": f"{condition.key}/candidate", "unit": unit, "place": place, **values}


def property_of(name: Name) -> str:
    return f"{'figure' if name.figure else 'applicant' if name.first else 'fact'}_{name.name.replace('.', '_')}"


def names_in(condition: Condition, some: bool | None = None) -> set[Name]:
    """The names in a condition's rules (some: only those of some candidate, or only the others)."""
    tests: list[Test] = []
    for rule in condition.all_rules():
        tests += () if some is True else rule.when.tests
        tests += () if some is False else rule.when.some
    return {name for test in tests for name in (test.left, test.right) if isinstance(name, Name)}


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


def _all(tests: list[Any]) -> Any:
    return {"$and": tests} if len(tests) > 1 else tests[0]


def _some(condition: Condition, when: When, alias: str = "candidate") -> list[Any]:
    if not when.some:
        return []
    return [{alias: _all([{"kind": f"{condition.key}/candidate"}, {"unit": {"p": "unit"}}, *_tests(when.some)])}]


def _tests(tests: Iterable[Test]) -> list[Any]:
    return [_test(test) for test in tests]


def _test(test: Test) -> Any:
    left = property_of(test.left)
    if isinstance(test.right, tuple):
        return {"$or": [{left: value} for value in test.right]} if len(test.right) > 1 else {left: test.right[0]}
    if test.comparison == "is":
        return {left: test.right}
    right = {"$m": property_of(test.right)} if isinstance(test.right, Name) else test.right
    return {COMPARED[test.comparison]: {left: right}}
