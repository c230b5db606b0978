"""Deciding leaves the process free: whatever comes, its health is answered within a second."""

import asyncio
import gc
from collections.abc import Awaitable
from time import process_time
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord

from cir_schemas import HouseholdRecorded

from .build import EXCEPTIONS
from .conftest import Eligibility

MEMBERS, INCOMES, RIGHTS = 50, 20, 20  # the most that is taken
SOONEST = 1.0  # seconds within which an orchestrator is answered; of the processor, for others use it as well


def worst() -> dict[str, Any]:
    """A household at the caps, with as much unknown as can be: every claim pending, every amount to be given."""
    claims = {"recent_income": {"months": 3}, "set_aside": {"ground": "budget_guidance"}, "no_income_declared": {}}
    rights = [{"right": "full_ownership", "exception": EXCEPTIONS[n % len(EXCEPTIONS)]} for n in range(RIGHTS)]
    incomes = [{"year": 2023 - n, "jointly_taxable": "20000.00"} for n in range(INCOMES)]
    member = {**claims, "real_rights": rights, "incomes": incomes, "dependant": True}
    roles = ("applicant", "partner", *["co_resident"] * (MEMBERS - 2))
    return {"members": [{"id": f"m{n}", "role": role, **member} for n, role in enumerate(roles)]}


def batch(events: int) -> Any:
    """As many of them as Kafka would hand over."""
    dossier, test = uuid4(), {"id": str(uuid4()), "moment": "registration", "reference_date": "2024-03-20"}
    one = HouseholdRecorded.model_validate(
        {"dossier": dossier, "version": 1, "facts_version": 1, "household": worst(), "test": test}
    )
    value, records = one.value(), []
    for offset in range(events):
        id_ = str(uuid4())
        headers = one.headers() | {"ce_subject": id_, "ce_id": str(uuid4())}
        own = value.replace(str(dossier).encode(), id_.encode())
        wire = [(name, text.encode()) for name, text in headers.items()]
        records.append(ConsumerRecord("cir.household.v1", 0, offset, 0, 0, id_.encode(), own, None, 0, 0, wire))
    return SimpleNamespace(raw_message=tuple(records))


# 500 is the most that is consumed together: 108 MB, which in one transaction held the loop for 1.2 s, and in pieces 0.25 s.
@pytest.mark.parametrize("events", [60, pytest.param(500, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_health_answers_while_the_worst_batch_is_decided(eligibility: Eligibility, events: int) -> None:
    for probe in eligibility.service.probes:
        probe.up.set()
    assert await longest_silence(eligibility, eligibility.service.consumer.deliver(batch(events))) < SOONEST
    assert len(await eligibility.rows()) == events


async def test_health_answers_while_many_ask_for_the_worst_preview(eligibility: Eligibility) -> None:
    async def ask() -> None:
        answer = await eligibility.http.post("/v1/preview", json=worst() | {"reference_date": "2024-03-20"})
        assert answer.status_code == 200

    assert await longest_silence(eligibility, asyncio.gather(*(ask() for _ in range(20)))) < SOONEST


async def longest_silence(eligibility: Eligibility, work: Awaitable[Any]) -> float:
    """The longest that health was not answered during that work, in seconds of the processor."""
    gc.collect()
    gc.freeze()  # as a service does when it has started: what other tests left is no heap of its own
    working = asyncio.ensure_future(work)
    answered, longest = process_time(), 0.0
    while not working.done():
        assert (await eligibility.http.get("/health/live")).status_code == 200
        longest, answered = max(longest, process_time() - answered), process_time()
        await asyncio.sleep(0.01)
    gc.unfreeze()
    await working
    return longest
