"""Who may do what: each endpoint, asked by each role in each relation, answers as this table has it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from cir_chassis.login import Caller
from cir_chassis.problems import NotAllowed, NotFound
from priority import access, requests, use_cases
from priority.council import Agreement
from priority.store import PriorityWork

from .conftest import AGREED, CANDIDATE, FOR, Priority, candidacy

ID, NUMBER = uuid4(), "2019.04.02.0007"
ACTORS: Mapping[str, tuple[str, dict[str, str]]] = {
    "the candidate": ("candidate", {"person": CANDIDATE}),
    "another candidate": ("candidate", {"person": "90010112313"}),
    "the referrer": ("helper", {"organisation": "caw"}),
    "another organisation": ("helper", {"organisation": "elsewhere"}),
    "the company": ("case_worker", {"company": "dijledal"}),
    "another company": ("case_worker", {"company": "kanvaz"}),
    "its council": ("council", {"company": "dijledal"}),
    "another council": ("council", {"company": "kanvaz"}),
    "a rule author": ("rule_author", {}),
    "an operator": ("operator", {}),
}
VACANCY = {
    "id": "w2",
    "municipality": "24062",
    "company": "dijledal",
    "bedrooms": 1,
    "min_persons": 1,
    "max_persons": 2,
}
REFERRAL = {"dossier": NUMBER, "company": "dijledal", "municipality": "24062", "group": "homeless", "reasons": "evicted",
            "guidance_plan": "weekly"}  # fmt: skip
REVIEW = {"decision": "forwarded", "group": "homeless", "reasons": "evicted"}

Call = tuple[str, str, object]
CALLS: Mapping[str, tuple[Call, int, dict[str, int]]] = {
    # call, what a role is answered that is not named, and who is answered what: 403 tells the role, 404 hides the thing
    "waiting list": (
        ("GET", "/v1/waiting-list?municipality=24062", None),
        403,
        {"the company": 200, "another company": 404},
    ),
    "positions": (
        ("GET", f"/v1/dossiers/{ID}/positions", None),
        403,
        {"the candidate": 200, "another candidate": 404, "the company": 200, "another company": 404},
    ),
    "request": (
        ("POST", "/v1/situations", {"dossier": str(ID), "text": "The roof leaks."}),
        403,
        {"the candidate": 409, "another candidate": 404, "the company": 409, "another company": 404},
    ),  # 409: one waits already
    "requests of a dossier": (
        ("GET", f"/v1/situations?dossier={ID}", None),
        403,
        {
            "the candidate": 200,
            "another candidate": 404,
            "the company": 200,
            "another company": 404,
            "the referrer": 200,
            "another organisation": 200,
        },
    ),  # an organisation is told what is forwarded to it, whatever it asks for
    "requests that wait": (
        ("GET", "/v1/situations", None),
        403,
        {
            "the candidate": 422,
            "another candidate": 422,
            "the company": 200,
            "another company": 200,
            "the referrer": 200,
            "another organisation": 200,
        },
    ),
    "review": (
        ("POST", "/v1/situations/{situation}/review", REVIEW),
        403,
        {"the company": 200, "another company": 404},
    ),
    "refer": (
        ("POST", "/v1/referrals", REFERRAL),
        403,
        {"the referrer": 201},
    ),  # a company too, where the agreement names it
    "referrals made": (
        ("GET", "/v1/referrals", None),
        403,
        {
            "the referrer": 200,
            "another organisation": 200,
            "the company": 200,
            "another company": 200,
            "the candidate": 403,
        },
    ),
    "referrals of a dossier": (
        ("GET", f"/v1/referrals?dossier={ID}", None),
        403,
        {
            "the candidate": 200,
            "another candidate": 404,
            "the company": 200,
            "another company": 404,
            "the referrer": 404,
            "another organisation": 404,
        },
    ),
    "propose": (("POST", "/v1/agreements", AGREED), 403, {"its council": 201}),
    "adopt": (("POST", "/v1/agreements/{proposed}/adoption", FOR), 403, {"its council": 200, "another council": 404}),
    "agreements": (
        ("GET", "/v1/agreements", None),
        403,
        {"the company": 200, "another company": 200, "its council": 200, "another council": 200},
    ),
    "ledger": (
        ("GET", "/v1/agreements/{agreement}/ledger", None),
        403,
        {"the company": 200, "another company": 404, "its council": 200, "another council": 404},
    ),
    "priorities": (("GET", "/v1/priorities?municipality=24062", None), 200, {}),
    "announce": (("POST", "/v1/dwellings", VACANCY), 403, {"the company": 201}),
    "next": (("GET", "/v1/dwellings/w1/next", None), 403, {"the company": 200, "another company": 404}),
    "choose": (
        ("POST", "/v1/dwellings/w1/choice", {"turn": 1, "dossier": NUMBER}),
        403,
        {"the company": 204, "another company": 404},
    ),
}


async def prepared(priority: Priority) -> dict[str, str]:
    """Whatever a path names: a request that waits, an agreement in force and one that is proposed, a dwelling that is free."""
    await priority.hear(candidacy(NUMBER, dossier=ID))
    agreement = await priority.agreed()
    asked = await priority.post("/v1/situations", {"dossier": NUMBER, "text": "The roof leaks."})
    later = AGREED | {"from": "2025-01-01", "through": "2025-12-31"}
    proposed = await priority.post("/v1/agreements", later, "council")
    assert (await priority.free("w1")).status_code == 201
    return {"agreement": agreement, "situation": asked.json()["id"], "proposed": proposed.json()["id"]}


@pytest.mark.parametrize("who", ACTORS)
async def test_each_endpoint_answers_each_role_in_each_relation_as_the_table_has_it(
    priority: Priority, who: str
) -> None:
    role, held = ACTORS[who]
    named = await prepared(priority)
    for what, ((method, path, body), unnamed, answers) in CALLS.items():
        answer = await priority.call(method, path.format(**named), body, role, **held)
        assert answer.status_code == answers.get(who, unnamed), f"{what}, by {who}: {answer.text}"
        if answer.status_code in (403, 404):
            assert NUMBER not in answer.text
            assert "evicted" not in answer.text


@pytest.mark.parametrize("role", ["rule_author", "operator"])
async def test_a_use_case_holds_the_rights_itself_whoever_calls_it(priority: Priority, role: str) -> None:
    named = await prepared(priority)
    actor = Caller("somebody", role, {"company": "dijledal", "organisation": "caw", "number": CANDIDATE})
    agreement, situation, proposed = (UUID(named[name]) for name in ("agreement", "situation", "proposed"))
    calls: list[Callable[[PriorityWork], Awaitable[Any]]] = [
        lambda work: use_cases.waiting_list("24062", actor, work),
        lambda work: use_cases.positions(ID, actor, work),
        lambda work: use_cases.request_priority(requests.Situation(dossier=ID, text="x"), actor, work),
        lambda work: use_cases.situations(None, actor, work),
        lambda work: use_cases.situations(ID, actor, work),
        lambda work: use_cases.review(situation, requests.Review.model_validate(REVIEW), actor, work),
        lambda work: use_cases.to_review(situation, actor, work),
        lambda work: use_cases.mine(actor, work),
        lambda work: use_cases.refer(requests.Referral.model_validate(REFERRAL), actor, work),
        lambda work: use_cases.referrals(None, actor, work),
        lambda work: use_cases.referrals(ID, actor, work),
        lambda work: use_cases.propose(Agreement.model_validate(AGREED), actor, work),
        lambda work: use_cases.adopt(proposed, requests.Adoption.model_validate(FOR), actor, work),
        lambda work: use_cases.agreements(actor, work),
        lambda work: use_cases.ledger(agreement, actor, work),
        lambda work: use_cases.announce(requests.Vacancy.model_validate(VACANCY), actor, work),
        lambda work: use_cases.next_for("w1", actor, work),
        lambda work: use_cases.choose("w1", requests.Choice(turn=1, dossier=NUMBER), actor, work),
    ]
    for call in calls:
        with pytest.raises((NotAllowed, NotFound)):
            async with priority.service.database.work() as work:
                await call(work)


async def test_nobody_is_answered_without_a_token_but_what_anyone_may_read(priority: Priority) -> None:
    named = await prepared(priority)
    for what, ((method, path, body), unnamed, _) in CALLS.items():
        answer = await priority.http.request(method, path.format(**named), json=body)
        assert answer.status_code == (200 if unnamed == 200 else 401), what


async def test_every_endpoint_stands_in_the_table(priority: Priority) -> None:
    def shape(path: str) -> str:
        parts = path.partition("?")[0].split("/")
        return "/".join("{}" if part in ("w1", str(ID)) or part.startswith("{") else part for part in parts)

    described = (await priority.http.get("/openapi.json")).json()["paths"]
    offered = {(method.upper(), shape(path)) for path, methods in described.items() for method in methods}
    tested = {(method, shape(path)) for (method, path, _), *_ in CALLS.values()}
    assert {one for one in offered if one[1].startswith("/v1")} == tested


@pytest.mark.parametrize("status", access.ALWAYS)
async def test_a_dossier_is_read_in_every_status_and_asks_for_a_priority_where_it_waits(
    priority: Priority, status: str
) -> None:
    await priority.hear(candidacy(NUMBER, dossier=ID, status=status))
    await priority.agreed()
    read = [await priority.get(f"/v1/{path}") for path in (f"dossiers/{ID}/positions", f"situations?dossier={ID}")]
    assert [answer.status_code for answer in read] == [200, 200]
    asked = await priority.post("/v1/situations", {"dossier": NUMBER, "text": "The roof leaks."})
    referred = await priority.refer(NUMBER)
    waits = status in ("submitted", "registered", "under_investigation")
    assert (asked.status_code, referred.status_code) == ((201, 201) if waits else (409, 409))
    assert waits or status in asked.text
