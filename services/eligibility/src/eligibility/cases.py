"""Cases: the law in examples, beside the rules. A case is a sentence, what matters of a household, and what is to be decided.

Who is not described is fine: an adult in the population register, with a small income, no means and no real rights, who knows
Dutch. Amounts are in euro; `incomes` as an amount is the assessment of the year before; a co-resident is a dependant.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from cir_schemas.household import HouseholdToAssess
from cir_schemas.types import cents, euro
from eligibility import rulefiles
from eligibility.asked import WrongHousehold
from eligibility.asked import read as read_household
from eligibility.domain.decide import Engine
from eligibility.domain.rulebook import OUTCOMES
from eligibility.domain.source import Node, WrongRuleFile, all_of, meant

ABSENT = "absent"  # the outcome of a condition that did not exist at that moment
LISTS = ("because", "asks", "could_claim", "provisional")
KEYS = (*LISTS, "figures", "outcome", "says")  # what is expected beside the outcome of a condition
FINE: dict[str, Any] = {
    "born_on": date(1985, 2, 23), "residence": "population_register", "recognised_handicap": False, "incomes": "1",
    "balances": "0", "real_rights": [], "language": "known",
}  # fmt: skip
LEFT_OUT = {"recent_income": {"months": 3}, "set_aside": {"ground": "budget_guidance"}}  # of a claim that is made


class Expectation(NamedTuple):
    """key: a condition's name, or one of `KEYS`."""

    key: str
    wanted: Any
    place: Node


@dataclass(frozen=True)
class Case:
    """household: as `Engine.decide` takes it."""

    sentence: str
    place: Node
    household: Mapping[str, Any]
    expect: tuple[Expectation, ...]

    @property
    def conditions(self) -> list[str]:
        return [expectation.key for expectation in self.expect if expectation.key not in KEYS]


class Failure(NamedTuple):
    """An expectation that did not come true."""

    expectation: Expectation
    came: Any


def read(path: Path) -> list[Case]:
    """The cases of a file, or of every `*.cases.yaml` under a folder. Raises `WrongRuleFile`: all that is wrong, a line each."""
    files = sorted(path.rglob("*.cases.yaml")) if path.is_dir() else [path]
    nodes = [
        node for file in files for document in rulefiles.read(rulefiles.text_of(file), str(file)) for node in document
    ]
    if not nodes:
        raise WrongRuleFile(f"{path}: no cases here (*.cases.yaml)")
    return all_of(_case, nodes)


def run(engine: Engine, cases: Sequence[Case]) -> list[Failure]:
    """Every expectation that did not come true, in the order of the cases. Raises `WrongRuleFile`, as `decide`."""
    return [
        failure for case, answer in zip(cases, decide(engine, cases), strict=True) for failure in failures(case, answer)
    ]


def decide(engine: Engine, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """The answer to each case. Raises `WrongRuleFile` where a case names no condition of these rules, or a day without any."""
    known = {condition.id for condition in engine.rules.conditions}
    wrong: list[WrongRuleFile] = []
    for case in cases:
        wrong += [e.place.wrong(f"unknown condition or key `{e.key}`{meant(e.key, [*known, *KEYS])}")
                  for e in case.expect if e.key not in KEYS and e.key not in known]  # fmt: skip
        day, moment, since = (case.household[key] for key in ("reference_date", "moment", "registered_on"))
        if not any(condition.applies(day.toordinal(), moment, since) for condition in engine.rules.conditions):
            wrong.append(case.place.wrong(f"no condition is in force on {day}"))
    if wrong:
        raise WrongRuleFile("\n".join(map(str, wrong)))
    return engine.decide([case.household for case in cases])


def failures(case: Case, answer: Mapping[str, Any]) -> list[Failure]:
    """What of the case is not so in its answer. Reasons, figures and questions are those of the conditions it names."""
    of = case.conditions or list(answer["conditions"])
    found = {name: one for name, one in answer["conditions"].items() if name in of}
    came: dict[str, Any] = {name: found.get(name, {"outcome": ABSENT})["outcome"] for name in of}
    came |= {"outcome": answer["outcome"], "provisional": answer["provisional"]}
    came["because"] = [rule for one in found.values() for rule in one["because"]]
    known = {name: figure for one in found.values() for name, figure in one.get("figures", {}).items()}
    for key in ("asks", "could_claim"):
        came[key] = [f"{ask['person']}.{ask['fact']}" for ask in answer[key] if ask["condition"] in of]
    for key, wanted, _ in case.expect:
        if key == "figures":
            came[key] = {name: known.get(name, ABSENT) for name in wanted}
        if key == "says":
            said = any(wanted in " ".join(sentences) for sentences in answer["say"].values())
            came[key] = wanted if said else answer["say"]
    return [Failure(one, came[one.key]) for one in case.expect if came[one.key] != one.wanted]


def _case(node: Node) -> Case:
    spec = node.keys(("case", "date", "expect"), ("candidates", "co_residents", "moment", "registered_on"))
    sentence, day = spec["case"].text(), spec["date"].of(date, "a date such as 2024-01-01")
    expect = tuple(_expectation(key, value) for key, value in spec["expect"].mapping().items())
    if not expect:
        raise spec["expect"].wrong("nothing is expected: name a condition and its outcome")
    candidates, co_residents = (spec[key].items() if key in spec else [] for key in ("candidates", "co_residents"))
    persons = [
        (f"p{n}", "partner" if n > 1 else "applicant", who)
        for n, who in enumerate(candidates or [Node({}, node.file, node.line)], 1)
    ]
    persons += [(f"c{n}", "co_resident", who) for n, who in enumerate(co_residents, 1)]
    household: dict[str, Any] = {
        "reference_date": day,
        "members": [_member(id_, role, day, who) for id_, role, who in persons],
        **{key: spec[key].value for key in ("moment", "registered_on") if key in spec},
    }
    try:
        return Case(sentence, node, read_household(household, HouseholdToAssess).model_dump(), expect)
    except WrongHousehold as error:
        raise WrongRuleFile("\n".join(_placed(spec, persons, path, why) for path, why in error.errors)) from None


def _expectation(key: str, node: Node) -> Expectation:
    """Conditions are known to the rules, not here: what is no key may be one."""
    wanted: Any
    if key in LISTS:
        wanted = list(node.texts())
    elif key == "figures":
        wanted = {name: _figure(value) for name, value in node.mapping().items()}
    elif key == "says":
        wanted = node.text()
    elif key != "outcome" and not isinstance(node.value, str):
        raise node.wrong(f"unknown key `{key}`{meant(key, KEYS)}")
    else:
        wanted = node.one_of((*OUTCOMES, *(() if key == "outcome" else (ABSENT,))), "outcome")
    return Expectation(key, wanted, node)


def _figure(node: Node) -> str | list[str | None]:
    """An amount, or from the least to the most it can be (null: without end)."""
    if isinstance(node.value, list):
        return [None if end.value is None else str(_figure(end)) for end in node]
    try:
        return euro(cents(str(node.value)))
    except ValueError as error:
        raise node.wrong(str(error)) from None


def _member(id_: str, role: str, day: date, node: Node) -> dict[str, Any]:
    """A member in the contract's words, with what the case leaves out."""
    given: dict[str, Any] = {key: _plain(value, key) for key, value in node.mapping().items()}
    known = {**FINE, **({"dependant": True} if role == "co_resident" else {}), **given}
    if isinstance(known["incomes"], str):
        known["incomes"] = [{"year": day.year - 1, "jointly_taxable": known["incomes"]}]
    for claim, defaults in LEFT_OUT.items():
        if isinstance(known.get(claim), dict):
            known[claim] = defaults | known[claim]
    if isinstance(known["real_rights"], list):
        rights = known["real_rights"]
        known["real_rights"] = [{"right": "full_ownership", **r} if isinstance(r, dict) else r for r in rights]
    return {"id": id_, "role": role, **known}


def _plain(node: Node, key: str) -> Any:
    """What JSON would have given: amounts of euro are strings there."""
    if isinstance(node.value, dict):
        return {inner: _plain(value, inner) for inner, value in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(item, key) for item in node.value]
    number = isinstance(node.value, int | Decimal) and not isinstance(node.value, bool)
    return str(node.value) if number and key not in ("year", "months") else node.value


def _placed(spec: Mapping[str, Node], persons: Sequence[tuple[str, str, Node]], path: str, why: str) -> str:
    """What is wrong with a household (`members[0].incomes[0].year`), at the line of the case where it was written."""
    first, *rest = re.findall(r"\w+", path)
    node, name = spec.get({"reference_date": "date"}.get(first, first), spec["case"]), path
    if first == "members" and rest:
        id_, _, node = persons[int(rest[0])]
        name = id_ + path.removeprefix(f"members[{rest[0]}]")
        for part in rest[1:]:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[part]
            elif isinstance(node.value, list) and part.isdecimal():
                node = node.value[int(part)]
    return str(node.wrong(f"{name}: {why}"))
