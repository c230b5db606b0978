"""Pillar 4: a home that the company gives beside the turns; who decided and why is on record, and the council reads it."""

from typing import Any

import pytest

from cir_chassis.pseudonym import pseudonym

from .conftest import CANDIDATE, KEY, Priority, candidacy
from .test_log import audit, instead, written

FIRST, FRIEND = "2024.01.02.0001", "2024.05.02.0001"
DECIDED: dict[str, Any] = {
    "dossier": FRIEND,
    "kind": "special_allocation",
    "decided_on": "2024-05-30",
    "decided_by": "the board of 30 May 2024: A. Peeters, B. Claes",
    "reasons": "The home of this household is demolished.",
}
COUNCIL: tuple[str, dict[str, Any]] = ("council", {"company": "dijledal"})


async def give(priority: Priority, id_: str = "w1", **changed: Any) -> tuple[int, Any]:
    answer = await priority.post(f"/v1/vacancies/{id_}/special", DECIDED | changed)
    return answer.status_code, answer.json()


@pytest.fixture
async def company(priority: Priority) -> Priority:
    await priority.agreed()
    await priority.hear(candidacy(FIRST), candidacy(FRIEND))
    await priority.free("w1")
    return priority


async def test_it_takes_no_turn_and_is_counted_apart(company: Priority) -> None:
    status, offer = await give(company)
    assert (status, offer["state"]) == (201, "checking")
    await company.confirm(offer["id"])
    assert await company.act(offer["id"], "answer") == (200, "accepted")
    assert await company.act(offer["id"], "lease") == (200, "signed")
    said = [one["type"] for one in await company.said() if one["type"].startswith(("Offer", "Lease"))]
    assert said == ["OfferProposed", "OfferOpened", "OfferAnswered", "LeaseSigned"], "the candidate is told"
    figures = (await company.get("/v1/figures?company=dijledal&year=2024")).json()
    assert figures["allocations"] == [{"pillar": 4, "group": "special_allocation", "count": 1}]
    await company.free("w2")
    assert (await company.next("w2"))["turn"]["turn"] == 1, "no turn was drawn"
    await company.let("w2")
    assert audit(await written(company), chained=False) == ""


async def test_a_turn_that_was_kept_for_the_home_is_given_back(company: Priority) -> None:
    offer = await company.opened("w1")
    assert (await give(company))[0] == 409, "it is offered to another"
    assert await company.act(offer, "withdrawal") == (200, "withdrawn")
    assert (await give(company, kind="internal_transfer"))[0] == 201
    await company.free("w2")
    next_ = await company.next("w2")
    assert (next_["turn"]["turn"], next_["order"][0]["dossier"]) == (1, FIRST)
    await company.let("w2")
    assert audit(await written(company), chained=False) == ""


async def test_the_council_reads_who_decided_and_why_but_not_for_whom(company: Priority) -> None:
    await give(company)
    told = {name: DECIDED[name] for name in ("kind", "decided_on", "decided_by")} | {"reasons": [DECIDED["reasons"]]}
    read = (await company.get("/v1/special-allocations", role="council")).json()
    assert read == [told | {"state": "checking", "dossier": None, "vacancy": None}]
    ours = (await company.get("/v1/special-allocations")).json()
    assert ours == [told | {"state": "checking", "dossier": FRIEND, "vacancy": "w1"}]
    page = (await company.page("GET", "/council", COUNCIL[0], held=COUNCIL[1])).text
    assert (DECIDED["decided_by"] in page, DECIDED["reasons"] in page, FRIEND in page) == (True, True, False)
    assert (await company.get("/v1/special-allocations", "kanvaz", role="council")).json() == []


@pytest.mark.parametrize("where", ["reasons", "decided_by"])
async def test_what_the_council_reads_names_no_dossier(company: Priority, where: str) -> None:
    status, problem = await give(company, **{where: f"Dossier {FRIEND}: its home is demolished."})
    assert (status, [one["path"] for one in problem["errors"]]) == (422, [where])
    form = DECIDED | {where: f"Dossier {FRIEND}", "key": "k"}
    page = await company.page(
        "POST", "/vacancies/w1/special?step=do", "case_worker", held={"company": "dijledal"}, data=form
    )
    assert (page.status_code, page.text.count("name no candidate in them")) == (422, 3)


@pytest.mark.parametrize("lacks", ["decided_on", "decided_by", "reasons", "kind"])
async def test_without_who_decided_when_and_why_there_is_none(company: Priority, lacks: str) -> None:
    body = {name: value for name, value in DECIDED.items() if name != lacks}
    assert (await company.post("/v1/vacancies/w1/special", body)).status_code == 422
    assert (await give(company, decided_on="2024-06-02"))[0] == 422, "the board decides first"
    assert (await give(company, decided_on="2018-12-31"))[0] == 422, "before there was a register"
    assert (await give(company, **{lacks: " "}))[0] == 422


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"status": "under_investigation"}, 409),
        ({"status": "struck"}, 409),
        ({"paused_until": "2024-06-02"}, 409),
        ({"persons": 3}, 409),
        ({"wants": [{"municipality": "12025", "company": "kanvaz"}]}, 404),
    ],
)
async def test_who_could_be_offered_nothing_in_his_turn_gets_none(
    company: Priority, changed: dict[str, Any], status: int
) -> None:
    await company.hear(candidacy("2024.05.03.0001", **changed))
    assert (await give(company, dossier="2024.05.03.0001"))[0] == status
    assert (await give(company, dossier="2024.05.04.0001"))[0] == 404
    assert (await company.get("/v1/special-allocations")).json() == []


async def test_a_dossier_has_one_offer_at_a_time_and_not_the_same_home_again(company: Priority) -> None:
    await company.free("w2")
    _, offer = await give(company)
    assert (await give(company, "w2"))[0] == 409
    await company.confirm(offer["id"])
    assert await company.act(offer["id"], "answer", answer="refuse") == (200, "refused")
    status, why = await give(company)
    assert (status, "to no avail" in why["detail"]) == (409, True)
    assert (await give(company, "w2"))[0] == 201


async def test_nobody_gives_one_but_the_company_and_none_to_himself(company: Priority) -> None:
    await company.hear(mine := candidacy("2024.05.05.0001", candidates=[pseudonym(CANDIDATE, KEY)]))
    body = DECIDED | {"dossier": mine.number}
    himself = await company.post("/v1/vacancies/w1/special", body, person=CANDIDATE)
    assert (himself.status_code, "your own dossier" in himself.text) == (403, True)
    assert (await company.post("/v1/vacancies/w1/special", DECIDED, company="kanvaz")).status_code == 404
    assert (await company.post("/v1/vacancies/w1/special", DECIDED, "council")).status_code == 403


async def test_an_outsider_finds_one_that_nobody_could_be_offered(company: Priority) -> None:
    await give(company)
    await company.free("w2")
    await company.let("w2")
    lines = await written(company)
    n = next(n for n, line in enumerate(lines) if line["kind"] == "special")
    assert "beside the turns, and may not" in audit(instead(lines, n, number="2024.05.09.0001"))
    assert "nobody proposed it" in audit([*lines[:n], *lines[n + 1 :]])


async def test_a_case_worker_records_it_in_a_browser(company: Priority) -> None:
    ours: dict[str, Any] = {"held": {"company": "dijledal"}}
    assert "/vacancies/w1/special" in (await company.page("GET", "/vacancies/w1", "case_worker", **ours)).text
    asked = await company.page("GET", "/vacancies/w1/special", "case_worker", **ours)
    assert "The council reads the reasons" in asked.text
    wrong = DECIDED | {"decided_by": "", "key": "k"}
    page = await company.page("POST", "/vacancies/w1/special?step=check", "case_worker", data=wrong, **ours)
    assert (page.status_code, 'href="#decided_by"' in page.text) == (422, True)
    look = await company.page("POST", "/vacancies/w1/special?step=check", "case_worker", data=DECIDED, **ours)
    assert (look.status_code, DECIDED["decided_by"] in look.text) == (200, True), look.text[-1500:]
    assert (await company.get("/v1/special-allocations")).json() == []
    data = DECIDED | {"key": "k"}
    done = await company.page("POST", "/vacancies/w1/special?step=do", "case_worker", data=data, **ours)
    assert (done.status_code, done.headers["location"]) == (303, "/vacancies/w1")
    assert len((await company.get("/v1/special-allocations")).json()) == 1
