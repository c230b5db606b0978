"""What happens to a household once it is registered, or before it applied, over all four services as they run."""

import json
from typing import Any
from uuid import uuid4

import asyncpg

from deploy.embedded.demo import COMPANIES, Played, Register, expect, play_one, until
from deploy.embedded.smoke import ONE
from deploy.embedded.stack import Stack

COMPANY = COMPANIES[ONE.post["municipality"]]


async def stands(register: Register, id_: str) -> tuple[str, list[str]]:
    found = await register.get("dossier", f"/v1/dossiers/{id_}", case_worker=COMPANY)
    return found["status"], found["pending"]


async def change(register: Register, played: Played, **facts: Any) -> None:
    """The candidate declares other facts of himself."""
    [member] = played.sample.members
    path = f"/v1/dossiers/{played.id}"
    version = (await register.get("dossier", path, candidate=member["number"]))["facts_version"]
    headers, body = {"If-Match": f'"{version}"'}, {"members": [member | facts]}
    put = await register.call(
        "PUT", "dossier", f"{path}/household", headers=headers, json=body, candidate=member["number"]
    )
    expect(put, 200)


async def test_a_registered_household_that_grows_rich_is_tested_anew_and_comes_back(register: Register) -> None:
    played = Played(ONE.as_another(951, "grows_rich"))
    await play_one(register, played, lambda: None)
    assert not played.missing

    async def listed() -> bool:
        there = await register.get("priority", "/v1/waiting-list?municipality=24062", case_worker=COMPANY)
        return played.dossier["number"] in {place["dossier"] for place in there}

    async def not_listed() -> bool:
        return not await listed()

    async def is_at(status: str) -> bool:
        return await stands(register, played.id) == (status, [])

    await until(listed, "not on the list")
    await until(lambda: is_at("registered"), "not registered, with nothing pending")
    await change(register, played, balances="900000.00")
    await until(lambda: is_at("under_investigation"), "not under investigation")
    await until(not_listed, "still on the list")
    history = await register.get("dossier", f"/v1/dossiers/{played.id}/history", case_worker=COMPANY)
    assert [act["kind"] for act in history] == [
        "start", "submit", "confirm", "assessed", "change_household", "open_test", "assessed"
    ]  # fmt: skip
    await change(register, played, balances="0")
    await until(lambda: is_at("registered"), "not registered again")
    await until(listed, "not on the list again")

    async def told() -> bool:
        kinds = [one["kind"] for one in await register.messages(played.id, COMPANY) if one["audience"] == "candidate"]
        return kinds == ["submitted", "registered", "under_investigation", "registered"]

    await until(told, "not told of each move once")


async def test_of_a_draft_that_is_erased_eligibility_keeps_nothing(register: Register, stack: Stack) -> None:
    sample = ONE.as_another(952, "erases_it")
    key, himself = {"Idempotency-Key": str(uuid4())}, {"candidate": sample.applicant}
    post = json.loads(json.dumps(sample.post))
    started = expect(await register.call("POST", "dossier", "/v1/dossiers", json=post, headers=key, **himself), 201)
    path = f"/v1/dossiers/{started.json()['id']}"
    database = await asyncpg.connect(stack.database("eligibility"))

    async def kept() -> tuple[int, bool]:
        known = "SELECT count(*) FROM assessments WHERE dossier::text = $1"
        facts = "SELECT household <> '{}' FROM households WHERE dossier::text = $1"
        id_ = path.rpartition("/")[2]
        return await database.fetchval(known, id_), bool(await database.fetchval(facts, id_))

    async def has(count: int, facts: bool) -> bool:
        return await kept() == (count, facts)

    try:
        await until(lambda: has(1, True), "the draft was not assessed")
        expect(await register.call("DELETE", "dossier", path, **himself), 204)
        await until(lambda: has(0, False), "eligibility keeps something of an erased draft")
    finally:
        await database.close()
    expect(await register.call("GET", "dossier", path, **himself), 404)
