"""Who checks an offer of a home is killed before, between and after its steps: each offer is answered once, as without.

Between the proposal and the question to the sources; while they are away; between their answers and the assessment; and the
proposals come once more at the end.
"""

import asyncio
import signal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from cir_schemas import OfferProposed
from deploy.embedded.demo import Register, until
from deploy.embedded.stack import Stack
from tests.faults.ledger import COMPANY
from tests.faults.strikes import Strike
from tests.faults.test_doctor import outside
from tests.faults.test_faults import SEED, know, sign_up
from tests.faults.test_sources import asked, away, families


async def publish(stack: Stack, offers: list[OfferProposed]) -> None:
    """As priority does."""
    async with AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{stack.ports['kafka']}") as producer:
        for event in offers:
            headers = [(name, text.encode()) for name, text in event.headers().items()]
            await producer.send_and_wait(event.topic, event.value(), key=event.key.encode(), headers=headers)


async def answers(stack: Stack, dossiers: list[str]) -> list[tuple[str, str]]:
    """Every answer to priority, sent or not: its type and the offer."""
    database = await outside(stack, "dossier")
    try:
        query = (
            "SELECT headers ->> 'ce_type' AS type, convert_from(value, 'UTF8')::json ->> 'offer' AS offer FROM outbox"
            " WHERE key = ANY($1::text[]) AND headers ->> 'ce_type' LIKE '%.Offer%'"
        )
        return [(one["type"].rpartition(".")[2], one["offer"]) for one in await database.fetch(query, dossiers)]
    finally:
        await database.close()


@pytest.mark.parametrize("many", [4, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.timeout(300)
async def test_an_offer_is_answered_once_whenever_who_checks_it_is_killed(
    stack: Stack, register: Register, tmp_path: Path, many: int
) -> None:
    households = (await asyncio.to_thread(families, SEED + 500 + many, tmp_path))[1 : many + 1]  # the sources know them
    for case in households:
        await know(register, case)
    ids = list(await asyncio.gather(*(sign_up(register, case) for case in households)))

    async def all_registered() -> bool:
        found = [await register.get("dossier", f"/v1/dossiers/{id}", case_worker=COMPANY) for id in ids]
        return all((one["status"], one["pending"]) == ("registered", []) for one in found)

    async def all_asked_again() -> bool:
        questions = [one for one in await asked(stack, ids) if one["ground"] == "offer"]
        return {str(one["dossier"]) for one in questions} == set(ids) and all(one["tries"] for one in questions)

    async def all_have_answered() -> bool:
        return all(one["answered_at"] for one in await asked(stack, ids))

    async def all_answered() -> bool:  # who was killed before the answers is started again meanwhile
        return len(await answers(stack, ids)) == len(ids) and stack.children["dossier"].pid not in (None, killed)

    await until(all_registered, "not all are registered", 90)
    numbers = [(await register.get("dossier", f"/v1/dossiers/{id}", case_worker=COMPANY))["number"] for id in ids]
    offers = [
        OfferProposed.model_validate({"dossier": UUID(id), "number": number, "offer": uuid4(), "company": "dijledal"})
        for id, number in zip(ids, numbers, strict=True)
    ]
    async with away(stack, register):
        await publish(stack, offers)
        await Strike("dossier", "killed")(stack, register)
        await until(all_asked_again, "the sources are not asked again", 60)
        await Strike("dossier", "killed")(stack, register)
        assert await answers(stack, ids) == []
        await publish(stack, offers[:1])
        stack.kill("eligibility", signal.SIGSTOP)
    try:
        await until(all_have_answered, "the sources do not answer", 60)
        killed = stack.kill("dossier")
    finally:
        stack.kill("eligibility", signal.SIGCONT)
    await until(all_answered, "not all are answered", 90)
    await publish(stack, offers)
    await Strike("dossier", "killed")(stack, register)
    await until(all_registered, "not all are as before", 90)
    assert sorted(await answers(stack, ids)) == sorted(("OfferConfirmed", str(event.offer)) for event in offers)
