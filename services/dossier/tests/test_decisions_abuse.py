"""Decisions, and the ways back from them, as one who cheats, errs or is unlucky meets them."""

import asyncio

from .conftest import BRAM, STRANGER, Register
from .test_decisions import WHY, _told, under_investigation


async def two_workers(register: Register) -> tuple[dict[str, str], dict[str, str]]:
    one, other = [await register.as_("case_worker", company="dijledal", person=who) for who in (BRAM, STRANGER)]
    return one, other


async def test_nobody_reads_that_a_decision_was_a_mistake_while_it_stands(register: Register) -> None:
    id_, (one, other) = await register.registered(), await two_workers(register)
    await register.act(id_, one, "hold", reasons=WHY)
    await register.act(id_, other, "strike", reasons=WHY)
    refused = await register.act(id_, one, "undo", reasons=WHY)
    assert (refused.status_code, "undo" in refused.json()["available"]) == (409, False)
    assert _told(await register.said()) == ["submitted", "registered", "on_hold", "struck"]


async def test_a_reinstatement_is_not_taken_back_by_who_refused(register: Register) -> None:
    id_, (one, other) = await under_investigation(register), await two_workers(register)
    await register.act(id_, one, "refuse", reasons=WHY)
    await register.act(id_, other, "reinstate", reasons=WHY)
    await register.assess(id_, "met")
    assert (await register.act(id_, one, "undo", reasons=WHY)).status_code == 409
    assert (await register.read(id_))["status"] == "registered"


async def test_a_hold_that_a_colleague_ended_is_not_taken_back(register: Register) -> None:
    id_, (one, other) = await register.registered(), await two_workers(register)
    await register.act(id_, one, "hold", reasons=WHY)
    await register.act(id_, other, "wake", reasons=WHY)
    assert (await register.act(id_, one, "undo", reasons=WHY)).status_code == 409


async def test_a_candidate_takes_back_nothing_once_the_company_decided(register: Register) -> None:
    id_, worker, anna = await register.registered(), await register.case_worker(), await register.candidate()
    await register.act(id_, anna, "hold")
    await register.act(id_, worker, "strike", reasons=WHY)
    await register.act(id_, worker, "reinstate", reasons=WHY)
    assert (await register.act(id_, anna, "undo", reasons=WHY)).status_code == 409
    assert _told(await register.said())[-1] == "reinstated"


async def test_a_double_click_takes_back_one_act_and_the_next_is_named(register: Register) -> None:
    id_, worker = await register.registered(), await register.case_worker()
    held = (await register.act(id_, worker, "hold", reasons=WHY)).json()["id"]
    await register.act(id_, worker, "strike", reasons=WHY)
    twice = await asyncio.gather(*(register.act(id_, worker, "undo", reasons=WHY) for _ in range(2)))
    first, second = sorted(twice, key=lambda answer: answer.status_code)
    assert (first.status_code, second.status_code, second.json()["acts"]) == (201, 409, [held])
    assert (await register.read(id_))["on_hold"]
    assert [one["id"] for one in await register.get(f"/{id_}/history", worker) if one["kind"] == "hold"] == [held]
    other = first.json()["id"]
    assert (await register.act(id_, worker, "undo", reasons=WHY, act=other)).status_code == 409
    assert (await register.act(id_, worker, "undo", reasons=WHY, act=held)).status_code == 201
    assert (await register.read(id_))["on_hold"] is None
