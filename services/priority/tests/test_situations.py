"""A request about a housing situation is read by a person, decided once and with reasons, and told of; it is no second list."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from .conftest import AGREED, CANDIDATE, FOR, Priority, candidacy

ID = uuid4()
NUMBER = "2019.04.02.0007"


async def ask(priority: Priority, role: str = "candidate", dossier: str = str(ID), **held: str) -> httpx.Response:
    if role == "candidate":
        held.setdefault("person", CANDIDATE)
    body = {"dossier": dossier, "text": "The ceiling comes down.", "documents": ["a-17"]}
    return await priority.post("/v1/situations", body, role, **held)


async def review(
    priority: Priority, situation: str, decision: str, group: str | None = None, **held: Any
) -> httpx.Response:
    body = {"decision": decision, "group": group, "reasons": held.pop("reasons", "Declared uninhabitable.")}
    return await priority.post(f"/v1/situations/{situation}/review", body, **held)


@pytest.fixture
async def asked(priority: Priority) -> str:
    await priority.hear(candidacy(NUMBER, dossier=ID))
    await priority.agreed()
    answer = await ask(priority)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize(("decision", "group"), [("priority", "elderly"), ("forwarded", "homeless"), ("refused", None)])
async def test_it_is_decided_with_reasons_and_told(
    priority: Priority, asked: str, decision: str, group: str | None
) -> None:
    (waits,) = (await priority.get("/v1/situations")).json()
    assert (waits["id"], waits["dossier"], waits["decision"], waits["documents"]) == (asked, NUMBER, None, ["a-17"])
    assert (await review(priority, asked, decision, group)).status_code == 200
    assert (await priority.get("/v1/situations")).json() == []
    (seen,) = (await priority.get(f"/v1/situations?dossier={ID}", role="candidate", person=CANDIDATE)).json()
    assert (seen["decision"], seen["group"], seen["reasons"]) == (decision, group, ["Declared uninhabitable."])
    said = [
        {"type": "SituationReviewed", "dossier": str(ID), "number": NUMBER, "situation": asked, "decision": decision}
    ]
    assert await priority.said() == said  # neither the group nor the reasons
    again = await review(priority, asked, "refused")
    assert (again.status_code, "reviewed already" in again.text) == (409, True)
    assert await priority.said() == said
    assert (await ask(priority)).status_code == 201, "another situation is another request"


async def test_what_is_forwarded_waits_at_the_referrer_until_somebody_refers(priority: Priority, asked: str) -> None:
    async def waits(organisation: str) -> list[str]:
        return [
            one["id"] for one in (await priority.get("/v1/situations", role="helper", organisation=organisation)).json()
        ]

    assert await waits("caw") == []
    await review(priority, asked, "forwarded", "homeless")
    assert (await waits("caw"), await waits("mind-the-gap"), await waits("unknown")) == ([asked], [], [])
    referral = (await priority.refer(NUMBER)).json()["id"]
    assert await waits("caw") == []
    path, why = f"/v1/referrals/{referral}/retraction", {"reasons": "Another service guides him now."}
    assert (await priority.post(path, why, "helper", organisation="caw")).status_code == 200
    assert await waits("caw") == [asked], "nobody refers it now: it is lost to no referrer"


async def test_what_is_forwarded_is_read_by_the_referrers_of_the_agreement_it_was_reviewed_under_alone(
    priority: Priority, asked: str
) -> None:
    def other(referrer: str) -> dict[str, Any]:
        groups = AGREED["groups"]
        return {"groups": {**groups, "homeless": {**groups["homeless"], "referrers": [referrer, "shared"]}}}

    async def reads() -> list[str]:
        names = ("caw", "elsewhere", "later", "shared")
        seen = {one: await priority.get("/v1/situations", role="helper", organisation=one) for one in names}
        return [one for one, answer in seen.items() if answer.json()]

    await priority.agreed(municipalities=["24011"], **other("elsewhere"))  # where this dossier wants no home
    await review(priority, asked, "forwarded", "homeless")
    assert await reads() == ["caw"]
    now = next(one for one in (await priority.get("/v1/agreements")).json() if "24062" in str(one))
    made = await priority.post("/v1/agreements", AGREED | other("later") | {"from": "2024-06-01"}, "council")
    await priority.post(f"/v1/agreements/{made.json()['id']}/adoption", FOR | {"ends": now["id"]}, "council")
    assert len((await priority.http.get("/v1/priorities?municipality=24062")).json()) == 1
    assert await reads() == ["caw"], "what the later agreement names is no leave to read what was forwarded before"


async def test_a_priority_comes_first_for_a_home_that_is_kept_for_it_and_only_there(
    priority: Priority, asked: str
) -> None:
    await priority.hear(candidacy("2018.01.01.0001"))
    await review(priority, asked, "priority", "elderly")
    assert (await priority.free("kept", target_group="elderly")).status_code == 201
    await priority.free("other")
    kept, other = await priority.next("kept"), await priority.next("other")
    assert [first["dossier"] for first in kept["order"]] == [NUMBER, "2018.01.01.0001"]
    assert kept["order"][0]["because"] == ["fitting_size", "target_group", "registration_date"]
    assert [first["dossier"] for first in other["order"]] == ["2018.01.01.0001", NUMBER]


async def test_vlabinvests_priority_comes_first_in_both_pillars_where_the_agreement_says_so(
    priority: Priority, asked: str
) -> None:
    tied = [{"municipality": "24062", "from": "2012-01-01"}]
    await priority.hear(first := candidacy("2018.01.01.0001", residence=tied), candidacy("2018.01.01.0002"))
    agreed = (await priority.get("/v1/agreements")).json()[0]["id"]
    assert (await review(priority, asked, "priority", "vlabinvest")).status_code == 422
    made = await priority.post("/v1/agreements", AGREED | {"from": "2024-06-01", "vlabinvest": True}, "council")
    adoption = f"/v1/agreements/{made.json()['id']}/adoption"
    assert (await priority.post(adoption, FOR | {"ends": agreed}, "council")).status_code == 200
    assert (await review(priority, asked, "priority", "vlabinvest")).status_code == 200
    await priority.free("w1")
    home = await priority.next("w1")
    assert [one["dossier"] for one in home["order"]] == [NUMBER, "2018.01.01.0001", "2018.01.01.0002"]
    assert home["order"][0]["because"] == ["fitting_size", "vlabinvest", "registration_date"]
    (his,) = (await priority.get(f"/v1/dossiers/{ID}/positions")).json()
    (tied_one,) = (await priority.get(f"/v1/dossiers/{first.dossier}/positions")).json()
    assert (his["position"], his["before"]) == (1, {})
    assert (tied_one["position"], tied_one["before"]) == (2, {"vlabinvest": 1})
    assert "1 met voorrang van Vlabinvest" in tied_one["text"]["nl"]
    (told,) = (await priority.http.get("/v1/priorities?municipality=24062")).json()
    assert told["vlabinvest"] is True
    assert (await priority.propose("w1")).status_code == 201  # turn 1 is of standard; 2 of the homeless
    for number in ("2018.01.01.0002", "2018.01.01.0001"):
        await priority.refer(number)
    other = await ask(priority, "case_worker", str(first.dossier))
    assert (await review(priority, other.json()["id"], "priority", "vlabinvest")).status_code == 200
    await priority.free("w2")
    referred = await priority.next("w2")
    assert referred["turn"]["to"] == "homeless"
    assert [(one["dossier"], one["because"]) for one in referred["order"]] == [
        ("2018.01.01.0001", ["vlabinvest", "oldest_referral"]),
        ("2018.01.01.0002", ["oldest_referral"]),
    ]


@pytest.mark.parametrize(
    ("decision", "group", "status"),
    [
        ("priority", "homeless", 422),
        ("priority", None, 422),
        ("forwarded", "elderly", 422),
        ("refused", "elderly", 422),
        ("granted", None, 422),
    ],
)
async def test_a_decision_names_a_group_of_its_own_kind(
    priority: Priority, asked: str, decision: str, group: str | None, status: int
) -> None:
    assert (await review(priority, asked, decision, group)).status_code == status
    assert await priority.said() == []
    assert len((await priority.get("/v1/situations")).json()) == 1


@pytest.mark.parametrize("reasons", ["", [], [""], " ", ["Seen.", "\n"]])
async def test_reasons_are_obligatory(priority: Priority, asked: str, reasons: object) -> None:
    assert (await review(priority, asked, "refused", reasons=reasons)).status_code == 422
    assert await priority.said() == []


async def test_it_is_the_candidates_own_or_asked_at_the_counter_of_his_company(priority: Priority) -> None:
    await priority.hear(candidacy(NUMBER, dossier=ID))
    assert (await ask(priority, person="90010112313")).status_code == 404
    assert (await ask(priority, "case_worker", company="kanvaz")).status_code == 404
    assert (await ask(priority, "helper", organisation="caw")).status_code == 403
    assert (await ask(priority, dossier="2019.04.02.0099")).status_code == 404
    made = await ask(priority, "case_worker", dossier=NUMBER)
    assert made.status_code == 201
    assert (
        await priority.get(f"/v1/situations?dossier={ID}", role="candidate", person="90010112313")
    ).status_code == 404
    assert (await review(priority, made.json()["id"], "refused", company="kanvaz")).status_code == 404
    assert (await review(priority, str(uuid4()), "refused")).status_code == 404
    assert (await priority.get("/v1/situations", role="candidate", person=CANDIDATE)).status_code == 422


@pytest.mark.parametrize("status", ["struck", "refused", "withdrawn", "housed"])
async def test_a_dossier_that_waits_for_nothing_asks_for_nothing(priority: Priority, status: str) -> None:
    await priority.hear(candidacy(NUMBER, dossier=ID, status=status))
    refused = await ask(priority)
    assert (refused.status_code, status in refused.text) == (409, True)


async def test_one_request_at_a_time_also_when_two_come_at_once(priority: Priority, asked: str) -> None:
    assert (await ask(priority)).status_code == 409
    await review(priority, asked, "refused")
    both = await asyncio.gather(ask(priority), ask(priority))
    assert sorted(answer.status_code for answer in both) == [201, 409]


async def test_two_reviews_at_once_are_one(priority: Priority, asked: str) -> None:
    both = await asyncio.gather(review(priority, asked, "refused"), review(priority, asked, "forwarded", "young"))
    assert sorted(answer.status_code for answer in both) == [200, 409]
    assert len(await priority.said()) == 1


async def test_a_priority_is_of_the_company_that_gave_it(priority: Priority, asked: str) -> None:
    await priority.hear(candidacy("2018.01.01.0001"))
    await review(priority, asked, "priority", "elderly")
    async with priority.service.database.work() as work:
        await work.connection.execute(sa.text("UPDATE situations SET company = 'kanvaz'"))
    await priority.free("kept", target_group="elderly")
    assert (await priority.next("kept"))["order"][0]["dossier"] == "2018.01.01.0001"
