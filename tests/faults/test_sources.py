"""Families apply online while the sources are away, and while who asks them is killed: the end is the same as without.

Whom the sources know is registered and never asked for papers; whom they do not know is under investigation. The wait for
them is longer than any strike here (see `conftest`).
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from deploy.embedded.demo import Register, until
from deploy.embedded.stack import Stack
from dossier.facts.origins import sources_about
from dossier.facts.questions import LEASE
from tests.faults.households import CANDIDATES, Case, cases
from tests.faults.ledger import COMPANY, Ledger
from tests.faults.strikes import Strike
from tests.faults.test_doctor import outside
from tests.faults.test_faults import SEED, confirm, declare, know, sign_up, submit

FAMILIES = 20
Dossiers = dict[str, Case]


def families(seed: int, folder: Path) -> list[Case]:
    """Lone candidates and couples of whom the sources know all that matters, and at each end one of whom they know nothing."""
    known = [case for case in cases(200, seed, folder) if case.online and case.status == "registered"][:FAMILIES]
    assert (len(known), {len(case.adults) for case in known}) == (FAMILIES, {1, 2})
    strangers = [
        case
        for case in cases(40, seed + 1, folder, known=False)
        if case.online and not any(member.get("real_rights") for member in case.post["household"]["members"])
    ]
    return [strangers[0], *known, strangers[-1]]


@asynccontextmanager
async def away(stack: Stack, register: Register) -> AsyncIterator[None]:
    """The sources are killed and not there, until the end."""
    child = stack.children["sources"]
    sound = child.part
    child.part = replace(sound, command=["sleep", "infinity"])
    try:
        killed = stack.kill("sources")

        async def replaced() -> bool:
            return child.pid not in (None, killed)

        await until(replaced, "nothing was started in the place of the sources")
    finally:
        child.part = sound
    try:
        yield
    finally:
        stack.kill("sources")
        await register.get("sources", "/health/ready")


async def asked(stack: Stack, dossiers: list[str] | None = None) -> list[Any]:
    """The questions about these, or all that are open."""
    database = await outside(stack, "dossier")
    try:
        where = "answered_at IS NULL AND $1::text[] IS NULL OR dossier::text = ANY($1::text[])"
        return list(await database.fetch(f"SELECT * FROM questions WHERE {where}", dossiers))
    finally:
        await database.close()


async def none_counts(register: Register, dossiers: Dossiers) -> None:
    for id in dossiers:
        found = await register.get("dossier", f"/v1/dossiers/{id}", case_worker=COMPANY)
        assert (found["status"], "sources" in found["pending"]) == ("submitted", True)


async def killed_in_the_air(stack: Stack, register: Register, households: list[Case], lease: timedelta) -> Dossiers:
    """They start, and are asked about; the sources do not answer, and both are killed. The families go on meanwhile."""
    before = {question["id"] for question in await asked(stack)}
    stack.kill("sources", signal.SIGSTOP)
    async with asyncio.TaskGroup() as group:
        declaring = [group.create_task(declare(register, case)) for case in households]

        async def in_the_air() -> bool:
            new = [question for question in await asked(stack) if question["id"] not in before and question["tries"]]
            return any(question["due_at"] - question["asked_at"] > 0.9 * lease for question in new)

        await until(in_the_air, "nothing is asked")
        stack.kill("dossier")
        stack.kill("sources")
    dossiers = dict(zip((task.result() for task in declaring), households, strict=True))
    for id, case in dossiers.items():
        await submit(register, id, case)
        for member, own in case.adults.items():
            await confirm(register, id, member, own)
    return dossiers


async def as_without(stack: Stack, register: Register, dossiers: Dossiers, patience: float) -> None:
    """What the ledger promises; and each question was put once, answered once, and each answer is on record once."""
    held = await Ledger(stack, register, dossiers, patience).check()
    assert not {promise: why for promise, why in held.items() if why}
    due = {
        (id, member["number"], source)
        for id, case in dossiers.items()
        for member in case.post["household"]["members"]
        for source in sources_about("candidate" if member["role"] in CANDIDATES else "co_resident")
    }
    questions = await asked(stack, list(dossiers))
    assert sorted((str(one["dossier"]), one["person"], one["source"]) for one in questions) == sorted(due)
    assert [one for one in questions if not one["answered_at"]] == []
    database = await outside(stack, "dossier")
    try:
        doubled = await database.fetch(
            "SELECT dossier, key FROM statements WHERE layer = 'source' AND dossier::text = ANY($1::text[])"
            " GROUP BY dossier, person, key HAVING count(*) > 1",
            list(dossiers),
        )
    finally:
        await database.close()
    assert doubled == []


@pytest.mark.timeout(300)  # as long as the ledger may need to say what is wrong
async def test_a_question_outlives_the_source_and_who_asks(stack: Stack, register: Register, tmp_path: Path) -> None:
    households = await asyncio.to_thread(families, SEED + 300, tmp_path)
    for case in households:
        await know(register, case)
    half = len(households) // 2
    async with away(stack, register):
        ids = await asyncio.gather(*(sign_up(register, case) for case in households[:half]))
        dossiers = dict(zip(ids, households[:half], strict=True))

        async def all_tried() -> bool:
            return all(question["tries"] for question in await asked(stack, ids))

        await until(all_tried, "not all are asked")
        await none_counts(register, dossiers)
    await Strike("dossier", "killed")(stack, register)
    dossiers |= await killed_in_the_air(stack, register, households[half:], LEASE)
    await as_without(stack, register, dossiers, 90)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_question_outlives_a_minute_without_sources_and_its_whole_lease(
    stack: Stack, register: Register, tmp_path: Path
) -> None:
    households = await asyncio.to_thread(families, SEED + 400, tmp_path)
    for case in households:
        await know(register, case)
    half = len(households) // 2
    dossiers = await killed_in_the_air(stack, register, households[:half], LEASE)
    await register.get("sources", "/health/ready")
    async with away(stack, register):
        begun = monotonic()
        ids = await asyncio.gather(*(sign_up(register, case) for case in households[half:]))
        later = dict(zip(ids, households[half:], strict=True))
        await asyncio.sleep(60 - (monotonic() - begun))  # the fault itself
        await none_counts(register, later)
    await as_without(stack, register, dossiers | later, 240)
