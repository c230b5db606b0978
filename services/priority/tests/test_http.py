"""A request that is repeated under its key is one request, whatever it asks; what is published of shares is exact."""

import asyncio
import json
from typing import Any

import pytest

from .conftest import AGREED, FOR, Priority, candidacy
from .test_access import ACTORS, CALLS, ID, NUMBER, prepared

POSTS = {
    "propose": "its council",
    "adopt": "its council",
    "review": "the company",
    "request": "the candidate",
    "refer": "the referrer",
    "announce": "the company",
    "propose an offer": "the company",
    "answer": "the candidate",
    "withdraw": "the company",
}


@pytest.mark.parametrize("what", POSTS)
async def test_a_post_that_is_repeated_under_its_key_has_one_effect_and_one_answer(
    priority: Priority, what: str
) -> None:
    named = await prepared(priority)
    if what == "request":
        await priority.post(f"/v1/situations/{named['situation']}/review", {"decision": "refused", "reasons": "mended"})
    before = len(await priority.said())
    (_, path, body), *_ = CALLS[what]
    role, held = ACTORS[POSTS[what]]
    answers = [await priority.post(path.format(**named), body, role, "a-key", **held) for _ in range(3)]
    assert answers[0].is_success, answers[0].text
    first, *repeats = [(answer.status_code, json.loads(answer.text or "null")) for answer in answers]
    assert repeats == [first, first]
    assert len(await priority.said()) == before + (what not in ("propose", "adopt", "request", "announce"))
    company = {"role": "case_worker"}
    assert len((await priority.get("/v1/agreements", **company)).json()) == 2 + (what == "propose")
    assert len((await priority.get(f"/v1/situations?dossier={ID}", **company)).json()) == 1 + (what == "request")


async def test_a_key_is_of_one_caller_one_request_and_one_place(priority: Priority) -> None:
    named = await prepared(priority)
    first = await priority.post("/v1/agreements", AGREED, "council", "a-key")
    other = await priority.post("/v1/agreements", AGREED | {"planned": 20}, "council", "a-key")
    assert (other.status_code, other.json()["errors"][0]["path"]) == (422, "header.Idempotency-Key")
    elsewhere = [f"/v1/agreements/{id}/adoption" for id in (named["proposed"], first.json()["id"])]
    assert (await priority.post(elsewhere[0], FOR, "council", "another")).status_code == 200
    assert (await priority.post(elsewhere[1], FOR, "council", "another")).status_code == 422
    theirs = {"company": "kanvaz", "municipalities": ["12025"]}
    assert (
        await priority.post("/v1/agreements", AGREED | theirs, "council", "a-key", company="kanvaz")
    ).status_code == 201
    assert (await priority.post("/v1/agreements", AGREED, "council", "")).status_code == 201, "no key"


async def test_what_was_refused_leaves_no_answer_behind(priority: Priority) -> None:
    await priority.hear(candidacy(NUMBER, dossier=ID))
    body = {"dossier": NUMBER, "company": "dijledal", "municipality": "24062", "group": "homeless", "reasons": "evicted",
            "guidance_plan": "weekly"}  # fmt: skip
    refused = await priority.post("/v1/referrals", body, "helper", "a-key", organisation="caw")
    await priority.agreed()
    after = await priority.post("/v1/referrals", body, "helper", "a-key", organisation="caw")
    assert (refused.status_code, after.status_code) == (409, 201)


async def test_a_request_and_its_repeat_at_once_are_one(priority: Priority) -> None:
    await priority.hear(candidacy(NUMBER, dossier=ID))
    await priority.agreed()
    (_, path, body), *_ = CALLS["refer"]
    role, held = ACTORS["the referrer"]
    answers = await asyncio.gather(*(priority.post(path, body, role, "a-key", **held) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(await priority.said()) == 1


@pytest.mark.parametrize(
    ("accelerated", "share", "public"),
    [("0.2", "0.1", "0.02"), ("0.123456789", "1", "0.123456789"), ("0.00005", "0.1", "0.000005"), ("1", "1", "1")],
)
async def test_a_share_is_told_exactly(priority: Priority, accelerated: str, share: str, public: str) -> None:
    groups: dict[str, Any] = {"homeless": AGREED["groups"]["homeless"] | {"share": share}}
    if share != "1":
        groups["young"] = AGREED["groups"]["young"] | {"share": str(1 - float(share))}
    await priority.agreed(accelerated_share=accelerated, groups=groups)
    (told,) = (await priority.http.get("/v1/priorities?municipality=24062")).json()
    assert told["accelerated"][0]["share"] == public
