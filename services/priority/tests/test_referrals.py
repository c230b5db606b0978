"""A referral is answered at once: with certainty while there is room, refused when there is none; no second list."""

import asyncio
from datetime import date
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from priority.allocation import Offer, Vacancy
from priority.use_cases import tell_stranded

from .conftest import CANDIDATE, Priority, candidacy

NUMBERS = [f"2019.04.02.{n:04d}" for n in range(1, 6)]


@pytest.fixture
async def register(priority: Priority) -> Priority:
    await priority.hear(*(candidacy(number) for number in NUMBERS))
    return priority


async def room(priority: Priority, agreement: str) -> dict[str, int]:
    return dict((await priority.get(f"/v1/agreements/{agreement}/ledger")).json()["room"])


async def test_accepted_while_there_is_room_then_refused_and_on_no_list(register: Priority) -> None:
    agreement = await register.agreed()
    assert await room(register, agreement) == {"homeless": 3, "young": 2}
    answers = [(await register.refer(number)).json() for number in NUMBERS[:4]]
    assert [one["answer"] for one in answers] == ["accepted"] * 3 + ["refused"]
    assert "geen andere lijst" in answers[3]["text"]["nl"]
    assert await room(register, agreement) == {"homeless": 0, "young": 2}
    said = await register.said()
    assert [(one["type"], one["number"], one["answer"]) for one in said] == [
        ("ReferralAnswered", number, answer["answer"]) for number, answer in zip(NUMBERS[:4], answers, strict=True)
    ]  # fmt: skip
    assert not [one for one in said if "evicted" in str(one) or "homeless" in str(one)]
    await register.hear(candidacy(NUMBERS[0], version=2, dossier=said[0]["dossier"], status="withdrawn"))
    assert (await room(register, agreement))["homeless"] == 1, "nobody keeps a place for who waits no more"
    assert (await register.refer(NUMBERS[3])).json()["answer"] == "accepted"
    listed = (await register.get("/v1/referrals", role="helper", organisation="caw")).json()
    assert [one["answer"] for one in listed] == ["accepted", "refused", "accepted", "accepted", "accepted"]
    assert (await register.get("/v1/referrals", role="helper", organisation="mind-the-gap")).json() == []


async def test_at_once_they_share_the_room_and_no_more(register: Priority) -> None:
    agreement = await register.agreed(planned=5)  # 1.5 of the homeless: 2
    answers = await asyncio.gather(*(register.refer(number) for number in NUMBERS))
    assert sorted(one.json()["answer"] for one in answers) == ["accepted"] * 2 + ["refused"] * 3
    assert (await room(register, agreement))["homeless"] == 0


async def test_a_referral_waits_for_a_choice_of_another_company(register: Priority) -> None:
    """Each company's decisions wait for one another; what two of them decide of one dossier does too."""
    await register.agreed()
    async with register.service.database.work() as work:
        await work.find(NUMBERS[0], lock=True)
        referring = asyncio.create_task(register.refer(NUMBERS[0]))
        await register.until_waiting()
        found = await work.find(NUMBERS[0])
        assert found
        home = Vacancy("almere", "a1", "a1", "24062", None, 1, 1, 2, None, date(2024, 6, 1), 400_00)
        work.allocation.vacancies.put(home)
        who = (found.dossier, NUMBERS[0], "checking", True, work.clock.now())
        work.allocation.offers.put(Offer(uuid4(), "almere", "a1", *who))
    assert (await referring).status_code == 409


async def test_a_retraction_waits_for_a_lease_that_is_being_signed(register: Priority) -> None:
    await register.agreed()
    path = f"/v1/referrals/{(await register.refer(NUMBERS[0])).json()['id']}/retraction"
    async with register.service.database.work() as work:
        await work.allocation.hold("dijledal")
        retracting = asyncio.create_task(register.post(path, {"reasons": "moved"}, "helper", organisation="caw"))
        await register.until_waiting()
        found = await work.find(NUMBERS[0])
        assert found
        home = Vacancy("dijledal", "w1", "w1", "24062", None, 1, 1, 2, None, date(2024, 6, 1), 400_00)
        work.allocation.vacancies.put(home)
        who = (found.dossier, NUMBERS[0], "signed", True, work.clock.now())
        work.allocation.offers.put(Offer(uuid4(), "dijledal", "w1", *who))
    answer = await retracting
    assert (answer.status_code, "fulfilled" in answer.text) == (409, True)


async def test_a_dossier_is_referred_once(register: Priority) -> None:
    await register.agreed()
    both = await asyncio.gather(register.refer(NUMBERS[0]), register.refer(NUMBERS[0]))
    assert sorted(one.status_code for one in both) == [201, 409]
    other = await register.refer(NUMBERS[0], "young", "mind-the-gap")
    assert (other.status_code, "referred already" in other.text) == (409, True)
    assert len(await register.said()) == 1


@pytest.mark.parametrize(
    ("group", "organisation", "changed", "status", "says"),
    [
        ("homeless", "mind-the-gap", {}, 403, "for homeless these organisations refer: caw"),
        ("rich", "caw", {}, 422, "There is: homeless, young"),
        ("homeless", "caw", {"company": "kanvaz"}, 409, "No agreement"),
        ("homeless", "caw", {"municipality": "24011"}, 409, "No agreement"),
        ("homeless", "caw", {"dossier": "2019.04.02.0099"}, 404, "no such dossier"),
        ("homeless", "caw", {"reasons": []}, 422, "reasons"),
        ("homeless", "caw", {"guidance_plan": ""}, 422, "guidance_plan"),
    ],
)
async def test_what_is_not_in_order_is_refused_with_the_reason(
    register: Priority, group: str, organisation: str, changed: dict[str, Any], status: int, says: str
) -> None:
    await register.agreed()
    answer = await register.refer(NUMBERS[0], group, organisation, **changed)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert await register.said() == []


async def test_who_is_struck_is_not_referred(register: Priority) -> None:
    await register.agreed()
    await register.hear(candidacy("2019.04.03.0001", status="struck"), candidacy(None, status="draft"))
    refused = await register.refer("2019.04.03.0001")
    assert (refused.status_code, "struck" in refused.text) == (409, True)


async def test_the_company_refers_where_the_council_named_it(register: Priority) -> None:
    await register.agreed()
    given = {"dossier": NUMBERS[0], "company": "dijledal", "municipality": "24062", "group": "young", "reasons": "x",
             "guidance_plan": "y"}  # fmt: skip
    assert (await register.post("/v1/referrals", given)).json()["answer"] == "accepted"
    assert (await register.post("/v1/referrals", given, company="kanvaz")).status_code == 403
    assert (await register.post("/v1/referrals", given, "candidate", person="85622300138")).status_code == 403


async def test_who_may_not_refer_learns_nothing_of_a_dossier(register: Priority) -> None:
    await register.agreed()
    await register.hear(candidacy("2019.04.03.0001", status="struck"))
    told = {
        (await register.refer(n, "homeless", "stranger")).text
        for n in (NUMBERS[0], "2019.04.03.0001", "2019.04.09.0001")
    }
    assert len(told) == 1


async def test_who_wants_no_home_there_is_promised_none(register: Priority) -> None:
    await register.agreed()
    await register.hear(candidacy("2019.04.03.0001", wants=[{"municipality": "24011", "company": "dijledal"}]))
    refused = await register.refer("2019.04.03.0001")
    assert (refused.status_code, "wants no home" in refused.text) == (409, True)


async def test_the_same_refusal_is_told_once_a_day(register: Priority) -> None:
    await register.agreed(planned=1)
    assert [(await register.refer(NUMBERS[0])).status_code for _ in range(2)] == [201, 409]
    assert len(await register.said()) == 1


async def test_a_candidate_and_his_company_read_who_referred(register: Priority) -> None:
    await register.agreed()
    dossier = (await register.refer(NUMBERS[0])) and (await register.said())[0]["dossier"]
    for who, ref in (({}, dossier), ({}, NUMBERS[0]), ({"role": "candidate", "person": CANDIDATE}, dossier)):
        (seen,) = (await register.get(f"/v1/referrals?dossier={ref}", **who)).json()
        assert (seen["organisation"], seen["answer"]) == ("caw", "accepted")
    assert (await register.get(f"/v1/referrals?dossier={dossier}", "kanvaz")).status_code == 404


async def test_who_referred_is_told_once_where_no_agreement_carries_on_what_was_promised(register: Priority) -> None:
    agreement, tell = await register.agreed(), partial(tell_stranded, register.service.background)
    kept, gone = [(await register.refer(number)).json()["id"] for number in NUMBERS[:2]]
    why = {"reasons": "He found a home."}
    retracted = await register.post(f"/v1/referrals/{gone}/retraction", why, "helper", organisation="caw")
    assert retracted.status_code == 200

    async def told() -> list[tuple[str, str]]:
        return [(one["referral"], one["why"]) for one in await register.said() if one["type"] == "ReferralHeldUp"]

    async def carried_on() -> bool:
        return bool((await register.get(f"/v1/agreements/{agreement}/ledger")).json()["carried_on"])

    for day, told_then in ((date(2024, 12, 31), []), (date(2025, 1, 1), [(kept, "agreement")])):
        register.service.clock.fixed = day
        for _ in range(2):
            await tell()
        assert (await told(), await carried_on()) == (told_then, not told_then)
    page = await register.page("GET", f"/council?agreement={agreement}", "council", held={"company": "dijledal"})
    assert "No agreement carries on what was promised to homeless: referrals that wait: 1" in page.text
    await register.agreed(**{"from": "2025-02-01", "through": "2025-12-31"})
    assert await carried_on(), "once one is adopted, also before it begins"
    await tell()
    assert len(await told()) == 1
