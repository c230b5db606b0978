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
from typing import Any, Literal

from pydantic import ConfigDict, Field

from cir_schemas.household import HouseholdToAssess
from cir_schemas.types import Moment, cents, euro
from eligibility import rulefiles
from eligibility.domain.decide import Engine
from eligibility.domain.facts import day_number
from eligibility.domain.rulebook import OUTCOMES
from eligibility.domain.source import Node, Shape, WrongRuleFile, all_of, meant, plain
from eligibility.requests import WrongHousehold
from eligibility.requests import read as read_household

ABSENT = "absent"  # the outcome of a condition that did not exist at that moment
FINE: dict[str, Any] = {
    "born_on": date(1985, 2, 23), "residence": "population_register", "recognised_handicap": False, "incomes": "1",
    "balances": "0", "real_rights": [], "language": "known",
}  # fmt: skip
LEFT_OUT = {"recent_income": {"months": 3}, "set_aside": {"ground": "budget_guidance"}}  # of a claim that is made
ASKED: dict[str, Any] = {"items": {"type": "string", "pattern": r"^[pc][0-9]+\.[a-z_]+(\[[0-9]+\])?(\.proof)?$"}}


class Expect(Shape):
    """The outcome by condition, and what of the answer matters beside it."""

    model_config = ConfigDict(extra="allow")
    because: list[str] | None = None
    """The rules that decided."""
    figures: dict[str, Any] | None = None
    """Amounts, or from the least to the most one can be (null: without end)."""
    provisional: list[str] | None = None
    """The names of uncertain figures and rules that were used."""
    asks: list[str] | None = Field(None, json_schema_extra=ASKED)
    """The facts to ask: person.fact."""
    could_claim: list[str] | None = Field(None, json_schema_extra=ASKED)
    """The claims that could still be made: person.fact."""
    outcome: Literal["met", "not_met", "to_investigate"] | None = None
    """That of the household."""
    says: str | None = None
    """Words of the decision's sentences, in either language."""


KEYS = tuple(Expect.model_fields)  # what may be expected beside the outcome of a condition


class CaseFile(Shape):
    """A household, named by a sentence, and what is to be decided of it. Who is not described is fine."""

    nullable = ("registered_on",)
    case: str
    """A sentence that a jurist understands."""
    on: date = Field(alias="date")
    """The reference date."""
    moment: Moment = "registration"
    registered_on: date | None = None
    """The day of the registration, where there was one."""
    candidates: list[dict[str, Any]] = [{}]
    """The applicant (p1) and the partner (p2): what matters of them."""
    co_residents: list[dict[str, Any]] = []
    """The others who move in (c1, c2, …)."""
    expect: Expect


@dataclass(frozen=True)
class Case:
    """household: as `Engine.decide` takes it; expect: by condition, or one of `KEYS`."""

    sentence: str
    place: Node
    household: Mapping[str, Any]
    expect: Mapping[str, Any]

    @property
    def conditions(self) -> list[str]:
        return [key for key in self.expect if key not in KEYS]


def read(path: Path) -> list[Case]:
    """The cases of a file, or of every `*.cases.yaml` under a folder. Raises `WrongRuleFile`: all that is wrong, a line each."""
    files = sorted(path.rglob("*.cases.yaml")) if path.is_dir() else [path]
    read = (rulefiles.read(rulefiles.text_of(file), str(file)) for file in files)
    nodes = [node for documents in read for document in documents for node in document]
    if not nodes:
        raise WrongRuleFile(f"{path}: no cases here (*.cases.yaml)")
    return all_of(_case, nodes)


def decide_cases(engine: Engine, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """The answer to each case. Raises `WrongRuleFile` where a case names no condition of these rules, or a day without any."""
    known = {condition.id for condition in engine.rules.conditions}
    wrong: list[WrongRuleFile] = []
    for case in cases:
        for key in {*case.conditions} - known:
            place = case.place.below(["expect", key])
            wrong.append(place.wrong(f"unknown condition or key `{key}`{meant(key, [*known, *KEYS])}"))
        day, moment, since = (case.household[key] for key in ("reference_date", "moment", "registered_on"))
        if not any(condition.applies(day_number(day), moment, since) for condition in engine.rules.conditions):
            wrong.append(case.place.wrong(f"no condition is in force on {day}"))
    if wrong:
        raise WrongRuleFile("\n".join(map(str, wrong)))
    return engine.decide([case.household for case in cases])


def failed(case: Case, answer: Mapping[str, Any]) -> dict[str, Any]:
    """What came in place of what was expected. Reasons, figures and questions are those of the conditions that the case names."""
    of = case.conditions or list(answer["conditions"])
    found = {name: one for name, one in answer["conditions"].items() if name in of}
    came: dict[str, Any] = {name: found.get(name, {"outcome": ABSENT})["outcome"] for name in of}
    came |= {"outcome": answer["outcome"], "provisional": answer["provisional"]}
    came["because"] = [rule for one in found.values() for rule in one["because"]]
    known = {name: figure for one in found.values() for name, figure in one.get("figures", {}).items()}
    for key in ("asks", "could_claim"):
        came[key] = [f"{ask['person']}.{ask['fact']}" for ask in answer[key] if ask["condition"] in of]
    came["figures"] = {name: known.get(name, ABSENT) for name in case.expect.get("figures", ())}
    words = case.expect.get("says", "")
    said = any(words in " ".join(sentences) for sentences in answer["say"].values())
    came["says"] = words if said else answer["say"]
    return {key: came[key] for key, wanted in case.expect.items() if came[key] != wanted}


def _case(node: Node) -> Case:
    spec = CaseFile.parse(node)
    expect = {key: _expected(key, value) for key, value in spec.expect.place.mapping().items()}
    if not expect:
        raise spec.expect.place.wrong("nothing is expected: name a condition and its outcome")
    persons = [(f"p{n}", "candidates", n - 1, who) for n, who in enumerate(spec.candidates or [{}], 1)]
    persons += [(f"c{n}", "co_residents", n - 1, who) for n, who in enumerate(spec.co_residents, 1)]
    household = {
        "reference_date": spec.on, "moment": spec.moment, "registered_on": spec.registered_on,
        "members": [_member(id_, spec.on, who) for id_, *_, who in persons],
    }  # fmt: skip
    try:
        return Case(spec.case, node, read_household(household, HouseholdToAssess).model_dump(), expect)
    except WrongHousehold as error:
        raise WrongRuleFile("\n".join(_placed(spec, persons, path, why) for path, why in error.errors)) from None


def _expected(key: str, node: Node) -> Any:
    """Conditions are known to the rules, not here: a key that is not known may be one."""
    if key == "figures":
        return {name: _figure(value) for name, value in node.mapping().items()}
    if key in KEYS:
        return plain(node)
    if not isinstance(node.value, str):
        raise node.wrong(f"unknown key `{key}`{meant(key, KEYS)}")
    return node.one_of((*OUTCOMES, ABSENT), "outcome")


def _figure(node: Node) -> str | list[str | None]:
    """An amount, or from the least to the most it can be (null: without end)."""
    if isinstance(node.value, list):
        return [None if end.value is None else str(_figure(end)) for end in node]
    try:
        return euro(cents(str(node.value)))
    except ValueError as error:
        raise node.wrong(str(error)) from None


def _member(id_: str, day: date, given: Mapping[str, Any]) -> dict[str, Any]:
    """A member in the contract's words, with what the case leaves out."""
    role = "co_resident" if id_[0] == "c" else "applicant" if id_ == "p1" else "partner"
    known = {**FINE, "dependant": role == "co_resident", **_as_json(given, "")}
    if isinstance(known["incomes"], str):
        known["incomes"] = [{"year": day.year - 1, "jointly_taxable": known["incomes"]}]
    for claim, defaults in LEFT_OUT.items():
        if isinstance(known.get(claim), dict):
            known[claim] = defaults | known[claim]
    if isinstance(rights := known["real_rights"], list):
        known["real_rights"] = [{"right": "full_ownership", **r} if isinstance(r, dict) else r for r in rights]
    return {"id": id_, "role": role, **known}


def _as_json(value: Any, key: str) -> Any:
    """The same as JSON: amounts of euro are strings there."""
    if isinstance(value, dict):
        return {inner: _as_json(one, inner) for inner, one in value.items()}
    if isinstance(value, list):
        return [_as_json(item, key) for item in value]
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return str(value) if number and key not in ("year", "months") else value


def _placed(spec: CaseFile, persons: Sequence[tuple[str, str, int, Any]], path: str, why: str) -> str:
    """A complaint about a household (`members[0].incomes[0].year`), with the line of the case where that stands."""
    parts = [int(part) if part.isdecimal() else part for part in re.findall(r"\w+", path)]
    if parts[0] == "members" and len(parts) > 1:
        id_, key, at, _ = persons[int(parts[1])]
        return str(spec.under(key, at, *parts[2:]).wrong(f"{id_}{path.removeprefix(f'members[{parts[1]}]')}: {why}"))
    return str(spec.under({"reference_date": "date"}.get(str(parts[0]), parts[0])).wrong(f"{path}: {why}"))
