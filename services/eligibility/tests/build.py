"""Households to test with: everything known and fine, so that a test states only what matters."""

import random
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from cir_schemas.household import Residence, Right, RightException

NOTHING: dict[str, Any] = {
    "born_on": None, "moves_in": True, "residence": None, "emancipated": False, "guided_independent_living": False,
    "recognised_handicap": None, "dependant": False, "incomes": None, "recent_income": None, "set_aside": None,
    "no_income_declared": None, "balances": None, "real_rights": None, "language": None,
}  # fmt: skip
FINE: dict[str, Any] = {
    "born_on": date(1985, 2, 23), "residence": "population_register", "recognised_handicap": False, "balances": 0,
    "real_rights": [], "language": "known",
}  # fmt: skip
FIELDS = ("jointly_taxable", "separately_taxable", "replacement_allowance", "living_wage", "foreign_exempt")
RESIDENCES, RIGHTS, EXCEPTIONS = get_args(Residence), get_args(Right), get_args(RightException)


def euro(amount: Any) -> Any:
    return amount if amount is None else int(Decimal(str(amount)) * 100)


def income(year: Any, **amounts: Any) -> Any:
    """An assessment; amounts in euro."""
    return {"year": year, **dict.fromkeys(FIELDS, 0), **{name: euro(amount) for name, amount in amounts.items()}}


def member(id_: Any, role: Any, day: Any, **facts: Any) -> Any:
    """facts as in the contract, amounts in euro; `incomes` may be an amount: that of last year. None: unknown."""
    known: dict[str, Any] = {**NOTHING, **FINE, "incomes": [income(day.year - 1, jointly_taxable=1)]} | deepcopy(facts)
    if isinstance(known["incomes"], int | float | str | Decimal):
        known["incomes"] = [income(day.year - 1, jointly_taxable=known["incomes"])]
    elif facts.get("incomes"):
        known["incomes"] = [income(**one) for one in facts["incomes"]]
    if "balances" in facts:
        known["balances"] = euro(facts["balances"])
    for claim in ("recent_income", "set_aside", "no_income_declared"):
        if known[claim] is not None:
            known[claim] = {"proof": None, **known[claim]}
    if known["recent_income"] is not None:
        recent = known["recent_income"]
        known["recent_income"] = {"months": 3, **recent, "amount": euro(recent.get("amount"))}
    if known["set_aside"] is not None:
        known["set_aside"].setdefault("ground", "budget_guidance")
    if known["real_rights"] is not None:
        right = {"right": "full_ownership", "object": None, "country": None, "exception": None, "proof": None}
        known["real_rights"] = [right | one for one in known["real_rights"]]
    return {"id": id_, "role": role, **known}


def household(
    *candidates: Any,
    day: date = date(2024, 3, 20),
    co_residents: Any = (),
    moment: str = "registration",
    registered_on: date | None = None,
) -> dict[str, Any]:
    """Candidates (p1 the applicant, p2) and co-residents (c1, …), each as the facts that matter."""
    members = [
        member(f"p{n}", "applicant" if n == 1 else "partner", day, **facts)
        for n, facts in enumerate(candidates or ({},), 1)
    ]
    members += [
        member(f"c{n}", "co_resident", day, **{"dependant": True, **facts}) for n, facts in enumerate(co_residents, 1)
    ]
    return {"reference_date": day, "moment": moment, "registered_on": registered_on, "members": members}


def random_household(rng: random.Random, limits: Any, day: date | None = None) -> dict[str, Any]:
    """Unknowns and boundaries over-represented. day: any from 2019 through 2027, where none is given."""

    def amount() -> Any:
        one = rng.choice((0, 1, *limits, *limits))
        kind = rng.random()
        if kind < 0.3:
            return max(0, one + rng.choice((-1, 0, 1)))
        if kind < 0.5:
            return max(0, one // 2 + rng.choice((-1, 0, 1)))
        return rng.choice((0, 1, 900_000_000, rng.randrange(6_000_000)))

    def proof() -> Any:
        return rng.choice((None, "uploaded", "interpreted", "rejected"))

    def recent() -> Any:
        return {"months": rng.randint(3, 6), "amount": rng.choice((None, amount(), amount() // 3)), "proof": proof()}

    def candidate(id_: Any, role: Any, day: Any) -> Any:
        incomes, adult_on = None, date(day.year - 18, day.month, min(day.day, 28))
        if rng.random() < 0.7:
            years = rng.sample(range(day.year - 4, day.year), rng.choice((0, 1, 1, 1, 2)))
            incomes = [income(year) | {rng.choice(FIELDS): amount()} for year in years]
        rights = None
        if rng.random() < 0.85:
            rights = []
            for _ in range(rng.choice((0, 0, 1, 2))):
                exception = rng.choice((None, None, None, *EXCEPTIONS))
                right = rng.choice(("bare_ownership", "bare_ownership", *RIGHTS))
                rights.append(
                    {
                        "right": right,
                        "object": None,
                        "country": None,
                        "exception": exception,
                        "proof": exception and proof(),
                    }
                )
        return NOTHING | {
            "id": id_, "role": role,
            "born_on": rng.choice((None, adult_on, date(day.year - 18, 12, 31), date(1980, 2, 29))),
            "moves_in": role == "applicant" or rng.random() < 0.9,
            "residence": rng.choice((None, "population_register", "population_register", *RESIDENCES)),
            "emancipated": rng.random() < 0.2, "guided_independent_living": rng.random() < 0.1,
            "recognised_handicap": rng.choice((None, False, True)),
            "incomes": incomes,
            "recent_income": rng.choice((None, recent())),
            "set_aside": rng.choice((None, None, {"ground": "budget_guidance", "proof": proof()})),
            "no_income_declared": rng.choice((None, None, {"proof": proof()})),
            "balances": rng.choice((None, amount(), amount() // 2)),
            "real_rights": rights,
            "language": rng.choice((None, "known", "not_known", "exempt")),
        }  # fmt: skip

    day = day or date(rng.randint(2019, 2027), rng.randint(1, 12), rng.randint(1, 28))
    members = [candidate("p1", "applicant", day)]
    if rng.random() < 0.6:
        members.append(candidate("p2", "partner", day))
    for n in range(rng.choice((0, 0, 1, 2, 3))):
        members.append(NOTHING | {
            "id": f"c{n}", "role": "co_resident", "moves_in": rng.random() < 0.9, "dependant": rng.random() < 0.7,
            "recognised_handicap": rng.choice((None, False, True)),
        })  # fmt: skip
    return {
        "reference_date": day, "moment": rng.choice(("registration", "update", "allocation")),
        "registered_on": rng.choice((None, date(2023, 12, 31), date(2024, 1, 1))), "members": members,
    }  # fmt: skip
