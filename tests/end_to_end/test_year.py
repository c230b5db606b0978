"""A company's year of 250 leases through the running register, with groups that run dry, vacancies beside one another, refusals
and withdrawals: an outsider recomputes each turn and each entry of the ledger."""

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

SEED, YEAR, BESIDE = 14, 250, 3  # vacancies at a time
LEASE = {"signed_on": "2024-03-20", "statements_seen": True}
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


class Company:
    """What a case worker does with vacancies, one beside another, and what an outsider says of it."""

    def __init__(self, register: Register, audit: Audit) -> None:
        self._register, self._audit = register, audit
        self.offered: dict[str, tuple[str, str]] = {}
        """Vacancy → the offer that was proposed, and to which dossier."""
        self._sizes: dict[str, tuple[int, int]] = {}

    async def announce(self, vacancy: str, smallest: int, largest: int) -> None:
        """A dwelling comes free, and is proposed to who is first."""
        home = {"id": vacancy, "dwelling": vacancy, "municipality": "24062", "company": "dijledal", "rent": "410.50"}
        body = home | {"bedrooms": largest, "min_persons": smallest, "max_persons": largest}
        expect(await self._register.call("POST", "priority", "/v1/vacancies", json=body, **COMPANY), 201)
        self._sizes[vacancy] = (smallest, largest)
        await self.propose(vacancy)

    async def propose(self, vacancy: str) -> None:
        path = f"/v1/vacancies/{vacancy}"
        next_ = await self._register.get("priority", f"{path}/next?most=1", **COMPANY)
        turn, number = next_["turn"], next_["order"][0]["dossier"]
        by_law = self._audit.propose(vacancy, *self._sizes[vacancy])
        assert ((turn["turn"], turn["of"], turn["to"], turn["how"]), number) == by_law, (vacancy, self._sizes[vacancy])
        first = {"turn": turn["turn"], "dossier": number}
        made = await self._register.call("POST", "priority", f"{path}/offers", json=first, **COMPANY)
        self.offered[vacancy] = (f"/v1/offers/{expect(made, 201).json()['id']}", number)

    async def end(self, vacancy: str, how: str) -> None:
        """The offer opens, and ends so: let, refused, taken back, or with its vacancy."""
        offer, number = self.offered.pop(vacancy)

        async def is_open() -> bool:
            return bool((await self._register.get("priority", offer, **COMPANY))["state"] == "open")

        await until(is_open, f"the offer of {vacancy} was not confirmed", 60)
        acts: dict[str, list[tuple[str, dict[str, Any]]]] = {
            "let": [(f"{offer}/answer", {"answer": "accept"}), (f"{offer}/lease", LEASE)],
            "refused": [(f"{offer}/answer", {"answer": "refuse", "reason": "Too far.", "on": LEASE["signed_on"]})],
            "taken back": [(f"{offer}/withdrawal", {"reasons": "A burst pipe."})],
            "withdrawn": [(f"/v1/vacancies/{vacancy}/withdrawal", {"reasons": "It is sold."})],
        }
        for path, body in acts[how]:
            done = await self._register.call("POST", "priority", path, json=body, **COMPANY)
            expect(done, 204 if how == "withdrawn" else 200)
        if how == "let":
            self._audit.let(vacancy, number)
        elif how == "withdrawn":
            self._audit.withdraw(vacancy, number)
        else:
            self._audit.fails(vacancy, number, refused=how == "refused")
            await self.propose(vacancy)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("many", [40, pytest.param(YEAR, marks=pytest.mark.long)])
async def test_a_year_of_turns_is_what_an_outsider_recomputes(tmp_path: Path, many: int) -> None:
    random, people = Random(SEED), many + 60
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
        company, answers, ends, refused = (
            Company(register, audit),
            Counter[str](),
            Counter[str](),
            set[tuple[str, str]](),
        )
        while len(audit.final) < many:
            for organisation, group in REFERRER.items():
                if len(audit.final) * YEAR // many in DRY[group] or random.random() > 0.25:
                    continue
                asked = {m for _, m in audit.open} | {m for of, m in refused if of == group}
                waiting = [n for n in audit.candidates if n not in audit.gone | asked]
                number = random.choice(waiting)
                referral = {"dossier": number, "company": "dijledal", "municipality": "24062", "group": group}
                body = referral | {"reasons": "in need", "guidance_plan": "a visit a week"}
                told = await register.call("POST", "priority", "/v1/referrals", json=body, helper=organisation)
                answer = expect(told, 201).json()["answer"]
                assert answer == audit.refer(group, number), (len(audit.final), group)
                answers[answer] += 1
                refused |= {(group, number)} if answer == "refused" else set()
            while len(company.offered) < BESIDE:
                size = random.choice(((1, 1), (1, 2), (2, 3), (1, 4), (3, 5)))
                await company.announce(f"w{ends.total()}-{len(company.offered)}", *size)
            how = random.choices(("let", "refused", "taken back", "withdrawn"), (70, 15, 5, 10))[0]
            await company.end(random.choice(sorted(company.offered)), how)
            ends[how] += 1
        ledger: dict[str, Any] = await register.get("priority", f"/v1/agreements/{agreement}/ledger", **COMPANY)
    entries = [((one["turn"], one["of"], one["to"], one["how"]), one["state"]) for one in ledger["turns"]]
    assert entries == audit.entries
    assert [(debt["owes"], debt["to"]) for debt in ledger["debts"]] == audit.debts()
    assert sum(ledger["balances"].values()) == 0
    drawn, had = len(audit.whose), Counter(audit.whose)
    assert all(abs(had[name] - drawn * share) < 1 for name, share in audit.shares.items())
    hows = Counter(how for (_, _, _, how), state in audit.entries if state == "live")
    assert min(hows["taken"], hows["passed"], *ends.values()) > 0, (hows, answers, ends)
    if many == YEAR:
        assert min(hows["repaid"], answers["refused"]) > 0, (hows, answers)
    print(f"seed {SEED}: {dict(hows)}, {dict(ends)}, referrals {dict(answers)}, debts at the end {audit.debts()}")
