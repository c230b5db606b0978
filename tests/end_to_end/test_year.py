"""A company's year of 250 leases through the running register, with groups that run dry, vacancies beside one another, refusals,
silences, withdrawals and mistakes: from its log an outsider recomputes each turn and order, and finds there what happened."""

import asyncio
import re
import runpy
import signal
import sys
from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from itertools import cycle
from math import floor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deploy.embedded import ROOT
from deploy.embedded.demo import AGREEMENT, Register, adopt, expect, until
from deploy.embedded.samples import SAMPLES, national_number
from deploy.embedded.stack import TODAY, Stack
from priority.domain.offers import HOLDS

SEED, YEAR, BESIDE = 14, 250, 5  # vacancies at a time
ENDS = ("let", "let", "refused", "let", "let again", "withdrawn", "let", "let", "taken back", "let", "let", "refused")
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


async def registered(register: Register, nth: int, persons: int, tied: bool) -> str:
    """Somebody who meets every condition, at the counter; the number."""
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
    number: str = expect(await register.call("POST", "dossier", f"{path}/submission", **COMPANY), 202).json()["number"]
    confirmed = f"{path}/members/{applicant['id']}/confirmation"
    expect(await register.call("POST", "dossier", confirmed, json={"on_paper": True}, **COMPANY), 204)
    return number


class Year:
    """What case workers and referrers do at the same time, and what they remember of it."""

    def __init__(self, stack: Stack, register: Register, people: list[str], many: int) -> None:
        self._stack, self._register, self._people, self._many = stack, register, people, many
        self._random, self._today, self._ends = Random(SEED), date.fromisoformat(TODAY), cycle(ENDS)
        self._room = (
            asyncio.Lock()
        )  # who is let a home leaves the room of his group: neither counts while the other does
        shares = {name: Fraction(group["share"]) for name, group in AGREEMENT["groups"].items()}
        self._places = {
            name: floor(AGREEMENT["planned"] * Fraction(AGREEMENT["accelerated_share"]) * share + Fraction(1, 2))
            for name, share in shares.items()
        }
        self._given, self._open, self._refused = Counter[str](), dict[str, str](), set[tuple[str, str]]()
        self._numbers = iter(range(10**6))
        self.offers: dict[str, tuple[str, str, str]] = {}  # id → vacancy, number, state
        self.answers, self.ends = Counter[str](), Counter[str]()

    async def season(self, leases: int) -> None:
        """Until so many homes are let; at its end the last homes that are offered get no answer, which is judged."""
        silent = await asyncio.gather(*(self._desk(leases) for _ in range(BESIDE)))
        self._today += timedelta(days=16)
        for service in ("dossier", "priority"):
            settings = self._stack.folder / f"{service}.toml"
            settings.write_text(re.sub('today = "[^"]*"', f'today = "{self._today}"', settings.read_text()))
            self._stack.kill(service, signal.SIGTERM)
        for vacancy, offer in silent:
            await self._until(offer, "no_answer")
            judged = {"well_founded": self._random.random() < 0.5, "reasons": "Nobody was reached."}
            await self._post(f"/v1/offers/{offer}/judgement", judged, 200)
            await self._withdraw(vacancy)
            self.ends["no answer"] += 1

    async def _desk(self, leases: int) -> tuple[str, str]:
        """One case worker, a home after the other; at the end his last one, and its open offer."""
        while self.ends["let"] < leases:
            vacancy, size = f"w{next(self._numbers)}", self._random.choice(((1, 1), (1, 2), (2, 3), (1, 4), (3, 5)))
            await self._announce(vacancy, *size)
            ended = False
            while not ended and self.ends["let"] < leases and (offer := await self._propose(vacancy)):
                ended = await self._answered(vacancy, *offer)
            if not ended:
                await self._withdraw(vacancy)
        await self._announce(vacancy := f"w{next(self._numbers)}", 1, 5)
        while not (last := await self._propose(vacancy)) or not await self._opens(last[0]):
            pass
        return vacancy, last[0]

    async def _answered(self, vacancy: str, offer: str, number: str, to: str) -> bool:
        """What becomes of an offer; whether its vacancy has ended."""
        if not await self._opens(offer):
            return False
        how, path = next(self._ends), f"/v1/offers/{offer}"
        if how in ("let", "let again"):
            lease = {"signed_on": f"{self._today}", "statements_seen": True}
            await self._post(f"{path}/answer", {"answer": "accept"}, 200)
            if how == "let again":
                await self._post(f"{path}/lease", lease, 200)
                await self._once_taken_in(f"{path}/undo", {"reasons": "The lease was never signed."})
            async with self._room:
                await self._once_taken_in(f"{path}/lease", lease)
                self._given[to] += 1
                self._open.pop(number, None)
            await self._until(offer, "signed")
        elif how == "refused":
            await self._post(f"{path}/answer", {"answer": "refuse", "reason": "Too far.", "on": f"{self._today}"}, 200)
            await self._until(offer, "refused")
        elif how == "taken back":
            await self._post(f"{path}/withdrawal", {"reasons": "A burst pipe."}, 200)
        else:
            await self._withdraw(vacancy)
        if how in ("taken back", "withdrawn"):
            await self._until(offer, "withdrawn")
        self.ends[how] += 1
        if how == "let again":
            self.ends["let"] += 1
        if how in ("let", "let again"):
            await self._refer()
        return how in ("let", "let again", "withdrawn")

    async def _once_taken_in(self, path: str, body: dict[str, Any]) -> None:
        """As soon as dossier has recorded what was done before."""

        async def done() -> bool:
            made = await self._register.call("POST", "priority", path, json=body, **COMPANY)
            return expect(made, 200, 409).status_code == 200

        await until(done, f"{path} was never taken in", 60)

    async def _announce(self, vacancy: str, smallest: int, largest: int) -> None:
        home = {"id": vacancy, "dwelling": vacancy, "municipality": "24062", "company": "dijledal", "rent": "410.50"}
        body = home | {"bedrooms": largest, "min_persons": smallest, "max_persons": largest}
        await self._post("/v1/vacancies", body, 201)

    async def _propose(self, vacancy: str) -> tuple[str, str, str] | None:
        """To who is first, unless a colleague was faster: the offer, its dossier, who has the turn."""
        path = f"/v1/vacancies/{vacancy}"
        while (next_ := await self._register.get("priority", f"{path}/next?most=1", **COMPANY))["order"]:
            turn, number = next_["turn"], next_["order"][0]["dossier"]
            body = {"turn": turn["turn"], "dossier": number}
            made = await self._register.call("POST", "priority", f"{path}/offers", json=body, **COMPANY)
            if expect(made, 201, 409).status_code == 201:
                self.offers[id := made.json()["id"]] = (vacancy, number, "checking")
                return id, number, turn["to"]
            self.ends["a colleague was faster"] += 1
        return None

    async def _withdraw(self, vacancy: str) -> None:
        await self._post(f"/v1/vacancies/{vacancy}/withdrawal", {"reasons": "It is sold."}, 204)

    async def _refer(self) -> None:
        """Some organisations refer somebody: accepted where there is room."""
        async with self._room:
            for organisation, group in REFERRER.items():
                if self.ends["let"] * YEAR // self._many in DRY[group] or self._random.random() > 0.25:
                    continue
                live = {number for _, number, state in self.offers.values() if state in HOLDS}
                asked = live | {*self._open} | {number for number, of in self._refused if of == group}
                number = self._random.choice([one for one in self._people if one not in asked])
                referral = {"dossier": number, "company": "dijledal", "municipality": "24062", "group": group}
                body = referral | {"reasons": "in need", "guidance_plan": "a visit a week"}
                told = await self._register.call("POST", "priority", "/v1/referrals", json=body, helper=organisation)
                if expect(told, 201, 409).status_code == 409:  # it was proposed meanwhile, or is no longer registered
                    continue
                there = self._given[group] + sum(of == group for of in self._open.values())
                answer = told.json()["answer"]
                assert answer == ("accepted" if there < self._places[group] else "refused"), (group, there)
                self.answers[answer] += 1
                if answer == "accepted":
                    self._open[number] = group
                else:
                    self._refused.add((number, group))

    async def _opens(self, offer: str) -> bool:
        """Not, where it was proposed to somebody whose pause after a silence was still under way."""
        return await self._until(offer, "open", "declined") == "open"

    async def _until(self, offer: str, *states: str) -> str:
        async def holds() -> bool:
            return await self.read(offer) in states

        await until(holds, f"offer {offer} is not {' or '.join(states)}", 60)
        return self.offers[offer][2]

    async def read(self, offer: str) -> str:
        """Where it stands now."""
        vacancy, number, _ = self.offers[offer]
        now: str = (await self._register.get("priority", f"/v1/offers/{offer}", **COMPANY))["state"]
        self.offers[offer] = (vacancy, number, now)
        return now

    async def _post(self, path: str, body: dict[str, Any], status: int) -> None:
        expect(await self._register.call("POST", "priority", path, json=body, **COMPANY), status)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("many", [40, pytest.param(YEAR, marks=pytest.mark.long)])
async def test_a_year_of_turns_is_what_an_outsider_recomputes(tmp_path: Path, many: int) -> None:
    random, people, seasons = Random(SEED), many + 30, max(2, many // 50)
    kinds = [(random.choice((1, 1, 1, 2, 2, 3, 4)), random.random() < 0.5) for _ in range(people)]
    services = ("dossier", "eligibility", "priority")  # nobody reads the mails of a year
    stack = Stack(tmp_path, lambda line: None, shift=13_000, services=services)
    async with stack, Register(stack.addresses) as register:
        agreement = await adopt(register)
        numbers = await asyncio.gather(*(registered(register, nth, *kind) for nth, kind in enumerate(kinds)))

        async def all_wait() -> bool:
            path = "/v1/waiting-list?municipality=24062"
            return len(await register.get("priority", path, **COMPANY)) == people

        await until(all_wait, "not everybody is on the list", 120)
        year = Year(stack, register, list(numbers), many)
        for season in range(1, seasons + 1):
            await year.season(many * season // seasons)
        for offer in [id for id, one in year.offers.items() if one[2] == "declined"]:
            await year.read(offer)  # it lapses once its dossier may get offers again
        ledger: dict[str, Any] = await register.get("priority", f"/v1/agreements/{agreement}/ledger", **COMPANY)
        command = [sys.executable, "-m", "priority", "audit", TODAY[:4]]
        settings = {"CIR_SETTINGS_FILE": str(stack.folder / "priority.toml")}
        printed = await asyncio.create_subprocess_exec(*command, env=settings, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        lines = (await printed.communicate())[0].splitlines()
    audit = runpy.run_path(str(ROOT / "tools/audit.py"))["Audit"]()
    assert not list(filter(None, map(audit.read, lines)))
    assert audit.orders == len(year.offers)
    in_log = {id: (one["vacancy"], one["number"], one["state"]) for (id,), one in audit.kept["offer"].items()}
    assert in_log == year.offers
    turns = audit.ledgers[agreement]
    now = {one["turn"]: (one["of"], one["to"], one["how"], one["vacancy"], one["state"]) for one in ledger["turns"]}
    assert now == turns.now
    stand = Counter((to, of) for of, to, *_, state in now.values() if of != to and state != "returned")
    net = {pair: many - stand[pair[::-1]] for pair, many in stand.items() if many > stand[pair[::-1]]}
    assert Counter((debt["owes"], debt["to"]) for debt in ledger["debts"]) == net
    assert sum(ledger["balances"].values()) == 0
    drawn, had = len(turns.whose), Counter(turns.whose)
    assert all(abs(had[name] - drawn * share) < 1 for name, share in turns.shares.items())
    hows = Counter(how for _, _, how, _, _ in now.values())
    assert min(hows["taken"], hows["passed"], *year.ends.values()) > 0, (hows, year.answers, year.ends)
    if many == YEAR:
        assert min(hows["repaid"], year.answers["refused"]) > 0, (hows, year.answers)
    print(f"{audit.orders} orders: {dict(hows)}, {dict(year.ends)}, referrals {dict(year.answers)}, debts {net}")
