"""Households apply while services die: each ends as the law says, and nobody is told twice, or told what is not for him.

The script knows the contracts and nothing else of the services.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.demo import Register, expect, until
from deploy.embedded.stack import Stack
from tests.end_to_end.households import Case, cases

COMPANY = "dijledal"
MORTAL = ("eligibility", "notifications", "dossier")


async def apply(register: Register, case: Case) -> str:
    """As the people of this household would; the dossier's id."""
    number = case.adults["p1"]
    key = {"Idempotency-Key": case.name}
    answer = await register.call("POST", "dossier", "/v1/dossiers", json=case.post, headers=key, candidate=number)
    id: str = expect(answer, 201).json()["id"]
    expect(await register.call("POST", "dossier", f"/v1/dossiers/{id}/submission", candidate=number), 202)
    for member, own in case.adults.items():
        path = f"/v1/dossiers/{id}/members/{member}/confirmation"
        expect(await register.call("POST", "dossier", path, candidate=own), 204)
    return id


async def kill_in_turn(stack: Stack, done: asyncio.Event, register: Register) -> int:
    """Kill one after the other, each once the one before is back; how many deaths there were."""
    for count, name in enumerate(itertools.cycle(MORTAL)):
        if done.is_set() and count >= len(MORTAL):
            return count
        killed = stack.kill(name)
        await until(partial(is_another, stack, name, killed), f"{name} was not started again", 60)
        await until(is_ready(register, name), f"{name} is not back", 60)
    raise AssertionError


async def is_another(stack: Stack, name: str, killed: int) -> bool:
    """Whether another process stands in its place."""
    return stack.children[name].pid not in (None, killed)


def is_ready(register: Register, name: str) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return (await register.call("GET", name, "/health/ready")).status_code == 200

    return ready


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
@pytest.mark.timeout(300)
async def test_households_apply_while_services_are_killed(
    stack: Stack, register: Register, count: int, tmp_path: Path
) -> None:
    applicants = await asyncio.to_thread(cases, count, count, tmp_path)
    assert {case.status for case in applicants} == {"registered", "under_investigation"}
    addresses = {name: base for name, base in stack.addresses.items() if name != "pids"}

    applied = asyncio.Event()
    killer = asyncio.create_task(kill_in_turn(stack, applied, register))
    try:
        ids = await asyncio.gather(*(apply(register, case) for case in applicants))
    finally:
        applied.set()
        deaths = await killer
    assert deaths >= len(MORTAL)
    assert {name: base for name, base in stack.addresses.items() if name != "pids"} == addresses

    dossiers = dict(zip(ids, applicants, strict=True))
    assert len(dossiers) == count, "two households got one dossier"
    await asyncio.gather(*(stands_as_the_law_says(register, id, case) for id, case in dossiers.items()))
    await asyncio.gather(*(is_told_once(register, id, case) for id, case in dossiers.items()))

    silent = {
        case.post["help"]["email"] for case in applicants if case.post["help"] and not case.post["help"]["inform"]
    }
    assert silent
    mails = await register.get("mails", "/messages")
    assert not silent & {mail["to"] for mail in mails}
    came = Counter(mail["to"] for mail in mails)
    due = Counter(to for case in applicants for _, _, to in case.mails)
    assert {to: came[to] for to in due} == due

    numbers = {id: (await read(register, id))["number"] for id in dossiers}
    assert len(set(numbers.values())) == count
    registered = {numbers[id] for id, case in dossiers.items() if case.status == "registered"}

    async def the_list_holds_them() -> bool:
        there = await register.get("priority", "/v1/waiting-list?municipality=24062", case_worker=COMPANY)
        return registered == {place["dossier"] for place in there} & set(numbers.values())

    await until(the_list_holds_them, "the waiting list does not hold exactly the registered")


async def read(register: Register, id: str) -> Any:
    return await register.get("dossier", f"/v1/dossiers/{id}", case_worker=COMPANY)


async def stands_as_the_law_says(register: Register, id: str, case: Case) -> None:
    async def stands() -> bool:
        dossier = await read(register, id)
        return (dossier["pending"], dossier["status"]) == ([], case.status)

    await until(stands, f"{case.name} is not {case.status}", 90)
    assessment = (await read(register, id))["assessment"]
    for key in ("outcome", "conditions", "asks", "could_claim"):
        assert assessment[key] == case.verdict[key], case.name


async def is_told_once(register: Register, id: str, case: Case) -> None:
    """Exactly the mails that are due, one per (event, recipient)."""

    async def told() -> bool:
        messages = await register.messages(id, COMPANY)
        boxes = {(mail["message_id"], mail["to"]) for mail in await register.get("mails", "/messages")}
        sent = [m for m in messages if m["channel"] == "email"]
        assert len({(m["event"], m["audience"], m["channel"]) for m in messages}) == len(messages)
        addresses = {audience: to for audience, _, to in case.mails}
        came = [(m["audience"], m["kind"], addresses.get(m["audience"], "nobody")) for m in sent]
        return sorted(came) == case.mails and all((m["message_id"], addresses[m["audience"]]) in boxes for m in sent)

    await until(told, f"{case.name} was not told exactly {case.mails}", 90)
