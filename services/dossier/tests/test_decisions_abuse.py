"""Decisions, and the ways back from them, as one who cheats, errs or is unlucky meets them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from .authentic import until
from .conftest import ANNA, BRAM, STRANGER, Register, applicant, partner, person, serving
from .test_decisions import WHY, _told, under_investigation
from .test_file import HELP

CARL = "90630100169"


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


# closed, and still somebody's


async def struck(register: Register, **changed: Any) -> tuple[str, dict[str, str], dict[str, str], dict[str, str]]:
    """The dossier of Anna and Bram, struck; the case worker, Anna, Bram."""
    id_ = await register.registered(applicant(), partner(), **changed)
    worker = await register.case_worker()
    await register.act(id_, worker, "strike", reasons=WHY)
    return id_, worker, await register.candidate(), await register.candidate(BRAM)


@pytest.mark.parametrize("who", ["himself", "the counter", "the applicant himself", "the applicant, by the counter"])
async def test_who_left_in_fact_keeps_nobody_from_being_reinstated(register: Register, who: str) -> None:
    id_, worker, anna, bram = await struck(register)
    gone, his, stays = (ANNA, anna, bram) if "applicant" in who else (BRAM, bram, anna)
    assert (await register.start(his, key="k2", members=[applicant(number=gone)])).status_code == 201
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).status_code == 409
    by = worker if "counter" in who else his
    if gone == ANNA:
        assert (await register.decline(id_, "p1", by)).status_code == 409
        assert (await register.act(id_, by, "leave", reasons=WHY)).status_code == 201
    else:
        assert (await register.decline(id_, "p9", worker)).status_code == 404
        assert (await register.decline(id_, "p1", bram)).status_code == 403
        assert (await register.act(id_, bram, "leave")).status_code == 409
        assert (await register.decline(id_, "p2", by)).status_code == 204
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).json()["status"] == "registered"
    assert (await register.http.get(f"/v1/dossiers/{id_}", headers=his)).status_code == 404
    assert (await register.read(id_, stays))["number"]


async def test_consent_to_a_helper_ends_in_a_closed_dossier_too(register: Register) -> None:
    id_, _, _, bram = await struck(register, help=HELP)
    now = (await register.read(id_))["facts_version"]
    body = {"language": "nl", "email": "bram@example.org", "help": HELP | {"inform": False}}
    assert (await register.put(id_, "contacts", bram, now, body)).status_code == 422  # her address is her own
    assert (await register.put(id_, "contacts", bram, now, body | {"email": "anna@example.org"})).status_code == 200
    helper = await register.as_("helper", organisation="ocmw-leuven")
    assert (await register.http.get(f"/v1/dossiers/{id_}", headers=helper)).status_code == 404


async def test_a_death_is_on_record_in_a_closed_dossier_and_who_died_is_not_reinstated(register: Register) -> None:
    id_, worker, anna, _ = await struck(register)
    assert (await register.act(id_, worker, "deceased", member="p2", reasons=WHY)).status_code == 201
    assert [one["id"] for one in (await register.get(f"/{id_}/file", anna))["household"]["members"]] == ["p1"]
    died = await register.act(id_, worker, "deceased", member="p1", reasons=WHY)
    assert (died.status_code, died.json()["status"]) == (201, "struck")
    back = await register.act(id_, worker, "reinstate", reasons=WHY)
    assert (back.status_code, "undo" in back.json()["available"]) == (409, True)
    assert (await register.act(id_, worker, "undo", reasons=WHY)).json()["status"] == "struck"
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).json()["status"] == "registered"
    assert "corrected" not in _told(await register.said())  # the striking stood


# what others read


async def test_why_a_candidate_acts_is_not_for_the_other(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker, anna, bram = await register.case_worker(), await register.candidate(), await register.candidate(BRAM)
    await register.act(id_, anna, "hold", reasons="I live in a refuge, away from Bram.")
    await register.act(id_, anna, "appeal", ground="no_premium", reasons="The refuge needs my premium.")
    seen = [str([await register.read(id_, who), await register.get(f"/{id_}/history", who)]) for who in (anna, worker)]
    assert [text.count("refuge") for text in seen] == [3, 3]
    assert "refuge" not in str([await register.read(id_, bram), await register.get(f"/{id_}/history", bram)])


async def test_who_comes_later_reads_no_reasons_of_before(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker, anna, bram, carl = await register.case_worker(), *[await register.candidate(n) for n in (ANNA, BRAM, CARL)]
    await register.act(id_, worker, "hold", reasons="Bram owes 3,400 euro of rent.")
    await register.decline(id_, "p2", bram)
    new = person("p3", "partner", CARL, born_on="1990-03-01")
    now = (await register.read(id_))["facts_version"]
    await register.change(id_, applicant(), new, version=now)
    await register.confirm(id_, "p3", carl)
    await register.act(id_, worker, "wake", reasons="The rent was paid.")
    await register.act(id_, worker, "hold", reasons="A new debt is open.")
    for _ in range(2):  # also once he is the applicant
        read = str([await register.read(id_, carl), await register.get(f"/{id_}/history", carl)])
        assert ("owes" in read, "rent was paid" in read, "new debt" in read) == (False, True, True)
        await register.act(id_, anna, "leave")


async def test_who_is_registered_by_the_way_is_told_both(database_of: Any, login: str) -> None:
    settings = {"sources": "http://127.0.0.1:1", "sources_patience": timedelta(seconds=2)}
    async with serving(await database_of("dossier"), login, **settings) as register:
        id_, worker, anna = await register.started(), await register.case_worker(), await register.candidate()
        await register.submit(id_)
        await register.confirm(id_, "p1", anna)
        await register.assess(id_, "met")

        async def over() -> bool:
            return "sources" not in (await register.read(id_))["pending"]

        await until(over, 10)
        await register.act(id_, worker, "hold", reasons=WHY)
        assert (await register.read(id_))["status"] == "registered"
        assert _told(await register.said()) == ["submitted", "registered", "on_hold"]


@pytest.mark.parametrize("number", [ANNA, BRAM])
async def test_a_case_worker_decides_nothing_about_his_own_dossier(register: Register, number: str) -> None:
    id_ = await register.registered(applicant(), partner())
    document = await register.uploaded(id_, await register.candidate())
    own = await register.as_("case_worker", company="dijledal", person=number)
    found = await register.read(id_, own)
    assert (found["status"], found["actions"], found["asked"]) == ("registered", [], [])
    verdict = {"decision": "rejected", "reasons": WHY}
    url = f"/v1/dossiers/{id_}/documents/{document}"
    members = [applicant(recent_income={"months": 6, "amount": "1.00"}), partner()]
    answers = [
        await register.act(id_, own, "hold", reasons=WHY),
        await register.change(id_, *members, version=found["facts_version"], who=own),
        await register.upload(id_, own),
        await register.confirm(id_, "p2", own, on_paper=True),
        await register.http.post(f"{url}/interpretation", headers=own, json=verdict),
        await register.http.get(f"/v1/dossiers/{id_}/history", headers=own),
    ]
    assert [one.status_code for one in answers] == [403] * 6
    assert (await register.http.get(url, headers=own)).status_code in (403, 404)
    assert (await register.start(own, key="k9", members=[applicant(number=number)])).status_code == 403
