"""Against every decision there is a way, also for who is late, on paper, or no longer a candidate."""

from datetime import date
from typing import Any

import pytest

from cir_schemas import CandidacyRecorded, HouseholdRecorded, ProofAsked, StatusChanged
from dossier.register.appeals import Term, terms_on

from .conftest import BRAM, STRANGER, Register, applicant, partner, person, serving
from .test_decisions import WHY, _comparable, _told
from .test_documents import BARS, PAPERS, asked, papers
from .test_stories import newest

DAY = date(2024, 3, 20)


@pytest.mark.parametrize(
    ("months", "days", "on", "until"),
    [
        (0, 30, DAY, date(2024, 4, 19)),
        (12, 0, date(2024, 2, 29), date(2025, 2, 28)),
        (6, 0, date(2024, 8, 31), date(2025, 2, 28)),
        (2, 0, date(2024, 11, 30), date(2025, 1, 30)),
    ],
)
def test_a_term_ends_on_its_day(months: int, days: int, on: date, until: date) -> None:
    assert Term(months=months, days=days).after(on) == until


@pytest.mark.parametrize(
    ("ground", "notified_on", "sent_on", "late"),
    [
        ("struck", DAY, date(2024, 4, 19), False),
        ("struck", DAY, date(2024, 4, 20), True),
        ("other_preferred", DAY, date(2025, 3, 20), False),
        ("other_preferred", DAY, date(2025, 3, 21), True),
        ("not_registered", DAY, date(2024, 4, 20), True),
        ("not_registered", None, date(2024, 11, 20), False),  # no decision within two months: six more
        ("not_registered", None, date(2024, 11, 21), True),
        ("no_premium", None, date(2030, 1, 1), False),  # of a decision that is not known here
    ],
)
def test_an_appeal_is_late_after_its_term(ground: str, notified_on: date | None, sent_on: date, late: bool) -> None:
    assert terms_on(DAY).late(ground, sent_on, notified_on=notified_on, applied_on=DAY) == late


async def test_struck_by_mistake_appealed_and_upheld_everything_is_as_before(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker, bram = await register.case_worker(), await register.candidate(BRAM)
    before, candidacy = await register.read(id_, bram), await newest(register, CandidacyRecorded)
    await register.act(id_, worker, "strike", reasons=WHY)
    assert (await register.read(id_, bram))["actions"] == ["appeal", "change_contacts", "decline"]
    appealed = await register.act(id_, bram, "appeal", ground="struck", reasons="")
    assert (appealed.status_code, appealed.json()["status"]) == (201, "struck")
    twice = await register.act(id_, await register.candidate(), "appeal", ground="struck")
    assert (twice.status_code, twice.json()["available"][0]) == (409, "appeal")
    assert (await register.act(id_, await register.candidate(), "appeal", ground="no_premium")).status_code == 201
    answered = await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)
    assert (answered.status_code, [one["path"] for one in answered.json()["errors"]]) == (422, ["ground"])
    answered = await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True, ground="struck")
    assert (answered.status_code, answered.json()["status"]) == (201, "registered")
    assert await register.read(id_, bram) == before
    assert _comparable(await newest(register, CandidacyRecorded)) == _comparable(candidacy)
    told = ["submitted", "registered", "struck", "appealed", "appealed", "appeal_upheld"]
    assert _told(await register.said()) == told
    *_, appeal, _, answer = await register.get(f"/{id_}/history", bram)
    assert (appeal["kind"], appeal["ground"], appeal["late"], appeal["by"]) == ("appeal", "struck", False, "candidate")
    assert (answer["kind"], answer["upheld"], answer["reasons"]) == ("answer_appeal", True, [WHY])
    # upheld by mistake: it is struck again, and the appeal waits
    assert (await register.act(id_, worker, "undo", reasons=WHY)).json()["status"] == "struck"
    rejected = await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=False, ground="struck")
    assert rejected.json()["status"] == "struck"
    assert _told(await register.said()) == [*told, "corrected", "appeal_rejected"]
    # and there is none to answer any more, but the other
    assert (await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)).json()["status"] == "struck"
    assert (await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)).status_code == 409


async def test_a_refusal_is_judged_anew(register: Register) -> None:
    worker, id_ = await register.case_worker(), await asked(register, PAPERS)
    await register.act(id_, worker, "refuse", reasons=WHY)
    await register.act(id_, await register.candidate(), "appeal", ground="not_registered")
    answered = await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)
    assert answered.json()["status"] == "under_investigation"
    # what was asked is asked in the same letter, and not once more where the assessment asks the same
    await register.assess(id_, "to_investigate", asks=[PAPERS], conditions=BARS)
    [*_, told] = [one for one in await register.said() if isinstance(one, StatusChanged | ProofAsked)]
    assert isinstance(told, StatusChanged)
    assert (told.decision, papers(told)) == ("appeal_upheld", ["tax_assessment"])
    [*_, closed, opened] = [event.test for event in await register.said() if isinstance(event, HouseholdRecorded)]
    assert (closed, opened is not None) == (None, True)
    await register.assess(id_, "met")
    assert (await register.read(id_))["status"] == "registered"


async def test_who_is_upheld_and_bound_elsewhere_leaves_that_first(register: Register) -> None:
    id_ = await register.registered()
    worker, anna = await register.case_worker(), await register.candidate()
    await register.act(id_, worker, "strike", reasons=WHY)
    await register.act(id_, anna, "appeal", ground="struck")
    new = (await register.start(key="k2")).json()["id"]
    assert (await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)).status_code == 409
    await register.http.delete(f"/v1/dossiers/{new}", headers=anna)
    answered = await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)
    assert answered.json()["status"] == "registered"


async def test_a_late_appeal_is_on_record_as_late_by_the_day_on_which_it_was_decided(
    database_of: Any, login: str
) -> None:
    url = await database_of("dossier")
    async with serving(url, login) as register:
        id_ = await register.registered()
    async with serving(url, login, today=date(2024, 6, 1)) as register:
        # decided long ago, as the case worker says: the household knows it only now
        await register.act(id_, await register.case_worker(), "strike", reasons=WHY, on="2024-03-20")
    async with serving(url, login, today=date(2024, 7, 2)) as register:
        anna = await register.candidate()
        assert (await register.act(id_, anna, "appeal", ground="struck", on="2024-07-03")).status_code == 422
        await register.act(id_, anna, "appeal", ground="struck")
        assert (await register.get(f"/{id_}/history", anna))[-1]["late"] is True
        worker = await register.case_worker()
        await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=False)
        letter = await register.act(
            id_, worker, "appeal", ground="struck", on="2024-07-01", reasons="By registered letter."
        )
        assert letter.status_code == 201
        [*_, act] = await register.get(f"/{id_}/history", anna)
        assert (act["late"], act["on"], act["by"]) == (False, "2024-07-01", "case_worker")
        assert _told(await register.said())[-3:] == ["appealed_late", "appeal_rejected", "appealed"]


async def test_an_allocation_to_somebody_else_is_appealed_against_for_a_year(register: Register) -> None:
    id_ = await register.registered()
    anna, worker = await register.candidate(), await register.case_worker()
    for day, late in (("2023-03-20", False), ("2023-03-19", True)):
        await register.act(id_, anna, "appeal", ground="other_preferred", notified_on=day)
        assert (await register.get(f"/{id_}/history", anna))[-1]["late"] is late
        answered = await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)
        assert answered.json()["status"] == "registered"  # another service knows what was decided


async def test_who_was_refused_at_the_counter_before_he_said_yes_can_appeal(register: Register) -> None:
    worker, anna = await register.case_worker(), await register.candidate()
    id_ = await register.started(who=worker, members=[applicant(), partner(), person("c1", "co_resident", STRANGER)])
    await register.submit(id_, worker)
    await register.act(id_, worker, "refuse", reasons=WHY)
    found = await register.read(id_, anna)
    assert (found["status"], found["actions"], found["assessment"]) == ("refused", ["appeal"], None)
    assert (await register.act(id_, anna, "appeal", ground="not_registered")).status_code == 201
    for number in (BRAM, STRANGER):  # who was only named has nothing to do with it
        who = await register.candidate(number)
        assert (await register.act(id_, who, "appeal", ground="not_registered")).status_code == 404
    for who, status in ((anna, 409), (await register.case_worker("kanvaz"), 404)):
        assert (await register.act(id_, who, "answer_appeal", reasons=WHY, upheld=True)).status_code == status
