"""The conditions a second time, from the domain page, in plain Python and fractions: what the rule files are checked against.

Decides complete households only; `everywhere` fills in what is unknown by trying everything that this module thinks of.
"""

import itertools
import math
from copy import deepcopy
from datetime import date
from fractions import Fraction
from typing import Any

MET, TO_INVESTIGATE, NOT_MET = "met", "to_investigate", "not_met"
WORSE = [MET, TO_INVESTIGATE, NOT_MET]
LIMITS = {
    2019: (24852, 26934, 37276, 2084), 2020: (25317, 27438, 37974, 2123), 2021: (25557, 27698, 38335, 2143),
    2022: (25850, 28015, 38773, 2167), 2023: (28105, 30460, 42156, 2356), 2024: (29515, 31987, 44270, 2475),
    2025: (30636, 33202, 45952, 2569), 2026: (31361, 33988, 47039, 2629), 2027: (32299, 35005, 48447, 2708),
}  # fmt: skip
JUNE = dict(
    zip(
        range(2016, 2027),
        ["103.74", "105.29", "107.01", "109.02", "110.05", "111.31", "121.02", "127.09", "131.92", "135.04", "139.08"],
        strict=True,
    )
)
MOST = 9_000_000_00
FIELDS = ("jointly_taxable", "separately_taxable", "replacement_allowance", "living_wage", "foreign_exempt")


def health(year: Any) -> Any:
    return Fraction(math.floor(Fraction(JUNE[year]) * Fraction("1.2077") * 100 + Fraction(1, 2)), 100)


def factor(of: Any, to: Any) -> Any:
    """From the index of one year to that of another: six decimals, half up."""
    return Fraction(math.floor(health(to) / health(of) * 10**6 + Fraction(1, 2)), 10**6)


def candidates(h: Any) -> Any:
    return [m for m in h["members"] if m["role"] in ("applicant", "partner") and m["moves_in"]]


def accepted(claim: Any) -> Any:
    return claim is not None and claim["proof"] == "interpreted"


def dependants(h: Any) -> Any:
    return sum(
        2 if m["recognised_handicap"] else 1
        for m in h["members"] if m["role"] == "co_resident" and m["moves_in"] and m["dependant"]
    )  # fmt: skip


def limit(h: Any) -> Any:
    single, handicap, others, more = LIMITS[h["reference_date"].year]
    n = dependants(h)
    if len(candidates(h)) == 1 and n == 0:
        applicant = next(m for m in h["members"] if m["role"] == "applicant")
        return (handicap if applicant["recognised_handicap"] else single) * 100
    return (others + n * more) * 100


def yearly(m: Any, year: Any) -> Any:
    counted = [income for income in m["incomes"] if year - 3 <= income["year"] < year]
    if not counted:
        return Fraction(0)
    latest = max(counted, key=lambda income: income["year"])
    amount = sum(latest[field] for field in FIELDS)
    return amount * factor(latest["year"], year - 1) if latest["year"] < year - 1 else Fraction(amount)


def cents(amount: Any) -> Any:
    return math.floor(amount + Fraction(1, 2))


def age(h: Any) -> Any:
    for m in candidates(h):
        born, day = m["born_on"], h["reference_date"]
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        if years < 18 and not m["emancipated"] and not m["guided_independent_living"]:
            return NOT_MET
    return MET


def residence(h: Any) -> Any:
    good = ("population_register", "foreigners_register", "reference_address")
    return MET if all(m["residence"] in good for m in candidates(h)) else NOT_MET


def income(h: Any) -> Any:
    year, most = h["reference_date"].year, limit(h)
    total = cents(sum((yearly(m, year) for m in candidates(h)), Fraction(0)))
    if 0 < total <= most:
        return MET
    recents = [m for m in candidates(h) if accepted(m["recent_income"])]
    if recents:
        total = cents(sum(
            (Fraction(m["recent_income"]["amount"] * 12, m["recent_income"]["months"]) if m in recents else yearly(m, year)
             for m in candidates(h)), Fraction(0)))  # fmt: skip
        if total <= most:
            return MET
    if total > most:
        return MET if any(accepted(m["set_aside"]) for m in candidates(h)) else NOT_MET
    return MET if any(accepted(m["no_income_declared"]) for m in candidates(h)) else TO_INVESTIGATE


def means(h: Any) -> Any:
    early = h["registered_on"] and h["registered_on"] < date(2024, 1, 1) and h["moment"] != "allocation"
    if h["reference_date"] < date(2024, 1, 1) or early:
        return None
    return MET if sum(m["balances"] for m in candidates(h)) <= limit(h) else NOT_MET


def property_(h: Any) -> Any:
    rights = [right for m in candidates(h) for right in m["real_rights"] if right["right"] != "bare_ownership"]
    return MET if all(right["exception"] and right["proof"] == "interpreted" for right in rights) else NOT_MET


def language(h: Any) -> Any:
    return NOT_MET if any(m["language"] == "not_known" for m in candidates(h)) else MET


CONDITIONS = {
    "age": age,
    "residence": residence,
    "income": income,
    "means": means,
    "property": property_,
    "language": language,
}


def _choices(h: Any, condition: Any) -> Any:
    """(member at, fact, values) of all that is unknown to the condition; a value is put in its place by `_put`."""
    people = {m["id"]: at for at, m in enumerate(h["members"])}
    found: list[tuple[int, str, Any]] = []
    day = h["reference_date"]
    for m in candidates(h):
        at = people[m["id"]]
        if condition == "age" and m["born_on"] is None:
            found.append((at, "born_on", [date(day.year - 60, 1, 1), date(day.year - 18, 1, 1), day]))
        if condition == "residence" and m["residence"] is None:
            found.append((at, "residence", ["population_register", "bis_register"]))
        if condition == "language" and m["language"] is None:
            found.append((at, "language", ["known", "not_known"]))
        if condition == "property":
            if m["real_rights"] is None:
                right = {"right": "long_lease", "exception": None, "proof": None}
                found.append((at, "real_rights", [[], [right], [right | {"right": "bare_ownership"}]]))
            for n, right in enumerate(m["real_rights"] or ()):
                if right["exception"] and right["proof"] not in ("interpreted", "rejected"):
                    found.append((at, f"real_rights[{n}].proof", ["interpreted", "rejected"]))
        if condition == "income":
            for claim in ("recent_income", "set_aside", "no_income_declared"):
                if m[claim] and m[claim]["proof"] not in ("interpreted", "rejected"):
                    found.append((at, f"{claim}.proof", ["interpreted", "rejected"]))
            if m["recent_income"] and m["recent_income"]["amount"] is None:
                found.append((at, "recent_income", None))
            if m["incomes"] is None:
                found.append((at, "incomes", None))
        if condition == "means" and m["balances"] is None:
            found.append((at, "balances", None))
    if condition in ("income", "means"):
        for at, m in enumerate(h["members"]):
            counts = m["role"] == "applicant" or (m["role"] == "co_resident" and m["moves_in"] and m["dependant"])
            if m["recognised_handicap"] is None and counts:
                found.append((at, "recognised_handicap", [False, True]))
    return found


def _amounts(h: Any, at: Any, fact: Any) -> Any:
    """Cents that could matter: around every limit there may be, less everything the others may add."""
    year = h["reference_date"].year
    others = {Fraction(0)}
    for n, m in enumerate(h["members"]):
        if m not in candidates(h):
            continue
        if fact == "balances":
            mine = {Fraction(m["balances"] or 0)} if n != at else {Fraction(0)}
        elif n != at:
            mine = {yearly(m, year) if m["incomes"] else Fraction(0)}
            if m["recent_income"] and m["recent_income"]["amount"] is not None:
                mine.add(Fraction(m["recent_income"]["amount"] * 12, m["recent_income"]["months"]))
        else:
            mine = {Fraction(0)}
        others = {a + b for a in others for b in mine} | others
    limits = set()
    unknown = [m for m in h["members"] if m["recognised_handicap"] is None]
    for some in range(len(unknown) + 1):
        filled = deepcopy(h)
        for n, m in enumerate(m for m in filled["members"] if m["recognised_handicap"] is None):
            m["recognised_handicap"] = n < some
        limits.add(limit(filled))
        for m in filled["members"]:
            if m["role"] == "applicant":
                m["recognised_handicap"] = (
                    m["recognised_handicap"] if h["members"][0]["recognised_handicap"] is not None else True
                )
        limits.add(limit(filled))
    found = {0, 1, MOST}
    months = h["members"][at]["recent_income"]["months"] if fact == "recent_income" else 12
    for gap in {limit_ - other for limit_ in limits for other in others}:
        middle = math.floor(gap * months / 12)
        found |= {middle - 1, middle, middle + 1, middle + 2}
    return sorted(amount for amount in found if 0 <= amount <= MOST)


def _put(h: Any, at: Any, fact: Any, value: Any) -> Any:
    member = h["members"][at]
    if fact == "incomes":
        year = h["reference_date"].year - 1
        member["incomes"] = [{"year": year, **dict.fromkeys(FIELDS, 0), "jointly_taxable": value}]
    elif fact == "recent_income":
        member["recent_income"]["amount"] = value
    elif fact.startswith("real_rights["):
        member["real_rights"][int(fact[12:-7])]["proof"] = value
    elif fact.endswith(".proof"):
        member[fact.removesuffix(".proof")]["proof"] = value
    else:
        member[fact] = value


def everywhere(h: Any, condition: Any, most: Any = 60_000) -> Any:
    """(outcome, asks as a set of (person, fact)) by trying all completions; None where there are too many to try."""
    decide = CONDITIONS[condition]
    choices = [
        (at, fact, _amounts(h, at, fact) if values is None else values) for at, fact, values in _choices(h, condition)
    ]
    if math.prod(len(values) for _, _, values in choices) > most:
        return None
    filled = deepcopy(h)
    outcomes = {}
    for picked in itertools.product(*(range(len(values)) for _, _, values in choices)):
        for n, (at, fact, values) in zip(picked, choices, strict=True):
            _put(filled, at, fact, values[n])
        outcomes[picked] = decide(filled)
    asks = set()
    for axis, (at, fact, _) in enumerate(choices):
        seen: dict[Any, str] = {}
        for picked, outcome in outcomes.items():
            rest = picked[:axis] + picked[axis + 1 :]
            if seen.setdefault(rest, outcome) != outcome:
                asks.add((h["members"][at]["id"], fact))
                break
    found = set(outcomes.values())
    return (found.pop() if len(found) == 1 else TO_INVESTIGATE), asks


def claimable(h: Any, condition: Any) -> Any:
    """(person, fact, the household with that claim made and interpreted): claims not made, or rejected."""
    found = []

    def add(at: Any, fact: Any, change: Any) -> Any:
        found.append((h["members"][at]["id"], fact, at, change))

    for at, m in enumerate(h["members"]):
        counts = m in candidates(h)
        if condition == "age" and counts:
            for claim in ("emancipated", "guided_independent_living"):
                if not m[claim]:
                    add(at, claim, lambda m, claim=claim: m.update({claim: True}))
        if condition == "property" and counts:
            for n, right in enumerate(m["real_rights"]):
                if right["exception"] is None or right["proof"] == "rejected":
                    add(at, f"real_rights[{n}].proof", lambda m, n=n: m["real_rights"][n].update(
                        {"exception": m["real_rights"][n]["exception"] or "separation", "proof": "interpreted"}))  # fmt: skip
        if condition == "income" and counts:
            for claim in ("recent_income", "set_aside", "no_income_declared"):
                if m[claim] is None or m[claim]["proof"] == "rejected":
                    nothing = {"months": 3, "amount": 0} if claim == "recent_income" else {"ground": "budget_guidance"}
                    add(at, f"{claim}.proof", lambda m, claim=claim, nothing=nothing: m.update(
                        {claim: {**(m[claim] or nothing), "proof": "interpreted"}}))  # fmt: skip
        if condition in ("income", "means") and m["role"] == "co_resident" and m["moves_in"] and not m["dependant"]:
            add(at, "dependant", lambda m: m.update({"dependant": True}))
    return found


def could_claim(h: Any, condition: Any) -> Any:
    """The claims of a complete household that are in some smallest set of claims that would make the condition met."""
    claims = claimable(h, condition)
    enough: list[tuple[int, ...]] = []
    for size in range(len(claims) + 1):
        for picked in itertools.combinations(range(len(claims)), size):
            if any(set(smaller) <= set(picked) for smaller in enough):
                continue
            changed = deepcopy(h)
            for n in picked:
                _, _, at, change = claims[n]
                change(changed["members"][at])
            if CONDITIONS[condition](changed) == MET:
                enough.append(picked)
    return {(claims[n][0], claims[n][1]) for picked in enough for n in picked}
