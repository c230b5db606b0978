"""Who may do what: each endpoint, asked by each role in each relation, answers as this table has it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from cir_chassis.login import Caller
from cir_chassis.problems import NotAllowed, NotFound
from priority import access, offers, requests, use_cases
from priority.council import Agreement, Frozen
from priority.store import PriorityWork

from .conftest import AGREED, CANDIDATE, DONE, FOR, HOME, Priority, candidacy

ID, NUMBER = uuid4(), "2019.04.02.0007"
OFFERED, LAST = "2019.04.01.0001", "2019.04.01.0002"
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
VACANCY = HOME | {"id": "w9", "dwelling": "w9"}
REFERRAL = {"dossier": NUMBER, "company": "dijledal", "municipality": "24062", "group": "homeless", "reasons": "evicted",
            "guidance_plan": "weekly"}  # fmt: skip
WHY = {"reasons": "They wrote so."}
FREEZE = {"from": "2024-06-01", "until": "2024-06-03", **WHY, **FOR}
SEES = {"the candidate": 200, "another candidate": 404, "the company": 200, "another company": 404}
DECIDES = {"the company": 409, "another company": 404}
REVIEW = {"decision": "forwarded", "group": "homeless", "reasons": "evicted"}

Call = tuple[str, str, object]
BY_BOARD = {
    "dossier": LAST,
    "kind": "special_allocation",
    "decided_on": "2024-06-01",
    "decided_by": "The board",
    "reasons": "After a fire.",
}
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
    "freeze": (
        ("POST", "/v1/agreements/{proposed}/freezes", FREEZE),
        403,
        {"its council": 409, "another council": 404},
    ),  # 409: it is not adopted
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
    "retract": (
        ("POST", "/v1/referrals/{referral}/retraction", WHY),
        403,
        {"the referrer": 200, "another organisation": 404, "the company": 404, "another company": 404},
    ),
    "announce": (("POST", "/v1/vacancies", VACANCY), 403, {"the company": 201}),
    "next": (("GET", "/v1/vacancies/w1/next", None), 403, {"the company": 200, "another company": 404}),
    "propose an offer": (
        ("POST", "/v1/vacancies/w1/offers", {"turn": 2, "dossier": LAST}),
        403,
        {"the company": 201, "another company": 404},
    ),
    "special": (
        ("POST", "/v1/vacancies/w1/special", BY_BOARD),
        403,
        {"the company": 409, "another company": 404},  # it is offered already
    ),
    "special allocations": (
        ("GET", "/v1/special-allocations", None),
        403,
        {"the company": 200, "another company": 200, "its council": 200, "another council": 200},
    ),
    "figures": (
        ("GET", "/v1/figures?company=dijledal&year=2024", None),
        403,
        {"the company": 200, "another company": 404, "its council": 200, "another council": 404},
    ),
    "withdraw a vacancy": (
        ("POST", "/v1/vacancies/w1/withdrawal", WHY),
        403,
        {"the company": 204, "another company": 404},
    ),
    "offers of the company": (
        ("GET", "/v1/offers", None),
        403,
        {"the candidate": 422, "another candidate": 422, "the company": 200, "another company": 200},
    ),
    "offers of a dossier": (("GET", f"/v1/offers?dossier={OFFERED}", None), 403, SEES),
    "offer": (("GET", "/v1/offers/{offer}", None), 403, SEES),
    "answer": (("POST", "/v1/offers/{offer}/answer", DONE["answer"]), 403, SEES),
    "judge": (("POST", "/v1/offers/{offer}/judgement", DONE["judgement"]), 403, DECIDES),  # 409: nobody refused it
    "undo": (("POST", "/v1/offers/{offer}/undo", DONE["undo"]), 403, DECIDES),  # likewise
    "sign": (("POST", "/v1/offers/{offer}/lease", DONE["lease"]), 403, DECIDES | {"the company": 200}),
    "withdraw": (("POST", "/v1/offers/{offer}/withdrawal", DONE["withdrawal"]), 403, DECIDES),  # 409: it is signed
}


async def prepared(priority: Priority) -> dict[str, str]:
    """Whatever a path names: a request that waits, an agreement in force and one that is proposed, a dwelling that is free."""
    await priority.hear(candidacy(NUMBER, dossier=ID))
    agreement = await priority.agreed()
    asked = await priority.post("/v1/situations", {"dossier": NUMBER, "text": "The roof leaks."})
    later = AGREED | {"from": "2025-01-01", "through": "2025-12-31"}
    proposed = await priority.post("/v1/agreements", later, "council")
    for number in (OFFERED, LAST):
        await priority.hear(candidacy(number))
    await priority.free("w0")
    offer = await priority.opened("w0")
    assert (await priority.free("w1")).status_code == 201
    referred = (await priority.refer(LAST)).json()["id"]
    named = {"situation": asked.json()["id"], "proposed": proposed.json()["id"], "offer": offer, "referral": referred}
    return named | {"agreement": agreement}


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
    offer, why = UUID(named["offer"]), requests.Reasoned(reasons=("x",))
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
        lambda work: use_cases.freeze(proposed, Frozen.model_validate(FREEZE), actor, work),
        lambda work: use_cases.agreements(actor, work),
        lambda work: use_cases.ledger(agreement, actor, work),
        lambda work: use_cases.retract(UUID(named["referral"]), why, actor, work),
        lambda work: offers.announce(requests.Vacancy.model_validate(VACANCY), actor, work),
        lambda work: offers.next_for("w1", 20, actor, work),
        lambda work: offers.propose("w1", requests.Proposal(turn=1, dossier=NUMBER), actor, work),
        lambda work: offers.withdraw_vacancy("w1", why, actor, work),
        lambda work: offers.offers(None, actor, work),
        lambda work: offers.offers(OFFERED, actor, work),
        lambda work: offers.offer(offer, actor, work),
        lambda work: offers.answer(offer, requests.OfferAnswer(answer="accept"), actor, work),
        lambda work: offers.judge(offer, requests.Judgement(well_founded=True, reasons=("x",)), actor, work),
        lambda work: offers.undo(offer, why, actor, work),
        lambda work: offers.withdraw(offer, why, actor, work),
        lambda work: offers.sign(offer, requests.Lease.model_validate(DONE["lease"]), actor, work),
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
