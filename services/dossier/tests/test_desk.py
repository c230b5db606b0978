"""The desk: what waits for a case worker, who has it, whom he finds, and what he notes; and that nobody else sees any of it."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from dossier import tables
from dossier.desk import store
from dossier.facts.compose import state
from dossier.facts.statements import compose_anew
from dossier.register.register import Register as OnRecord

from .conftest import ANNA, BRAM, CHILD, STRANGER, Register, applicant, partner, person

ASKS = [{"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["tax_assessment"]}]
INCOME = {"income": {"outcome": "to_investigate", "effect": "bar"}}
NAMES = {"first_name": "Anaïs", "last_name": "Van den Broucke"}


async def queue(register: Register, who: dict[str, str] | None = None) -> list[dict[str, Any]]:
    answer = await register.http.get("/v1/queue", headers=who or await register.case_worker())
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def claim(register: Register, item: str, who: dict[str, str]) -> httpx.Response:
    return await register.http.post(f"/v1/queue/{item}/claim", headers=who)


async def look(register: Register, q: str, who: dict[str, str] | None = None) -> list[str]:
    """The dossiers that are found."""
    answer = await register.http.get("/v1/dossiers", params={"q": q}, headers=who or await register.case_worker())
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


async def days_pass(register: Register, days: int) -> None:
    """What waits, will wait or was claimed does or was so many days earlier."""
    earlier = (
        "UPDATE dossiers SET waits_from = waits_from - :days * interval '1 day', waits = (SELECT"
        " coalesce(jsonb_object_agg(key, CAST(value AS timestamptz) - :days * interval '1 day'), '{}') FROM"
        " jsonb_each_text(waits))"
    )
    due = (
        "UPDATE dossiers SET proof_due_on = proof_due_on - CAST(:days AS integer), asked = (SELECT coalesce(jsonb_agg("
        " CASE WHEN one ->> 'by' IS NULL THEN one"
        " ELSE one || jsonb_build_object('by', CAST(one ->> 'by' AS date) - CAST(:days AS integer)) END), '[]')"
        " FROM jsonb_array_elements(asked) one)"
    )
    async with register.service.database.work() as work:
        await work.connection.execute(sa.text(earlier), {"days": days})
        await work.connection.execute(sa.text(due), {"days": days})
        await work.connection.execute(sa.text("UPDATE claims SET at = at - :days * interval '1 day'"), {"days": days})


async def investigated(register: Register, **changed: Any) -> str:
    """A dossier whose household is asked for papers."""
    id_ = await register.started(**changed)
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "to_investigate", asks=ASKS, conditions=INCOME)
    return id_


async def test_a_household_that_is_unconfirmed_for_thirty_days_waits_until_it_confirms(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    await days_pass(register, 40)
    assert await queue(register) == []  # a draft waits for nobody but its applicant
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await days_pass(register, 29)
    assert await queue(register) == []
    await days_pass(register, 2)
    [item] = await queue(register)
    assert (item["dossier"], item["kind"], item["claimed_by"]) == (id_, "unconfirmed", None)
    await register.confirm(id_, "p2", await register.candidate(BRAM))
    assert await queue(register) == []


async def test_papers_that_are_not_in_by_the_day_they_were_due_wait_and_other_papers_have_a_day_of_their_own(
    register: Register,
) -> None:
    id_ = await investigated(register)
    await days_pass(register, 30)
    assert await queue(register) == []  # it may still come today
    await days_pass(register, 1)
    more = [ASKS[0] | {"proofs": ["tax_assessment", "account_statements"]}]
    for asks in (ASKS, more):
        await register.assess(id_, "to_investigate", asks=asks, conditions=INCOME)
        assert [item["kind"] for item in await queue(register)] == ["term"]  # the one that was due is still missing
    await register.assess(id_, "to_investigate", asks=[more[0] | {"proofs": ["account_statements"]}], conditions=INCOME)
    assert await queue(register) == []
    await days_pass(register, 31)
    assert [item["kind"] for item in await queue(register)] == ["term"]
    await register.assess(id_, "met")
    assert await queue(register) == []


async def stated(register: Register, id_: str, **layers: bool) -> None:
    """Let these layers say whether Anna has a recognised handicap, one after the other."""
    async with register.service.database.work() as work:
        await work.load([UUID(id_)])
        found = OnRecord(work.dossiers.get(UUID(id_)), work)
        for since, (layer, value) in enumerate(layers.items(), found.row.facts_version + 1):
            stamp = {"by": layer, "at": work.now.isoformat(), "since": since}
            said = state(found.row.layers, ANNA, layer, {"recognised_handicap": value}, stamp)  # type: ignore[arg-type]
            found.row = replace(found.row, layers=said, facts_version=since)
        compose_anew(found)
        found.settle()


async def test_a_source_that_contradicts_an_interpretation_waits_until_a_case_worker_lets_that_stand(
    register: Register,
) -> None:
    id_, worker = await register.registered(wants=["24062", "12025"]), await register.case_worker()
    await stated(register, id_, interpretation=True, source=False)
    [item] = await queue(register)
    assert (item["item"], item["kind"]) == (f"{id_}.contradiction.p1", "contradiction")
    path, why = f"/v1/queue/{item['item']}/dismissal", {"reasons": "The card was shown: the source is late."}
    for who, body, status in (
        (await register.case_worker("kanvaz"), why, 404),
        (await register.candidate(), why, 403),
        (worker, {"reasons": "no"}, 422),
        (worker, {"reasons": []}, 422),
    ):
        assert (await register.http.post(path, headers=who, json=body)).status_code == status
    before = await register.recorded(id_)
    assert (await register.http.post(path, headers=worker, json=why)).status_code == 204
    assert await queue(register) == []
    assert (await register.http.post(path, headers=worker, json=why)).status_code == 404
    assert await register.recorded(id_) == before  # nothing else of it became different
    last = (await register.get(f"/{id_}/history", worker))[-1]
    assert (last["kind"], last["reasons"]) == ("uphold", [why["reasons"]])
    await stated(register, id_, source=False)
    assert [one["kind"] for one in await queue(register)] == ["contradiction"]  # it answered differently since
    withdrawn = await register.act(id_, await register.candidate(), "withdraw")
    assert withdrawn.status_code == 201, withdrawn.text
    assert await queue(register) == []  # it decides nothing any more


async def test_of_fifty_clicks_by_two_case_workers_one_has_the_item(register: Register) -> None:
    await investigated(register)
    await days_pass(register, 31)
    [item] = await queue(register)
    ann, bob = [await register.as_("case_worker", company="dijledal", person=who) for who in (BRAM, STRANGER)]
    slots = asyncio.Semaphore(9)  # of the database's ten connections

    async def click(who: dict[str, str]) -> httpx.Response:
        async with slots:
            return await claim(register, item["item"], who)

    answers = await asyncio.gather(*map(click, [ann, bob] * 25))
    [by] = {answer.json()["claimed_by"] for answer in answers}
    assert {
        answer.status_code: sum(one.status_code == answer.status_code for one in answers) for answer in answers
    } == {
        200: 25,
        409: 25,
    }
    assert (await queue(register))[0]["claimed_by"] == by
    late, first = (bob, ann) if by.startswith(f"case_worker-{BRAM}") else (ann, bob)
    assert (await claim(register, item["item"], first)).status_code == 200  # twice is once
    url = f"/v1/queue/{item['item']}/claim"
    theirs = await register.http.delete(url, headers=late)
    assert (theirs.status_code, theirs.json()["claimed_by"]) == (409, by)
    for _ in range(2):
        assert (await register.http.delete(url, headers=first)).status_code == 204
    assert (await claim(register, item["item"], late)).status_code == 200
    await days_pass(register, 1)
    assert (await queue(register))[0]["claimed_by"] is None
    assert (await claim(register, item["item"], late)).status_code == 200
    assert (await claim(register, item["item"], first)).status_code == 409


async def test_what_does_not_wait_or_not_for_this_company_is_not_claimed(register: Register) -> None:
    id_ = await investigated(register, wants=["24062", "12025"])
    worker = await register.case_worker()
    assert (await claim(register, f"{id_}.term", worker)).status_code == 404  # not yet
    await days_pass(register, 31)
    other = await register.case_worker("kanvaz")
    assert await queue(register, other) == []
    for item, who in ((f"{id_}.term", other), (f"{id_}.unconfirmed", worker), ("term", worker), (f"{id_}", worker)):
        assert (await claim(register, item, who)).status_code == 404, item
        assert (await register.http.delete(f"/v1/queue/{item}/claim", headers=who)).status_code == 404, item
    term = f"/v1/queue/{id_}.term/dismissal"
    assert (await register.http.post(term, headers=worker, json={"reasons": "It can wait."})).status_code == 409
    for stranger in (await register.candidate(), await register.as_("helper", organisation="ocmw-leuven")):
        assert (await register.http.get("/v1/queue", headers=stranger)).status_code == 403
        assert (await claim(register, f"{id_}.term", stranger)).status_code == 403


@pytest.mark.parametrize(
    "q",
    [
        "85622300173",
        "85.62.23-001.73",
        "1985-02-23",
        "23/02/1985",
        "anaïs",
        "ANAIS",
        "broucke",
        "van den b",
        "Brouke Anais",
    ],
)
async def test_a_dossier_is_found_by_who_is_in_it(register: Register, q: str) -> None:
    id_ = await register.started(members=[applicant(**NAMES)])
    who = await register.candidate(STRANGER)
    names = {"first_name": "Jan", "last_name": "Peeters"}
    await register.start(who, key="k2", members=[applicant(number=STRANGER, **names)])
    assert await look(register, q) == [id_]
    for other in ("kanvaz", "woontrots"):
        assert await look(register, q, await register.case_worker(other)) == []
    [own] = (await register.http.get("/v1/dossiers", params={"q": q}, headers=who)).json()
    assert own["id"] != id_  # a candidate has his own alone, whatever he looks for


async def test_a_dossier_is_found_by_its_number_and_a_child_by_its_birth_date(register: Register) -> None:
    id_ = await register.started(members=[applicant(**NAMES), person("c1", "co_resident", CHILD)])
    await register.submit(id_)
    worker = await register.case_worker()
    number = (await register.read(id_, worker))["number"]
    [found] = (await register.http.get("/v1/dossiers", params={"q": number}, headers=worker)).json()
    assert (found["id"], found["member"], found["name"]) == (id_, "p1", "Anaïs Van den Broucke")
    assert await look(register, "2015-05-01") == [id_]
    assert await look(register, "1915-05-01") == []  # another century
    assert await look(register, "zzzz") == []
    for nothing in ("", " ", "a"):
        answer = await register.http.get("/v1/dossiers", params={"q": nothing}, headers=worker)
        assert answer.status_code == 422, answer.text


async def test_a_dossier_that_is_erased_while_it_is_looked_for_is_no_error(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, himself, page = await register.started(members=[applicant(**NAMES)]), await register.candidate(), store.page

    async def then_erased(*given: Any) -> Any:
        found = await page(*given)
        assert (await register.http.delete(f"/v1/dossiers/{id_}", headers=himself)).status_code == 204
        return found

    monkeypatch.setattr(store, "page", then_erased)
    assert await look(register, "broucke") == [id_]  # as of the moment when it was looked for


async def test_pages_follow_each_other_without_gap_or_repeat(register: Register) -> None:
    id_ = await investigated(register, members=[applicant(**NAMES)])
    await days_pass(register, 31)
    async with register.service.database.work() as work:
        for table in (tables.dossiers, tables.members):
            names = [column.name for column in table.columns if not column.computed]
            key = "id" if table is tables.dossiers else "dossier"
            new = {key: "md5(n::text)::uuid", "number": "NULL"}
            copied = ", ".join(new.get(name, f'"{name}"') for name in names)
            listed = ", ".join(f'"{name}"' for name in names)
            copy = f"INSERT INTO {table} ({listed}) SELECT {copied} FROM {table}, generate_series(1, 119) n"
            await work.connection.execute(sa.text(copy.replace(":", "\\:")))
    worker = await register.case_worker()
    for path in ("/v1/queue", "/v1/dossiers?q=anais", "/v1/dossiers?q=anaus"):
        found: list[str] = []
        url: str | None = path
        while url:
            answer = await register.http.get(url, headers=worker)
            page = [one.get("dossier") or one["id"] for one in answer.json()]
            assert 0 < len(page) <= 50
            found += page
            url = path.partition("?")[0] + answer.links["next"]["url"] if "next" in answer.links else None
        assert len(found) == len(set(found)) == 120, path
        assert id_ in found
    assert (await register.http.get("/v1/queue?cursor=x", headers=worker)).status_code == 422


async def test_a_note_is_for_case_workers_of_the_treating_company_alone(register: Register) -> None:
    id_ = await register.registered(wants=["24062", "12025"])
    worker, path = await register.case_worker(), f"/v1/dossiers/{id_}/notes"
    written = await register.http.post(path, headers=worker, json={"text": " She is hard of hearing: write. "})
    assert written.status_code == 201, written.text
    [note] = await register.get(f"/{id_}/notes", worker)
    assert (note["text"], note["by"]) == ("She is hard of hearing: write.", "case_worker-dijledal")
    assert note == written.json()
    assert (await register.http.post(path, headers=worker, json={"text": "  "})).status_code == 422
    others = {
        "wanted": (await register.case_worker("kanvaz"), 403),
        "another": (await register.case_worker("woontrots"), 404),
        "candidate": (await register.candidate(), 403),
        "helper": (await register.as_("helper", organisation="ocmw-leuven"), 403),
    }
    for name, (who, status) in others.items():
        assert (await register.http.get(path, headers=who)).status_code == status, name
        assert (await register.http.post(path, headers=who, json={"text": "mine"})).status_code == status, name
    for shown in ("", "/file", "/history"):
        assert "hearing" not in str(await register.get(f"/{id_}{shown}", await register.candidate()))


async def test_a_draft_is_erased_with_its_notes(register: Register) -> None:
    id_ = await register.started()
    path = f"/v1/dossiers/{id_}/notes"
    assert (await register.http.post(path, headers=await register.case_worker(), json={"text": "x"})).status_code == 201
    erased = await register.http.delete(f"/v1/dossiers/{id_}", headers=await register.candidate())
    assert erased.status_code == 204, erased.text


async def test_a_document_waits_as_long_as_it_could_still_decide_something(register: Register) -> None:
    claim_ = {"months": 3, "amount": "6000.00"}
    id_ = await register.started(members=[applicant(recent_income=claim_)])
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    slips = [ASKS[0] | {"fact": "recent_income.proof", "proofs": ["pay_slips"]}]
    await register.assess(id_, "to_investigate", asks=slips, conditions=INCOME)
    assert await queue(register) == []
    brought = await register.upload(id_, await register.candidate(), fact="recent_income.proof")
    assert brought.status_code == 201, brought.text
    [item] = await queue(register)
    assert (item["item"], item["kind"]) == (f"{id_}.document.{brought.json()['id']}", "document")
    await register.assess(id_, "to_investigate", asks=slips, conditions=INCOME)
    assert [one["item"] for one in await queue(register)] == [item["item"]]
    for _ in ("the test", "for information"):  # the tax service answered: the claim decides nothing any more
        await register.assess(id_, "met")
    assert await queue(register) == []


@pytest.mark.parametrize("role", ["applicant", "partner"])
async def test_a_case_worker_does_not_meet_his_own_dossier_at_the_desk(register: Register, role: str) -> None:
    number = ANNA if role == "applicant" else BRAM
    himself = await register.as_("case_worker", company="dijledal", person=number)
    id_ = await investigated(register, members=[applicant(**NAMES), partner()])
    await days_pass(register, 31)
    [item] = [one["item"] for one in await queue(register) if one["kind"] == "unconfirmed"]
    assert await queue(register, himself) == []
    for sought in ("anais", ANNA, BRAM, "2024.03.20.0001"):
        assert await look(register, sought) == [id_], sought
        assert await look(register, sought, himself) == [], sought
    assert (await claim(register, item, himself)).status_code == 404
    assert (await claim(register, item, await register.case_worker())).status_code == 200


async def test_an_appeal_waits_for_its_answer(register: Register) -> None:
    id_, worker, why = await register.registered(), await register.case_worker(), "Recorded for the wrong household."
    await register.act(id_, worker, "strike", reasons=why, ground="no_response")
    assert await queue(register) == []
    appealed = await register.act(id_, await register.candidate(), "appeal", ground="struck")
    [item] = await queue(register)
    assert (item["item"], item["kind"]) == (f"{id_}.appeal.{appealed.json()['id']}", "appeal")
    await register.act(id_, worker, "answer_appeal", reasons=why, upheld=True)
    assert await queue(register) == []
