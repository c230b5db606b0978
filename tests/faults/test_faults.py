"""Households apply while something is struck: whatever it is, each ends as the law says, and nobody is told twice.

Each strike has a batch of households of its own, whose facts change once before they apply. The script knows the contracts
and nothing else of the services; the ledger says which promise held.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from deploy.embedded.demo import Register, expect
from deploy.embedded.stack import Stack
from tests.faults.households import Case, cases
from tests.faults.ledger import COMPANY, Ledger, Stands
from tests.faults.strikes import Strike

SEED = 24
EVERY = [
    Strike(name, how)
    for how in ("killed", "hangs")
    for name in ("dossier", "eligibility", "priority", "notifications", "postgres", "kafka")
]
SAMPLE = [
    Strike("eligibility", "killed"),
    Strike("dossier", "hangs"),
    Strike("postgres", "killed"),
    Strike("kafka", "killed"),
]


def starter(case: Case) -> dict[str, str]:
    """Who starts, changes and submits it."""
    return {"candidate": case.adults["p1"]} if case.online else {"case_worker": COMPANY}


async def know(register: Register, case: Case) -> None:
    """Let the sources know who is known to them."""
    for number, facts in case.known.items():
        expect(await register.call("PUT", "sources", f"/persons/{number}", json=facts), 204)


async def declare(register: Register, case: Case) -> str:
    """As the people of this household would, who first told something else; the dossier's id."""
    key, who = {"Idempotency-Key": case.name}, starter(case)
    answer = await register.call("POST", "dossier", "/v1/dossiers", json=case.first, headers=key, **who)
    path = f"/v1/dossiers/{expect(answer, 201).json()['id']}"
    newest = 1
    for told in range(1, case.versions):
        facts, newer = case.post if told % 2 else case.first, {"If-Match": f'"{newest}"'}
        members = {"members": facts["household"]["members"]}
        answer = await register.call("PUT", "dossier", f"{path}/household", json=members, headers=newer, **who)
        lost = expect(answer, 200, 412).status_code == 412  # it was stored, and the answer was lost
        newest = (await register.get("dossier", path, **who) if lost else answer.json())["facts_version"]
    return path.rpartition("/")[2]


async def submit(register: Register, id: str, case: Case) -> None:
    path = f"/v1/dossiers/{id}/submission"
    expect(await register.call("POST", "dossier", path, **starter(case)), 202)


async def confirm(register: Register, id: str, member: str, own: str) -> None:
    path = f"/v1/dossiers/{id}/members/{member}/confirmation"
    expect(await register.call("POST", "dossier", path, candidate=own), 204)


async def sign_up(register: Register, case: Case) -> str:
    """Declare, submit and confirm, each for himself; the dossier's id."""
    id = await declare(register, case)
    await submit(register, id, case)
    for member, own in case.adults.items():
        await confirm(register, id, member, own)
    return id


async def apply(register: Register, case: Case) -> str:
    """All of that; the dossier's id."""
    await know(register, case)
    return await sign_up(register, case)


async def under(
    strike: Callable[[], Coroutine[Any, Any, None]], households: list[Case], stack: Stands, register: Register
) -> dict[str, str]:
    """Strike while they apply, the first ones before; what the ledger says."""
    before, after = households[: len(households) // 4], households[len(households) // 4 :]
    ids = list(await asyncio.gather(*(apply(register, case) for case in before)))
    struck = asyncio.create_task(strike())
    try:
        ids += await asyncio.gather(*(apply(register, case) for case in after))
    finally:
        await struck
    dossiers = dict(zip(ids, households, strict=True))
    assert len(dossiers) == len(households), "two households got one dossier"
    return await Ledger(stack, register, dossiers).check()


def broken(held: dict[str, dict[str, str]], title: str) -> dict[tuple[str, str], str]:
    """Print what held under which strike; what did not, and why."""
    table = Table("", *next(iter(held.values())), title=title)
    for strike, promises in held.items():
        table.add_row(strike, *("no" if why else "held" for why in promises.values()))
    Console(width=160).print(table)
    return {(strike, promise): why for strike, found in held.items() for promise, why in found.items() if why}


@pytest.mark.parametrize(
    ("strikes", "each"),
    [
        pytest.param(SAMPLE, 8, id="sample", marks=pytest.mark.timeout(300)),
        pytest.param(EVERY, 42, id="all", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
async def test_whatever_is_struck_every_promise_holds(
    stack: Stack, register: Register, strikes: list[Strike], each: int, tmp_path: Path
) -> None:
    addresses = {name: base for name, base in stack.addresses.items() if name != "pids"}
    households = await asyncio.to_thread(cases, each * len(strikes), SEED + each, tmp_path)
    assert {(case.online, case.status) for case in households} == {
        (online, status) for online in (True, False) for status in ("registered", "under_investigation")
    }
    held = {
        str(strike): await under(
            partial(strike, stack, register), households[n * each : (n + 1) * each], stack, register
        )
        for n, strike in enumerate(strikes)
    }
    assert not broken(held, f"{each} households each, seed {SEED + each}")
    assert {name: base for name, base in stack.addresses.items() if name != "pids"} == addresses
