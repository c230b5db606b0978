"""Rule files with one figure of the law or one comparison changed: a change that no case notices is one that no case pins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatch

from eligibility import cases
from eligibility.cases import Case
from eligibility.domain.decide import Engine, NoRuleInForce
from eligibility.domain.matcher import EngineFailed
from eligibility.domain.rulebook import compile_rules
from eligibility.domain.source import Node, WrongRuleFile
from eligibility.rulefiles import check_contract
from eligibility.texts import TEXTS

Documents = Mapping[str, list[Node]]
NEAREST = {"above": "at_least", "at_least": "above", "at_most": "below", "below": "at_most"}
CAUGHT = (WrongRuleFile, NoRuleInForce, EngineFailed)  # anything else is a mistake of ours


def unpinned(documents: Documents, read: Sequence[Case], files: str) -> Iterator[str]:
    """`file:line: …` of each figure and comparison of those files (a pattern) whose change no case notices."""
    for name in documents:
        for at, document in enumerate(documents[name]) if fnmatch(name, files) else ():
            for node, what, changed in _changes(document):
                mutant = [*documents[name][:at], changed, *documents[name][at + 1 :]]
                if survives({**documents, name: mutant}, read, name):
                    yield str(node.wrong(f"no case notices {what}: add one at either side"))


def survives(documents: Documents, read: Sequence[Case], changed: str) -> bool:
    """True where every case comes true. Those beside the changed file come first; rules that are refused are noticed as well."""
    ordered = sorted(read, key=lambda case: not case.place.file.endswith(changed.replace(".yaml", ".cases.yaml")))
    try:
        rules = compile_rules(documents, TEXTS, "sha256:mutant")
        check_contract(rules)
        engine = Engine(rules)
        for some in (ordered[at : at + 100] for at in range(0, len(ordered), 100)):
            if any(map(cases.failed, some, cases.decide_cases(engine, some))):
                return False
    except CAUGHT:
        return False
    return True


def nearest(number: int | Decimal) -> list[int | Decimal]:
    """A digit less and a digit more in its last place."""
    digit = Decimal(1).scaleb(int(number.as_tuple().exponent)) if isinstance(number, Decimal) else 1
    return [number - digit, number + digit]


def _changes(node: Node, key: str = "", law: bool = False) -> Iterator[tuple[Node, str, Node]]:
    """Each change at or below a node: where, what, and the node as it then is. law: in a row of figures, or in tests."""
    value = node.value
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in NEAREST:
                swapped = {NEAREST[name] if key == name else key: one for key, one in value.items()}
                yield inner, f"{name} → {NEAREST[name]}", replace(node, value=swapped)
            for place, what, below in _changes(inner, name, law or name in ("rows", "when", "where")):
                yield place, what, replace(node, value={**value, name: below})
    elif isinstance(value, list):
        for at, item in enumerate(value):
            for place, what, below in _changes(item, key, law):
                yield place, what, replace(node, value=[*value[:at], below, *value[at + 1 :]])
    elif law and key != "year" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        for other in nearest(value):
            yield node, f"`{key}`: {value} → {other}", replace(node, value=other)
