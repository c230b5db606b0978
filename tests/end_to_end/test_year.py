"""A company's year of 250 turns through the running register, with groups that run dry: an outsider recomputes each turn."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deploy.embedded.demo import AGREEMENT, Register, adopt, expect, until
from deploy.embedded.samples import SAMPLES, national_number
from deploy.embedded.stack import Stack
from tests.end_to_end.audit import Audit

SEED, YEAR, SIGNED = 14, 250, "2024-03-20"
COMPANY = {"case_worker": "dijledal"}
REFERRER = {
    "caw-oost-brabant": "homeless",
    "mind-the-gap": "young",
    "diletti": "mental_health",
    "ocmw-leuven": "bad_housing",
}
DRY = {
    "homeless": range(40, 110),
    "young": range(100, 200),
    "mental_health": range(1, 60),
    "bad_housing": range(150, 180),
}


async def registered(register: Register, nth: int, persons: int, tied: bool) -> tuple[str, str]:
    """Somebody who meets every condition, at the counter; dossier and number."""
    sample = next(sample for sample in SAMPLES if sample.name.endswith("single"))
    applicant = sample.members[0] | {"number": national_number(sample.members[0]["born_on"], 500 + nth)}
    children = [
        {"id": f"c{n}", "role": "co_resident", "born_on": "2015-05-01", "dependant": True, "recognised_handicap": False}
        for n in range(1, persons)
    ]
    post = sample.post | {
        "household": {"members": [applicant, *children]},
        "email": f"y{nth}@candidates.example",
        "help": None,
    }
    post |= {"residence": [{"municipality": "24062", "from": "2010-01-01", "until": None}] if tied else []}
    key = {"Idempotency-Key": f"year-{nth}"}
    made = await register.call("POST", "dossier", "/v1/dossiers", json=post, headers=key, **COMPANY)
    path = f"/v1/dossiers/{expect(made, 201).json()['id']}"
    number = expect(await register.call("POST", "dossier", f"{path}/submission", **COMPANY), 202).json()["number"]
    confirmed = f"{path}/members/{applicant['id']}/confirmation"
    expect(await register.call("POST", "dossier", confirmed, json={"on_paper": True}, **COMPANY), 204)
    return path, number


async def give(register: Register, id_: str, smallest: int, largest: int) -> tuple[str, str, str, str]:
    """A dwelling comes free and is let, as a case worker would: whose turn, to whom, how, which dossier."""
    home = {"id": id_, "dwelling": id_, "municipality": "24062", "company": "dijledal", "bedrooms": largest}
    body = home | {"min_persons": smallest, "max_persons": largest, "rent": "410.50"}
    expect(await register.call("POST", "priority", "/v1/vacancies", json=body, **COMPANY), 201)
    next_ = await register.get("priority", f"/v1/vacancies/{id_}/next?most=1", **COMPANY)
    turn, number = next_["turn"], next_["order"][0]["dossier"]
    first = {"turn": turn["turn"], "dossier": number}
    made = await register.call("POST", "priority", f"/v1/vacancies/{id_}/offers", json=first, **COMPANY)
    offer = f"/v1/offers/{expect(made, 201).json()['id']}"

    async def is_open() -> bool:
        return bool((await register.get("priority", offer, **COMPANY))["state"] == "open")

    await until(is_open, f"the offer of {id_} was not confirmed", 30)
    for path, said in (("answer", {"answer": "accept"}), ("lease", {"signed_on": SIGNED, "statements_seen": True})):
        expect(await register.call("POST", "priority", f"{offer}/{path}", json=said, **COMPANY), 200)
    return turn["of"], turn["to"], turn["how"], number


@pytest.mark.timeout(600)
@pytest.mark.parametrize("many", [100, pytest.param(YEAR, marks=pytest.mark.long)])
async def test_a_year_of_turns_is_what_an_outsider_recomputes(tmp_path: Path, many: int) -> None:
    random, people = Random(SEED), many + 50
    kinds = [(random.choice((1, 1, 1, 2, 2, 3, 4)), random.random() < 0.5) for _ in range(people)]
    async with Stack(tmp_path, lambda line: None, shift=13_000) as stack, Register(stack.addresses) as register:
        agreement = await adopt(register)
        made = await asyncio.gather(*(registered(register, nth, *kind) for nth, kind in enumerate(kinds)))

        async def all_wait() -> bool:
            path = "/v1/waiting-list?municipality=24062"
            return len(await register.get("priority", path, **COMPANY)) == people

        await until(all_wait, "not everybody is on the list", 120)
        by_number = {number: kind for (_, number), kind in zip(made, kinds, strict=True)}
        audit = Audit(AGREEMENT, {n: by_number[n] for n in sorted(by_number, key=lambda n: int(n.split(".")[-1]))})
        answers, refused = Counter[str](), set[tuple[str, str]]()
        while len(audit.turns) < many:
            for organisation, group in REFERRER.items():
                if len(audit.turns) in DRY[group] or random.random() > 0.25:
                    continue
                asked = {m for _, m in audit.open} | {m for of, m in refused if of == group}
                waiting = [n for n in audit.candidates if n not in audit.gone | asked]
                number = random.choice(waiting)
                referral = {"dossier": number, "company": "dijledal", "municipality": "24062", "group": group}
                body = referral | {"reasons": "in need", "guidance_plan": "a visit a week"}
                told = await register.call("POST", "priority", "/v1/referrals", json=body, helper=organisation)
                answer = expect(told, 201).json()["answer"]
                assert answer == audit.refer(group, number), (len(audit.turns), group)
                answers[answer] += 1
                refused |= {(group, number)} if answer == "refused" else set()
            size = random.choice(((1, 1), (1, 2), (2, 3), (1, 4), (3, 5)))
            by_law = audit.dwelling(*size)
            assert await give(register, f"w{len(audit.turns)}", *size) == by_law, (len(audit.turns), size)
        ledger: dict[str, Any] = await register.get("priority", f"/v1/agreements/{agreement}/ledger", **COMPANY)
    final = [one for one in ledger["turns"] if one["state"] == "final"]
    assert [(one["of"], one["to"], one["how"], one["dossier"]) for one in final] == audit.turns
    assert [(debt["owes"], debt["to"]) for debt in ledger["debts"]] == audit.debts
    assert sum(ledger["balances"].values()) == 0
    had = Counter(of for of, *_ in audit.turns)
    assert all(abs(had[name] - many * share) < 1 for name, share in audit.shares.items())
    hows = Counter(how for _, _, how, _ in audit.turns)
    assert min(hows["taken"], hows["passed"], hows["repaid"], answers["refused"]) > 0, (hows, answers)
    print(f"seed {SEED}: {dict(hows)}, referrals {dict(answers)}, debts at the end {audit.debts}")
